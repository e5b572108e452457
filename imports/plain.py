"""What an export comes to, whichever tool wrote it. Plain values: a source makes them, the services use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self


class Unreadable(Exception):
    """The file is not such an export. The message is a sentence for the person who gave it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A monitor of the other tool in our terms. ``interval`` and ``timeout`` in seconds; None: what is usual here.

    ``policy``: hints for the parts of our policy that the file speaks of. ``losses``: what of it is not taken over.
    """

    foreign_id: str
    name: str
    kind: str
    spec: Mapping[str, Any]
    interval: int | None = None
    timeout: int | None = None
    tags: tuple[str, ...] = ()
    paused: bool = False
    policy: Mapping[str, Any] = field(default_factory=dict)
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A monitor that cannot be taken over at all, and why."""

    foreign_id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Export:
    """``losses`` are of the file as a whole; ``channels`` name whom the other tool told, as "name (kind)"."""

    monitors: tuple[Found, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    losses: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of ``as_dict``, by way of JSON."""
        tuples = {"tags", "losses"}
        monitors: list[dict[str, Any]] = [
            {k: tuple(v) if k in tuples else v for k, v in one.items()} for one in data["monitors"]
        ]
        return cls(
            monitors=tuple(Found(**one) for one in monitors),
            left_out=tuple(LeftOut(**one) for one in data["left_out"]),
            losses=tuple(data["losses"]),
            channels=tuple(data["channels"]),
        )


@dataclass(frozen=True, slots=True)
class Said:
    """The other tool's verdict on a monitor from one moment to another. ``up``: None where it could not tell."""

    foreign_id: str
    begins: datetime
    ends: datetime
    up: bool | None
    reason: str = ""
