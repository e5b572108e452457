"""What a monitor must send but nobody may read again: passwords and keys in headers and bodies.

``Monitor.spec`` holds a mask where a secret is; the secrets themselves lie encrypted in ``Monitor.sealed``. Whoever
shows or exports a spec therefore shows masks without having to think of it, and a mask that comes back means
"as it was". Which fields are secret is said by the kind's spec class (``probes.fields.Field.secret``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

from monitors.kinds import SPECS
from probes.fields import MASK, Field


def split(kind: str, spec: dict[str, Any], *, kept: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A spec as it may be shown, and its secrets by field. ``kept`` are the secrets stored so far.

    A mask without a secret to stand for is left as it is; ``lost`` finds it.
    """
    return split_fields(SPECS[kind].describe(), spec, kept=kept)


def split_fields(
    fields: Iterable[Field], spec: dict[str, Any], *, kept: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same for whatever describes itself by fields: an alert channel's settings, say."""
    secrets = {
        field.name: _restored(spec[field.name], kept.get(field.name))
        for field in fields
        if field.secret and spec.get(field.name)
    }
    return {**spec, **{name: _masked(value) for name, value in secrets.items()}}, secrets


def _restored(given: Any, kept: Any) -> Any:
    if isinstance(given, dict):
        before = kept if isinstance(kept, dict) else {}
        return {name: _restored(value, before.get(name)) for name, value in given.items()}
    return kept if given == MASK and kept is not None else given


def _masked(value: Any) -> Any:
    return dict.fromkeys(value, MASK) if isinstance(value, dict) else MASK


def lost(secrets: dict[str, Any]) -> list[str]:
    """Fields in which a mask stands for nothing that we know."""
    return [name for name, value in secrets.items() if MASK in (value.values() if isinstance(value, dict) else [value])]


def new_token() -> str:
    """128 random bits, to be part of an address."""
    return token_urlsafe(16)


def key_of(token: str) -> str:
    """What a token is found by. It is random, so nothing slow is needed to keep it from being guessed."""
    return sha256(token.encode()).hexdigest()


def seal(secrets: dict[str, Any]) -> str:
    """Encrypted with the first of FIELD_ENCRYPTION_KEYS; empty when there is nothing to hide."""
    return (
        _vault(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(json.dumps(secrets).encode()).decode() if secrets else ""
    )


def unseal(sealed: str) -> dict[str, Any]:
    """Raises ``cryptography.fernet.InvalidToken`` when none of the keys fits."""
    if not sealed:
        return {}
    secrets: dict[str, Any] = json.loads(_vault(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(sealed))
    return secrets


@cache
def _vault(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
