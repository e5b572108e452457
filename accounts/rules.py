"""Who may do what, as plain values."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A member's standing in a team, each including the ones below it."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"

    def covers(self, needed: Role) -> bool:
        order = [Role.VIEWER, Role.EDITOR, Role.OWNER]
        return order.index(self) >= order.index(needed)
