"""The kinds that a monitor may have: those that the regions run, and the passive ones, which wait to be told."""

from __future__ import annotations

from typing import Any, Protocol, Self

from monitors.heartbeat import HeartbeatSpec
from probes.fields import Field
from probes.kinds import KINDS

HEARTBEAT = "heartbeat"

PASSIVE = frozenset({HEARTBEAT})
"""Nothing is dialled and nothing handed out for these. Their word has the kind's name where others name a region."""


class KindSpec(Protocol):
    """What the spec class of any kind offers; those in ``probes.kinds`` say besides what they dial."""

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Self: ...

    @classmethod
    def describe(cls) -> tuple[Field, ...]: ...

    @property
    def default_name(self) -> str: ...


SPECS: dict[str, type[KindSpec]] = {**{name: kind.spec for name, kind in KINDS.items()}, HEARTBEAT: HeartbeatSpec}
