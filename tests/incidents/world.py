"""Results in the hands of the test: what each region says of a monitor, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from incidents import services
from incidents.models import IncidentEvent
from incidents.rules import Observation
from incidents.services import Question
from monitors.models import Monitor
from monitors.rules import Status
from probes.contract import Outcome, Reason

REASONS = {Outcome.DOWN: Reason.CONNECT_REFUSED, Outcome.DEGRADED: Reason.SLOW_RESPONSE, Outcome.UNKNOWN: Reason.LATE}


class Clock:
    """Moves by seconds, from an hour ago, so that nothing it makes lies in the future."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    def on(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def say(
    clock: Clock,
    *monitors: Monitor,
    message: str = "",
    reason: Reason | None = None,
    after_s: float = 1,
    **words: Outcome,
) -> list[Question]:
    """Each region says something of each monitor, all in one transaction: ``say(clock, shop, usa=Outcome.UP)``."""
    now = clock.on(after_s)
    slot = now - timedelta(milliseconds=500)
    seen = {
        monitor.pk: [
            Observation(region, slot, outcome, reason or REASONS.get(outcome), message)
            for region, outcome in words.items()
        ]
        for monitor in monitors
    }
    up = set(Monitor.objects.filter(pk__in=seen, status=Status.UP).values_list("pk", flat=True))
    return services.observe(seen=seen, up=up, now=now)


def all_say(clock: Clock, outcome: Outcome, *monitors: Monitor, times: int = 2, **more: object) -> None:
    for _ in range(times):
        say(clock, *monitors, usa=outcome, india=outcome, **more)  # type: ignore[arg-type]


def events_of(monitor: Monitor, *, told: bool = True) -> list[str]:
    """What happened, oldest first; ``told``: only what somebody may hear of sooner or later."""
    events = IncidentEvent.objects.filter(monitor=monitor).order_by("id")
    return [event.kind for event in events if not told or event.planned_at is None]
