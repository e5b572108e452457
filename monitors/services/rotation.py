"""Which keys hold the stored secrets, and putting them all under the first one.

Secrets lie in text columns whose names end in ``sealed``, in whatever app: that name is the agreement, and a new such
column is found without a word here. Those of second factors lie inside a column that is allauth's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.fields.json import KeyTextTransform

from accounts.services import factors

AT_ONCE = 500
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that holds sealed secrets, or a member of a JSON column."""

    model: type[models.Model]
    name: str
    member: str = ""

    def __str__(self) -> str:
        return ".".join(filter(None, (self.model._meta.db_table, self.name, self.member)))

    def rows(self) -> models.QuerySet[Any]:
        """Those with a secret, as ``found``."""
        secret = KeyTextTransform(self.member, self.name) if self.member else models.F(self.name)
        return self.model._default_manager.annotate(found=secret).filter(found__gt="")

    def value(self, sealed: str) -> Any:
        """What the column becomes under another key."""
        if not self.member:
            return sealed
        path = models.Value([self.member], ArrayField(models.TextField()))
        return models.Func(
            *(models.F(self.name), path, models.Value(sealed, models.JSONField())),
            function="jsonb_set",
            output_field=models.JSONField(),
        )


@dataclass(slots=True)
class Tally:
    """How many secrets lie under which key, by key id; ``unreadable`` fit none."""

    by_key: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    unreadable: list[str] = field(default_factory=list)
    """Where those are: ``table.column primary-key``."""


def key_id(key: str) -> str:
    """What a key is called: the beginning of its hash, which tells nothing of it."""
    return sha256(key.encode()).hexdigest()[:12]


def columns() -> list[Column]:
    model, name, members = factors.SEALED
    return [
        Column(model, found.name)
        for model in apps.get_models()
        for found in model._meta.concrete_fields
        if found.name.endswith("sealed") and isinstance(found, models.TextField)
    ] + [Column(model, name, member) for member in members]


def tally(keys: Sequence[str], *, step: Callable[[int], None] = lambda _: None) -> Tally:
    """Under which keys the secrets lie. Nothing is changed."""
    return _walk(keys, change=False, step=step)


def rotate(keys: Sequence[str], *, step: Callable[[int], None] = lambda _: None) -> Tally:
    """Put every secret under the first key.

    Each value is replaced only while it is what was read, so whoever changes a secret meanwhile wins, and what is under
    the first key already is left alone: a run that was broken off is simply run again.
    """
    return _walk(keys, change=True, step=step)


def _walk(keys: Sequence[str], *, change: bool, step: Callable[[int], None]) -> Tally:
    told, vaults = Tally(), {key_id(key): Fernet(key) for key in keys}
    everything = MultiFernet(list(vaults.values()))
    first = next(iter(vaults))
    for column in columns():
        for pk, sealed in _sealed_values(column):
            step(1)
            holder = _holder(sealed, vaults)
            if holder is None:
                told.by_key[UNREADABLE] += 1
                told.unreadable.append(f"{column} {pk}")
            elif change and holder != first and _replace(column, pk, sealed, everything):
                told.changed += 1
                told.by_key[first] += 1
            else:
                told.by_key[holder] += 1
    return told


def _sealed_values(column: Column) -> Iterator[tuple[Any, str]]:
    """Primary key and value of all that is not empty, a few at a time, so that no transaction is long."""
    rows = column.rows().order_by("pk")
    after: Any = None
    while True:
        page = rows.filter(pk__gt=after) if after is not None else rows
        found = list(page.values_list("pk", "found")[:AT_ONCE])
        yield from found
        if len(found) < AT_ONCE:
            return
        after = found[-1][0]


def _holder(sealed: str, vaults: dict[str, Fernet]) -> str | None:
    for name, vault in vaults.items():
        try:
            vault.decrypt(sealed)
        except InvalidToken:
            continue
        return name
    return None


def _replace(column: Column, pk: Any, sealed: str, vault: MultiFernet) -> bool:
    """By ``update``, which touches neither ``updated_at`` nor what is checked."""
    same = column.rows().filter(pk=pk, found=sealed)
    return bool(same.update(**{column.name: column.value(vault.rotate(sealed.encode()).decode())}))
