"""Who may do what, as plain values."""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256


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
