"""Reads the environment. A missing or bad value stops the start with one sentence that says what to set.

Every variable may also be given as ``NAME_FILE``, the path of a file that holds the value (Docker secrets).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import environ
from django.core.exceptions import ImproperlyConfigured

_env = environ.FileAwareEnv()


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that the settings read: for their reference (``uptime.reference``), and for ``manage.py doctor``."""

    name: str
    default: str
    """Empty: it is required, or nothing stands for it."""
    values: str


READ: dict[str, Variable] = {}
"""Everything that was read so far, by name."""

FERNET_KEY_BYTES = 32
REGION_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


def stop(sentence: str) -> NoReturn:
    """End the start. ``SystemExit`` prints the sentence alone, without a stack trace, whoever loads the settings."""
    raise SystemExit(f"uptime cannot start: {sentence}")


def _read(reader: Callable[..., Any], name: str, default: Any, meaning: str) -> Any:
    try:
        return reader(name, default=default)
    except (ImproperlyConfigured, ValueError, TypeError):
        stop(f"{name} must be {meaning}.")
    except OSError as error:
        stop(f"{name}_FILE cannot be read: {error.strerror}.")


def _note(name: str, default: object, values: str) -> None:
    """The first word counts, unless it was only that there is a text."""
    if name not in READ or READ[name].values == "text" != values:
        READ[name] = Variable(name, str(default), values)


def text(name: str, default: str = "") -> str:
    _note(name, default, "text")
    return str(_read(_env.str, name, default, "text")).strip()


def secret(name: str, *, at_least: int) -> str:
    _note(name, "", f"text of {at_least} characters or more")
    value = text(name)
    if not value:
        stop(f'{name} is not set; make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"')
    if len(value) < at_least:
        stop(f"{name} is too short: it needs at least {at_least} characters.")
    return value


def flag(name: str, default: bool) -> bool:
    _note(name, "true" if default else "false", "true or false")
    value = text(name, "true" if default else "false").lower()
    if value not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        stop(f"{name} must be true or false, not {value!r}.")
    return value in {"true", "1", "yes", "on"}


def number(name: str, default: int, *, low: int, high: int) -> int:
    _note(name, default, f"a whole number from {low:,} to {high:,}")
    value = int(_read(_env.int, name, default, f"a whole number from {low} to {high}"))
    if not low <= value <= high:
        stop(f"{name} must be a whole number from {low} to {high}, not {value}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    _note(name, default, "comma-separated")
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, among: set[str]) -> str:
    _note(name, default, f"one of {', '.join(sorted(among))}")
    value = text(name, default)
    if value not in among:
        stop(f"{name} must be one of {', '.join(sorted(among))}, not {value!r}.")
    return value


def url(name: str, *, schemes: tuple[str, ...], default: str = "") -> str:
    _note(name, default, " or ".join(f"{scheme}://" for scheme in schemes))
    value = text(name, default)
    if not value:
        stop(f"{name} is not set; it should look like {schemes[0]}://host/...")
    if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        stop(f"{name} must start with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    return value


def database(name: str) -> dict[str, Any]:
    url(name, schemes=("postgres", "postgresql"))
    return dict(_read(_env.db, name, environ.Env.NOTSET, "a PostgreSQL address"))


def email(name: str) -> dict[str, Any]:
    _note(name, "consolemail://", "an address such as smtp+tls://user:password@host:587")
    return dict(_read(_env.email_url, name, "consolemail://", "an address such as smtp+tls://user:password@host:587"))


def regions(name: str, default: str) -> list[str]:
    codes = words(name, default)
    if not codes:
        stop(f"{name} is empty; name at least one region, for example {default}.")
    for code in codes:
        if not REGION_CODE.fullmatch(code):
            stop(f"{name} has a bad region code {code!r}; use lower-case letters, digits and hyphens.")
    if "heartbeat" in codes:
        stop(f"{name} has a region called heartbeat; what jobs report is kept by that name, so choose another.")
    if len(set(codes)) != len(codes):
        stop(f"{name} names a region twice.")
    return codes


def fernet_keys(name: str) -> list[str]:
    _note(name, "", "Fernet keys, comma-separated")
    keys = words(name)
    if not keys:
        stop(
            f"{name} is not set; make a key with: python -c "
            '"from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
        )
    for key in keys:
        try:
            long_enough = len(urlsafe_b64decode(key)) == FERNET_KEY_BYTES
        except ValueError:
            long_enough = False
        if not long_enough:
            stop(f"{name} has a key that is not a Fernet key (32 bytes, url-safe base64).")
    return keys
