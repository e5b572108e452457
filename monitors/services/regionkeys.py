"""The keys that regions sign with, as the centre keeps them: which messages to believe.

A region without a key is believed as it always was. One that gets a key, or another, has ``GRACE`` to hand it to its
workers, in which what was right before is still believed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from monitors import secrets
from monitors.models import Region
from probes.signing import Key, Signed, new_key, text_of

GRACE = timedelta(days=1)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Keys:
    """``before`` is good until ``until`` (seconds since the epoch); None: it was to sign nothing."""

    key: Key
    before: Key | None
    until: float

    def believe(self, message: dict[str, Any], *, now: datetime) -> bool:
        signed = isinstance(message, Signed)
        if signed and self.key.made(message.mark, message.text):  # type: ignore[attr-defined]
            return True
        if now.timestamp() >= self.until:
            return False
        if self.before is None:
            return not signed
        return signed and self.before.made(message.mark, message.text)  # type: ignore[attr-defined]

    def marks(self, text: bytes, *, now: datetime) -> list[str]:
        """One by each key that a worker may have."""
        keys = [self.key, self.before] if self.before and now.timestamp() < self.until else [self.key]
        return [key.mark(text).decode() for key in keys if key]


def sealed_of(regions: Collection[str]) -> dict[str, str]:
    """``key_sealed`` of those of these regions that have a key."""
    known = Region.objects.filter(pk__in=regions).exclude(key_sealed="")
    return dict(known.values_list("pk", "key_sealed"))


def marks(sealed: str, batch: Mapping[str, Any], *, now: datetime) -> list[str]:
    """What a batch has to carry to be believed by the workers of the region whose ``key_sealed`` this is."""
    if not sealed:
        return []
    try:
        return _keys(sealed).marks(text_of(batch), now=now)
    except InvalidToken:
        logger.error("The key of a region fits none of FIELD_ENCRYPTION_KEYS, so its workers will believe nothing")
        return []


def believes(sealed: str, message: dict[str, Any], *, now: datetime) -> bool:
    """Whether a message comes from the region whose ``key_sealed`` this is."""
    if not sealed:
        return True
    try:
        return _keys(sealed).believe(message, now=now)
    except InvalidToken:
        logger.error("The key of a region fits none of FIELD_ENCRYPTION_KEYS, so nothing of it is believed")
        return False


@lru_cache(maxsize=256)
def _keys(sealed: str) -> Keys:
    kept = secrets.unseal(sealed)
    return Keys(Key(kept["key"]), Key(kept["before"]) if kept["before"] else None, kept["until"])


@transaction.atomic
def make(code: str, *, at_once: bool = False) -> None:
    """Give a region a new key. ``at_once``: what was right before is not believed any more."""
    region = _locked(code)
    kept = secrets.unseal(region.key_sealed)
    until = 0.0 if at_once else (timezone.now() + GRACE).timestamp()
    _keep(region, {"key": new_key(), "before": kept.get("key"), "until": until, "shown": False})
    audit.operated(region, "key made", at_once=at_once)


@transaction.atomic
def adopt(code: str, key: str) -> None:
    """Give a region a key that was made elsewhere, and believe nothing else. Raises ``ValueError`` for no key."""
    Key(key)
    region = _locked(code)
    if secrets.unseal(region.key_sealed).get("key") != key:
        _keep(region, {"key": key, "before": None, "until": 0.0, "shown": True})
        audit.operated(region, "key adopted")


@transaction.atomic
def show_once(code: str) -> str:
    """The key, to be given to the region's workers. It is shown one time."""
    region = _locked(code)
    kept = secrets.unseal(region.key_sealed)
    if not kept:
        raise ValidationError({"code": [f"region {code} has no key; make one with: manage.py region key {code} --new"]})
    if kept["shown"]:
        raise ValidationError({"code": [f"the key of {code} has been shown; make another one with --new"]})
    _keep(region, kept | {"shown": True})
    return str(kept["key"])


@transaction.atomic
def drop(code: str) -> None:
    """From now on the region's messages are believed without a mark."""
    region = _locked(code)
    region.key_sealed = ""
    region.save(update_fields=["key_sealed"])
    audit.operated(region, "key dropped")


def _keep(region: Region, kept: dict[str, Any]) -> None:
    region.key_sealed = secrets.seal(kept)
    region.save(update_fields=["key_sealed"])


def _locked(code: str) -> Region:
    region = Region.objects.select_for_update().filter(pk=code).first()
    if region is None:
        raise ValidationError({"code": [f"there is no region {code!r}; see: manage.py region list"]})
    return region
