"""Who may do what, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from zoneinfo import available_timezones


class Role(StrEnum):
    """A member's standing in a team, each including the ones below it."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"

    def covers(self, needed: Role) -> bool:
        order = [Role.VIEWER, Role.EDITOR, Role.OWNER]
        return order.index(self) >= order.index(needed)


class Scope(StrEnum):
    """What an API key may do, each including the ones before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The role that a key of this scope acts in."""
        return {Scope.READ: Role.VIEWER, Scope.WRITE: Role.EDITOR, Scope.ADMIN: Role.OWNER}[self]


def lesser(one: Role, other: Role) -> Role:
    """The one of two roles that allows less."""
    return other if one.covers(other) else one


def fingerprint(secret: str) -> str:
    """What a random secret is kept and found by. Nobody can guess 128 random bits, so nothing slow is needed."""
    return sha256(secret.encode()).hexdigest()


def one_line(text: str) -> str:
    """Without line breaks and control characters: for names, which end up in mail headers and logs."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


class Theme(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True)
class Limit:
    """How many bad tries are allowed in a span of time; the next one waits for its end, right or wrong."""

    tries: int
    span: timedelta


HERE = Limit(5, timedelta(minutes=15))
"""Bad tries at one account from one address."""

ANYWHERE = Limit(30, timedelta(hours=24))
"""Bad tries at one account from all addresses together. Slow to fill, for it shuts the owner out as well."""

RESETS = Limit(3, timedelta(hours=1))
"""Mails with a link to one mailbox. Those asked for beyond it are not written, and nobody is told."""

SECOND_FACTOR: Mapping[str, Limit] = {
    "otp": Limit(5, timedelta(minutes=15)),
    "otp-day": Limit(30, timedelta(hours=24)),
}
"""Wrong codes of one person: only who knows the password comes this far, so the address does not matter."""


class Elsewhere(StrEnum):
    """What becomes of somebody whom the provider has signed in."""

    KNOWN = "known"
    LINK = "link"
    NEW = "new"
    UNPROVEN_THERE = "unproven_there"
    UNPROVEN_HERE = "unproven_here"
    OPERATOR = "operator"
    NOT_OURS = "not_ours"


@dataclass(frozen=True)
class Account:
    """An account as far as it matters to who signs in elsewhere."""

    active: bool = True
    staff: bool = False
    confirmed: bool = True
    linked: bool = False
    """With somebody at this provider, be it this person or another."""


def from_elsewhere(*, known: Account | None, same_address: Account | None, verified: bool) -> Elsewhere:
    """``known`` is linked with this very person; ``same_address`` has the address that the provider tells.

    An address alone links nobody who has not proven it on both sides: whoever signs up here first with somebody else's
    address would share their account, and so would whoever inherits an address at the provider. Operators hold
    everybody's keys, so that no provider's word is enough for them.
    """
    account = known or same_address
    if account is not None and account.staff:
        return Elsewhere.OPERATOR
    if known is not None:
        return Elsewhere.KNOWN if known.active else Elsewhere.NOT_OURS
    if not verified:
        return Elsewhere.UNPROVEN_THERE
    if same_address is None:
        return Elsewhere.NEW
    if not same_address.active or same_address.linked:
        return Elsewhere.NOT_OURS
    return Elsewhere.LINK if same_address.confirmed else Elsewhere.UNPROVEN_HERE


PLACES = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


@cache
def zone_names() -> tuple[str, ...]:
    """UTC and the zones of places; the rest are old names and offsets."""
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(PLACES)))
