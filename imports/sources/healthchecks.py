"""Healthchecks: what ``GET /api/v3/checks/`` (or v1, v2) answers, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from imports.plain import Export, Found, Said
from imports.reading import read_json
from imports.sources import common
from imports.sources.common import text, whole
from probes.sentences import say

TOOL = "Healthchecks"

Row = Mapping[str, Any]


def read(data: bytes) -> Export:
    found = list(common.rows(read_json(data), "checks", tool=TOOL))
    losses = [say("Each job must call its new address: show it on the monitor's page, or ask the API for ping_url.")]
    if any(text(row.get("channels")) for row in found):
        losses.append(say("Integrations were not taken over: their secrets are not in the export."))
    return common.gather((_check(row) for row in found), losses=losses)


def _id(row: Row) -> str:
    """Answers to a read-only key hold no address of a check, only a key that stands for it."""
    address = text(row.get("ping_url")).rstrip("/").rpartition("/")[2]
    return text(row.get("uuid")) or address or text(row.get("unique_key"))


def _check(row: Row) -> Found:
    tags, lost = common.tags_of(*text(row.get("tags")).split())
    schedule = text(row.get("schedule"))
    grace = {"grace": max(10, whole(row.get("grace")) or 60)}
    timed: dict[str, Any] = {"cron": schedule, "zone": text(row.get("tz")) or "UTC"} if schedule else {}
    words = [] if not text(row.get("desc")) else [say("its description")]
    words += (
        [say("that only some methods or subjects count")]
        if text(row.get("methods")) or text(row.get("subject"))
        else []
    )
    return Found(
        foreign_id=_id(row),
        name=common.name_of(row.get("name"), row.get("slug"), schedule),
        kind="heartbeat",
        spec=(timed or {"period": max(60, whole(row.get("timeout")) or 86_400)}) | grace,
        tags=tags,
        paused=text(row.get("status")) == "paused",
        losses=(*words, *lost),
    )


def history(data: bytes) -> list[Said]:
    """Its present word alone: the list holds no more."""
    said = []
    for row in common.rows(read_json(data), "checks", tool=TOOL):
        up = {"up": True, "grace": True, "down": False}.get(text(row.get("status")))
        at = common.moment(row.get("last_ping"))
        if at is not None and up:
            said.append(
                Said(_id(row), at, at + timedelta(seconds=whole(row.get("timeout")) or 60), up, say("its last ping"))
            )
    return said
