"""The tools that people come from: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from imports.plain import Export, Said, Unreadable
from imports.sources import betterstack, blackbox, gatus, healthchecks, kuma, pingdom, uptimerobot
from probes.sentences import say

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """``read`` makes plain values of a file, ``history`` what the tool said and when. Both raise ``Unreadable``."""

    title: str
    file: str
    """What to give, in words."""
    reader: Callable[[bytes], Export]
    historian: Callable[[bytes], list[Said]] | None = None

    def read(self, data: bytes) -> Export:
        return _guarded(self.reader, data)

    def history(self, data: bytes) -> list[Said]:
        if self.historian is None:
            raise Unreadable(
                say(
                    "Files of {title} say nothing of how its monitors do, so there is nothing to compare.",
                    title=self.title,
                )
            )
        return _guarded(self.historian, data)


def _guarded(read: Callable[[bytes], T], data: bytes) -> T:
    """A value of a kind that its tool never writes is the file's fault, and no fault of ours."""
    try:
        return read(data)
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Unreadable(say("The file is not built as expected: {error}.", error=str(error)[:200])) from error


SOURCES = {
    "kuma": Source("Uptime Kuma", say("kuma.db, or a JSON backup of version 1"), kuma.read, kuma.history),
    "gatus": Source("Gatus", say("its configuration, YAML"), gatus.read),
    "uptimerobot": Source(
        "UptimeRobot", say("monitors by its API v2 or v3, or the CSV"), uptimerobot.read, uptimerobot.history
    ),
    "betterstack": Source("Better Stack", say("monitors or heartbeats, JSON"), betterstack.read, betterstack.history),
    "pingdom": Source("Pingdom", say("checks, or their details, JSON"), pingdom.read, pingdom.history),
    "blackbox": Source("blackbox_exporter", say("scrape configuration of Prometheus, YAML"), blackbox.read),
    "healthchecks": Source("Healthchecks", say("checks, JSON"), healthchecks.read, healthchecks.history),
}
