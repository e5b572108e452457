"""The pages of drills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Team
from drills import selectors, services
from drills.models import Drill
from drills.rules import Figures

RECENT = 50
LIVE_S, CALM_S = 1, 10


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage on the road: when it was reached, and how long after the fault or the mending."""

    name: str
    at: datetime | None
    seconds: float | None

    @property
    def mark(self) -> str:
        return "up" if self.at else "pending"


def stages(drill: Drill) -> list[StageView]:
    seconds, reached = drill.seconds, drill.reached
    return [
        StageView(_("The target fails"), reached.fault_at, None),
        StageView(_("First failure seen"), drill.failed_at, seconds["failed"]),
        StageView(_("Confirmed"), drill.confirmed_at, seconds["confirmed"]),
        StageView(_("Message queued"), drill.queued_at, seconds["queued"]),
        StageView(_("Accepted by a channel"), drill.accepted_at, seconds["accepted"]),
        StageView(_("The target works again"), reached.mended_at, None),
        StageView(_("Recovery noticed"), drill.recovered_at, seconds["recovered"]),
        StageView(_("End accepted by a channel"), drill.told_at, seconds["told"]),
    ]


@dataclass(frozen=True)
class DrillsPage:
    running: Drill | None
    stages: list[StageView]
    """Of the one that runs."""
    past: list[Drill]
    figures: Figures
    interval: int

    @property
    def pace_s(self) -> int:
        return LIVE_S if self.running else CALM_S

    def facts(self) -> tuple[object, ...]:
        return (
            self.running and (self.running.pk, self.running.stage, self.running.incident_id),
            self.stages,
            [drill.pk for drill in self.past],
            self.figures,
        )


def drills_page(team: Team) -> DrillsPage:
    found = list(selectors.drills_of(team)[: RECENT + 1])
    running = next((drill for drill in found if drill.ended_at is None), None)
    return DrillsPage(
        running=running,
        stages=stages(running) if running else [],
        past=[drill for drill in found if drill.ended_at is not None][:RECENT],
        figures=selectors.detection(team),
        interval=services.interval_bounds()[1],
    )


@dataclass(frozen=True)
class DrillPage:
    drill: Drill
    stages: list[StageView]
    messages: list[dict[str, Any]]


def drill_page(drill: Drill) -> DrillPage:
    return DrillPage(drill, stages(drill), selectors.messages_of(drill))
