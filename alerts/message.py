"""What a notifier is given: everything worth saying, as plain values, before any provider's markup."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from alerts.rules import Kind, Severity


@dataclass(frozen=True, slots=True)
class Item:
    """One of several monitors in a message with a list."""

    name: str
    reason: str
    link: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """``key`` is the same however often this message is sent; ``thread`` is shared with the trouble's other messages.

    ``title`` is one line. Names and reasons come from outside and may hold anything.
    """

    key: str
    thread: str
    kind: Kind
    severity: Severity
    title: str
    lines: tuple[str, ...]
    link: str
    happened_at: datetime
    name: str = ""
    url: str = ""
    reason: str = ""
    monitor_id: str | None = None
    incident_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    items: tuple[Item, ...] = ()
    language: str = "en"
    link_words: str = "Open in Uptime"

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def is_end(self) -> bool:
        return self.kind in {Kind.UP, Kind.RECOVERED, Kind.CALM, Kind.REGION_WELL}

    @property
    def duration_s(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.started_at).total_seconds())

    def as_dict(self) -> dict[str, Any]:
        """As programs read it (docs/api.md): fields are only ever added."""
        return {
            "key": self.key,
            "thread": self.thread,
            "kind": self.kind,
            "severity": self.severity,
            "title": self.title,
            "text": self.text,
            "link": self.link,
            "happened_at": self.happened_at.isoformat(),
            "monitor": {"id": self.monitor_id, "name": self.name, "url": self.url} if self.monitor_id else None,
            "incident": {
                "id": self.incident_id,
                "started_at": _plain(self.started_at),
                "ended_at": _plain(self.ended_at),
                "duration_s": self.duration_s,
                "reason": self.reason,
            }
            if self.incident_id
            else None,
            "monitors": [asdict(item) for item in self.items],
        }

    def placeholders(self) -> dict[str, str]:
        """What ``$NAME`` in a template stands for."""
        duration = self.duration_s
        return {
            "KEY": self.key,
            "THREAD": self.thread,
            "KIND": self.kind,
            "SEVERITY": self.severity,
            "TITLE": self.title,
            "TEXT": self.text,
            "LINK": self.link,
            "NAME": self.name,
            "URL": self.url,
            "REASON": self.reason,
            "MONITOR_ID": self.monitor_id or "",
            "INCIDENT_ID": self.incident_id or "",
            "HAPPENED_AT": self.happened_at.isoformat(),
            "STARTED_AT": _plain(self.started_at) or "",
            "ENDED_AT": _plain(self.ended_at) or "",
            "DURATION_S": "" if duration is None else f"{duration:.0f}",
        }


def _plain(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
