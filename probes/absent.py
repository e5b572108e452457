"""Packages that others load where they are installed, and never use for us."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Imports in here find none of these, unless they have been loaded before; later ones do again."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's word for "there is no such"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
