"""Making demo data, step by step, and taking it away."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import connection, transaction

from accounts.models import Team
from checks.models import CheckEvidence, CheckResult
from checks.services import days, rollups, stats
from checks.services.demo.past import make_monitors
from checks.services.demo.plan import AT_ONCE, Plan, moment
from checks.services.demo.rows import write_results, write_rollups
from checks.services.demo.story import HOUR_S
from common.portions import portions
from monitors.models import Monitor

TEAM_NAME = "Demo data"

Report = Callable[[str], None]


class AlreadyThere(Exception):
    """The same monitors have been made before."""


def demo_team() -> Team:
    """The team of demo monitors that are nobody's."""
    return Team.objects.filter(name=TEAM_NAME, members=None).first() or Team.objects.create(name=TEAM_NAME)


def seed(plan: Plan, *, team: Team, report: Report) -> None:
    """Make the monitors, their hours and days, one day of single results, and their figures.

    Each step is committed by itself, so that no transaction grows without bound; ``clean`` removes what an
    interrupted run has left.
    """
    if Monitor.objects.filter(pk__in=[who.id for who in plan.characters[:AT_ONCE]]).exists():
        raise AlreadyThere
    rollups.close(now=moment(plan.now), seconds=math.inf)
    plan = replace(plan, folded=int(rollups.folded_until().timestamp()))
    report(f"{plan.monitors} monitors in {', '.join(plan.regions)} ...")
    make_monitors(plan, team)
    hours = range(plan.raw_start, plan.now + 1, HOUR_S)
    days.ensure_days({moment(hour).date() for hour in hours})
    steps = [Step(f"hours and days of {moment(at):%Y-%m-%d}", write_rollups, at) for at in plan.all_days]
    steps += [Step(f"results of {moment(at):%Y-%m-%d %H} h", write_results, at) for at in hours]
    for number, step in enumerate(_in_two_threads(plan, steps), 1):
        report(f"{step.name} ({number} of {len(steps)})")
    report("statistics ...")
    analyze()
    for some in portions([who.id for who in plan.characters], AT_ONCE):
        rollups.catch_up(some, since=moment(plan.folded))
        stats.compute(some, now=moment(plan.now))


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of writing that can be done beside others."""

    name: str
    write: Callable[[Plan, int], None]
    at: int


def _in_two_threads(plan: Plan, steps: Sequence[Step]) -> Iterator[Step]:
    """PostgreSQL works on one COPY with one core; two at a time keep two busy. Gives each step when it is done."""

    def do(step: Step) -> Step:
        try:
            step.write(plan, step.at)
        finally:
            connection.close()  # this thread's own
        return step

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(do, steps)


def analyze() -> None:
    """Let the planner and ``manage.py storage`` know what is there now."""
    with connection.cursor() as cursor:
        for table in ("checks_rolluphour", "checks_rollupday", *(each.name for each in days.describe())):
            cursor.execute(f"ANALYZE {table}")


def clean(*, team: Team | None, report: Report) -> int:
    """Remove all demo monitors, or those of a team, with their results; says how many."""
    ids = demo_ids(team)
    for number, some in enumerate(portions(ids, AT_ONCE)):
        report(f"{number * AT_ONCE} of {len(ids)} removed ...")
        with transaction.atomic():
            CheckEvidence.objects.filter(monitor__in=some).delete()
            CheckResult.objects.filter(monitor__in=some).delete()
            Monitor.objects.filter(pk__in=some).delete()
    Team.objects.filter(name=TEAM_NAME, members=None, monitors=None).delete()
    return len(ids)


def demo_ids(team: Team | None) -> list[UUID]:
    monitors = Monitor.objects.all() if team is None else Monitor.objects.for_team(team)
    return [pk for pk in monitors.order_by("pk").values_list("pk", flat=True) if pk.version == 5]
