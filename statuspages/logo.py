"""A picture from outside becomes one of ours: decoded within bounds, made small, and encoded anew as a PNG."""

from __future__ import annotations

import warnings
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING

from probes.sentences import say

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
"""No SVG: that is a document, which may hold scripts."""
MAX_PIXELS = 16_000_000
SIZE = (480, 128)
"""Twice what is shown, for fine screens."""


class BadLogo(ValueError):
    """With a sentence for whoever sent the picture."""


def encode(given: bytes, *, most_kb: int) -> bytes:
    """The picture as a small PNG without anything else that its file held. Raises ``BadLogo``."""
    from PIL import Image, UnidentifiedImageError  # with the first picture: 2 MB

    if len(given) > most_kb * 1_000:
        raise BadLogo(say("must be at most {most_kb} kB (LOGO_MAX_KB)", most_kb=f"{most_kb:,}"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(given), formats=FORMATS) as picture:
                return _encode(picture)
    except BadLogo:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadLogo(say("must be a picture of a usual size: {names}", names=", ".join(FORMATS))) from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError):  # what Pillow raises for damaged files
        raise BadLogo(say("is damaged: it could not be read to its end")) from None


def _encode(picture: Image) -> bytes:
    width, height = picture.size  # from the header; nothing has been unpacked yet
    if width * height > MAX_PIXELS:
        raise BadLogo(
            say(
                "has too many pixels ({width} by {height}): make it smaller than 4000 by 4000",
                width=width,
                height=height,
            )
        )
    picture.draft("RGB", SIZE)
    small = picture.convert("RGBA")
    small.thumbnail(SIZE)
    out = BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


def mark_of(png: bytes) -> str:
    return sha256(png).hexdigest()[:16]
