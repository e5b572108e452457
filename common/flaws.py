"""What JSON can say, and nobody can keep or say again. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from probes.sentences import say

DEEPEST = 100
LONGEST_NAME = 100
"""Of a place, as a refusal names it."""

Found = tuple[str, ...]
"""Why, and the names that lead to it."""


def flaw_of(value: Any, *, to_keep: bool = False) -> tuple[str, str] | None:
    """Where a value of JSON holds what cannot be written out again, by its dotted name, and why; the first such place.

    That is half of a surrogate pair, a number beyond all that numbers are kept in, and a nesting without end.
    ``to_keep``: also a NUL, which PostgreSQL holds in no text.
    """
    found = _flaw(value, "\x00" if to_keep else "", 0)
    return (".".join(map(_printable, found[1:]))[:LONGEST_NAME], found[0]) if found else None


def _flaw(value: Any, forbidden: str, depth: int) -> Found | None:
    if isinstance(value, str):
        return _flaw_of_text(value, forbidden)
    if isinstance(value, float):
        return None if math.isfinite(value) else (say("A number this large is not allowed."),)
    if depth > DEEPEST:
        return (say("At most {most} levels may be nested.", most=DEEPEST),)
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for name, each in inner:
        if found := _flaw(name, forbidden, depth) or _flaw(each, forbidden, depth + 1):
            return (found[0], str(name), *found[1:])
    return None


def _flaw_of_text(text: str, forbidden: str) -> Found | None:
    if forbidden and forbidden in text:
        return (say("Null characters are not allowed."),)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return (say("Surrogate characters are not allowed: U+{code}.", code=f"{ord(text[error.start]):X}"),)
    return None


def _printable(name: str) -> str:
    return name.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
