"""The id of a check says what it is: which monitor, which slot, which configuration. Nothing about it is random, so
the same check twice is recognised as one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, order=True)
class CheckId:
    monitor: UUID
    slot: int
    """Seconds since the epoch."""
    version: int
    """The monitor's ``config_version`` that was sent."""

    def __str__(self) -> str:
        return f"{self.monitor}/{self.slot}/{self.version}"

    @classmethod
    def parse(cls, text: str) -> CheckId:
        """Raises ``ValueError`` on anything that is not an id of ours."""
        monitor, slot, version = text.split("/")
        return cls(UUID(monitor), int(slot), int(version))

    @property
    def slot_at(self) -> datetime:
        return datetime.fromtimestamp(self.slot, UTC)
