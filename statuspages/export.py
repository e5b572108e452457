"""A page as files for a static host, for when our own server is what has failed.

The copy needs no server and no script: it says when it was made. With scripts it also says how long ago that is, and
that it is stale once it is too old.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from statuspages import news
from statuspages.colours import stylesheet
from statuspages.shown import Month, Page

PREFIX = "status-copy-"
"""Of all files beside index.html, history.html and summary.json that are ours to remove."""
SOURCES = ("style.css", "dark.css", "status.css", "stale.js", "favicon.svg")
OLD_FILES_STAY_S = 86_400
"""Whoever loaded the page before the last copy still finds what it names."""


def write(
    page: Page,
    directory: Path,
    *,
    months: Sequence[Month],
    url: str,
    stale_after_min: int,
    logo: bytes | None,
    now: datetime,
) -> None:
    """Put the copy there, with its history of ``months``, newest first. Each file appears whole or not at all;
    index.html comes last, so that it never names a file that is not there. Raises ``OSError``."""
    directory.mkdir(parents=True, exist_ok=True)
    assets = {name: (settings.BASE_DIR / "static" / name).read_bytes() for name in SOURCES}
    if page.colours:
        assets["colours.css"] = stylesheet(page.colours).encode()
    if logo:
        assets["logo.png"] = logo
    names = {name: _marked(name, body) for name, body in assets.items()}
    for name, body in assets.items():
        _put(directory / names[name], body)
    language = page.languages[0] if page.languages else settings.LANGUAGE_CODE
    with translation.override(language):
        told = news.summary(page, url=url, made_at=now)
        context = {
            "page": page,
            "months": months,
            "files": {name.partition(".")[0]: marked for name, marked in names.items()},
            "url": url,
            "language": language,
            "stale_after_min": stale_after_min,
            "made_at": now,
            "copy": True,
        }
        history, index = (render_to_string(f"statuspages/export_{name}.html", context) for name in ("history", "index"))
    _put(directory / "summary.json", json.dumps(told).encode())
    _put(directory / "history.html", history.encode())
    _put(directory / "index.html", index.encode())
    _sweep(directory, keep=set(names.values()), now=now)


def _marked(name: str, body: bytes) -> str:
    stem, _, ending = name.partition(".")
    return f"{PREFIX}{stem}-{sha256(body).hexdigest()[:12]}.{ending}"


def _put(path: Path, body: bytes) -> None:
    """Whole or not at all, whoever reads and whatever happens meanwhile."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{PREFIX}")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _sweep(directory: Path, *, keep: set[str], now: datetime) -> None:
    for pattern in (f"{PREFIX}*", f".{PREFIX}*"):
        for path in directory.glob(pattern):
            with suppress(OSError):
                if path.name not in keep and path.stat().st_mtime < now.timestamp() - OLD_FILES_STAY_S:
                    path.unlink()
