"""What a list may be asked for: a page, an order, a filter.

Paging is by key: a cursor is the key of the last row seen, so page 1,000 costs what page 1 costs.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from common.flaws import flaw_of
from probes.sentences import say

Row = TypeVar("Row", bound=Model)

NO_CURSOR = ValidationError({"cursor": [say("is not a cursor of this list; leave it out to start at the beginning")]})
DEFAULT_LIMIT = 100


def read_limit(value: str | None) -> int:
    """The page size asked for, from 1 to ``API_MAX_ROWS``."""
    most = settings.API_MAX_ROWS
    if value is None or value == "":
        return DEFAULT_LIMIT
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:6]) <= most:
        raise ValidationError({"limit": [say("must be a whole number from 1 to {most}", most=most)]})
    return int(value)


def write_cursor(*key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_cursor(value: str, parts: int) -> list[str]:
    """The key inside a cursor of ours; anything else is refused."""
    try:
        key = json.loads(base64.urlsafe_b64decode(value.encode() + b"=" * (-len(value) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(part, str) for part in key):
        raise NO_CURSOR
    if flaw_of(key, to_keep=True):
        raise NO_CURSOR
    return key


def page_of(
    found: QuerySet[Row], query: Mapping[str, str], *, key: Callable[[Row], tuple[Any, ...]]
) -> tuple[list[Row], str | None]:
    """One page (``?limit=``) of an ordered query, and the cursor of the next, made from the key of its last row."""
    limit = read_limit(query.get("limit"))
    return cut_page(list(found[: limit + 1]), limit, key=key)


def page_by(found: QuerySet[Row], query: Mapping[str, str], *, order: Sequence[str]) -> tuple[list[Row], str | None]:
    """One page in an order by fields that are never null, the last of them unique; a minus means descending."""
    said = ",".join(order)
    found = found.order_by(*order)
    if cursor := query.get("cursor"):
        written, *values = read_cursor(cursor, parts=len(order) + 1)
        if written != said:
            raise ValidationError({"cursor": [say("is of another order; leave it out to start at the beginning")]})
        found = found.filter(_behind(found.model, order, values))
    fields = [name.removeprefix("-") for name in order]
    return page_of(found, query, key=lambda row: (said, *(getattr(row, field) for field in fields)))


def _behind(model: type[Model], order: Sequence[str], values: Sequence[str]) -> Q:
    """The rows after these values: later in the first field, or the same there and later in the next, and so on."""
    behind, same = Q(), Q()
    for name, value in zip(order, values, strict=True):
        field = name.removeprefix("-")
        try:
            known = model._meta.get_field(field).to_python(value)  # type: ignore[union-attr]
        except ValidationError as error:
            raise NO_CURSOR from error
        if isinstance(known, datetime) and known.utcoffset() != timedelta(0):
            raise NO_CURSOR  # ours are in UTC; PostgreSQL knows no offsets of 16 hours and more
        behind |= same & Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": known})
        same &= Q(**{field: known})
    return behind


def read_order(query: Mapping[str, str], allowed: Sequence[str]) -> str:
    """``?order=``: one of the allowed fields, with a minus for descending; the first is the usual one."""
    wanted = query.get("order") or allowed[0]
    if wanted not in allowed:
        raise ValidationError({"order": [say("must be one of {names}", names=", ".join(allowed))]})
    return wanted


def read_flag(query: Mapping[str, str], name: str) -> bool | None:
    """A parameter that is ``true`` or ``false``; None where it is left out."""
    text = query.get(name, "")
    if text not in {"", "true", "false"}:
        raise ValidationError({name: [say("must be true or false")]})
    return text == "true" if text else None


def read_id(text: str, name: str) -> UUID:
    """An id that a parameter names."""
    try:
        return UUID(text)
    except ValueError as error:
        raise ValidationError({name: [say("is not an id")]}) from error


def cut_page(rows: Sequence[Row], limit: int, *, key: Callable[[Row], tuple[Any, ...]]) -> tuple[list[Row], str | None]:
    """The same for rows that are read already: up to one more than the limit."""
    more = write_cursor(*(_plain(part) for part in key(rows[limit - 1]))) if len(rows) > limit else None
    return list(rows[:limit]), more


def _plain(part: Any) -> str:
    return part.isoformat() if isinstance(part, datetime) else str(part)
