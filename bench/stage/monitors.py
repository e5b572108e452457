"""Monitors in bulk: once a minute, half of them from each region."""

from __future__ import annotations

import os
import subprocess
import sys

import django

from bench.stage.programs import REGIONS, ROOT

INTERVAL_S = 60
MADE_AT_ONCE = 5_000


def make_monitors(env: dict[str, str], number: int, site_url: str) -> None:
    """In a process of its own: Django takes its settings from the environment once."""
    command = [sys.executable, "-m", "bench.stage.monitors", str(number), site_url]
    subprocess.run(command, cwd=ROOT, env=env, check=True)


def _make(number: int, site_url: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "uptime.settings"
    django.setup()
    from django.db import connection

    from accounts.models import Team
    from monitors.models import Monitor
    from monitors.rules import Policy, phase_of

    team, policy = Team.objects.create(name="bench"), Policy().as_dict()
    for first in range(0, number, MADE_AT_ONCE):
        monitors = [
            Monitor(
                team=team,
                name=f"site {place}",
                spec={"url": f"{site_url}{place}"},
                interval=INTERVAL_S,
                regions=[REGIONS[place % 2]],
                policy=policy,
            )
            for place in range(first, min(number, first + MADE_AT_ONCE))
        ]
        for monitor in monitors:
            monitor.phase = phase_of(monitor.pk, INTERVAL_S)
        Monitor.objects.bulk_create(monitors)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE monitors_monitor")  # as it would be where they have come one by one


if __name__ == "__main__":
    _make(int(sys.argv[1]), sys.argv[2])
