"""Monitors in bulk, by the product's own model, in a process that knows the box's database.

``python -m tests.chaos.monitors`` reads a JSON list of monitors, each ``{"name", "url", "interval", "timeout",
"regions", "fallback_regions", "phase"?}``, and says their ids. One with a phase waits for its slot, the others are
checked at once.
"""

from __future__ import annotations

import json
import os
import sys

import django


def make() -> None:
    from django.utils import timezone

    from accounts.models import Team
    from monitors.models import Monitor
    from monitors.rules import Policy, phase_of

    team, _ = Team.objects.get_or_create(name="chaos")
    policy = Policy(flapping=0).as_dict()  # each outage is counted, however many there are in half an hour
    monitors = []
    for wanted in json.load(sys.stdin):
        spec, phase = {"url": wanted.pop("url")}, wanted.pop("phase", None)
        monitor = Monitor(team=team, kind="http", spec=spec, policy=policy, **wanted)
        monitor.phase = phase_of(monitor.id, monitor.interval) if phase is None else phase
        monitor.wanted_at = timezone.now() if phase is None else None
        monitors.append(monitor)
    json.dump([str(monitor.id) for monitor in Monitor.objects.bulk_create(monitors, batch_size=1_000)], sys.stdout)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "uptime.settings"
    django.setup()
    make()
