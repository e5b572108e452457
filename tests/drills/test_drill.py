"""A target of ours goes down on purpose: what is measured is what the ordinary road did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Team, User
from alerts.models import Delivery
from alerts.services import channels, planning, sending
from checks.services import dispatch, ingest
from common.clock import database_now
from drills import rules, selectors, services
from drills.models import Drill
from drills.rules import Figures, Seen, Stage, Step, Times
from incidents.models import Incident, IncidentEvent
from monitors.models import Monitor
from monitors.rules import Status
from monitors.services import create_monitor, delete_monitor, pause
from probes.contract import Outcome, Reason
from tests.alerts.sinks import Sink, http_sink
from tests.checks.road import open_batches, report_on

Api = Callable[..., APIClient]
NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("times", "seen", "now", "step"),
    [
        (Times(NOW), Seen(Status.PENDING), 5, Step.WAIT),
        (Times(NOW), Seen(Status.UP), 5, Step.BREAK),
        (Times(NOW), Seen(Status.DOWN), 130, Step.END),
        (Times(NOW), Seen(Status.PAUSED), 5, Step.END),
        (Times(NOW), Seen(None), 5, Step.END),
        (Times(NOW, fault_at=at(60)), Seen(Status.UP), 30, Step.WAIT),
        (Times(NOW, fault_at=at(60)), Seen(Status.UP), 400, Step.END),
        (Times(NOW, fault_at=at(60), confirmed_at=at(80)), Seen(Status.DOWN), 81, Step.WAIT),
        (Times(NOW, fault_at=at(60), confirmed_at=at(80)), Seen(Status.DOWN, planned=True), 81, Step.END),
        (Times(NOW, at(60), None, at(80), at(81)), Seen(Status.DOWN, planned=True), 82, Step.WAIT),
        (Times(NOW, at(60), None, at(80), at(81)), Seen(Status.DOWN, planned=True), 201, Step.END),
        (Times(NOW, at(60), None, at(80), at(81), at(82)), Seen(Status.DOWN), 83, Step.MEND),
        (Times(NOW, at(60), None, at(80), at(81), at(82), at(100)), Seen(Status.DOWN), 110, Step.WAIT),
        (Times(NOW, at(60), None, at(80), at(81), at(82), at(100)), Seen(Status.DOWN), 400, Step.END),
        (Times(NOW, at(60), None, at(80), at(81), at(82), at(100), at(110)), Seen(Status.UP), 111, Step.WAIT),
        (Times(NOW, at(60), None, at(80), at(81), at(82), at(100), at(110), at(112)), Seen(Status.UP), 113, Step.END),
    ],
)
def test_what_comes_next(times: Times, seen: Seen, now: float, step: Step) -> None:
    found, problem = rules.next_step(times, seen, interval=MINUTE, now=at(now))
    assert found is step
    assert bool(problem) is (step is Step.END and times.told_at is None)


@pytest.mark.parametrize(
    ("fault", "mended", "seen"),
    [
        (None, None, (None, None)),
        (51, None, (None, None)),
        (50, 51, (50, None)),
        (40, 50, (40, 50)),
        (51, 50, (None, None)),  # it ended before its fault
    ],
)
def test_what_lies_ahead_is_not_reached(
    fault: float | None, mended: float | None, seen: tuple[float | None, float | None]
) -> None:
    def moment(seconds: float | None) -> datetime | None:
        return None if seconds is None else at(seconds)

    found = rules.reached(Times(NOW, fault_at=moment(fault), mended_at=moment(mended)), now=at(50))
    assert (found.fault_at, found.mended_at) == tuple(map(moment, seen))


def test_the_figures_are_ones_that_were_measured() -> None:
    assert rules.figures([]) == Figures(0, None, None, None)
    assert rules.figures([7.0]) == Figures(1, 7.0, 7.0, 7.0)
    assert rules.figures(float(n) for n in range(1, 21)) == Figures(20, 10.0, 19.0, 20.0)


class World:
    """Regions that really ask the target, and a channel that leads to a local sink."""

    def __init__(self, browser: Client) -> None:
        self.browser = browser

    def outcome(self, monitor: Monitor) -> Outcome:
        path = monitor.url.removeprefix("http://testserver")
        return Outcome.UP if self.browser.get(path).status_code == 200 else Outcome.DOWN

    def check(self, drill: Drill) -> None:
        """Both regions look, as often as they are asked."""
        monitor = drill.monitor
        assert monitor is not None
        Monitor.objects.filter(pk=monitor.pk, paused=False).update(wanted_at=database_now())
        dispatch.dispatch_wanted()
        for _ in range(10):
            batches = open_batches()
            if not batches:
                return
            for batch in batches:
                ingest.ingest(report_on(batch, self.outcome(monitor)))

    def tell(self) -> None:
        """Here one check follows another at once, so slots run ahead of the clock and what is told waits for it."""
        IncidentEvent.objects.filter(kind=IncidentEvent.Kind.OPENED).update(held_until=None)
        now = database_now()
        planning.plan(now=now)
        while sending.send_next(now=now):
            pass


def jump(drill: Drill, name: str) -> None:
    """A moment that was chosen ahead comes at once."""
    drill.refresh_from_db()
    assert getattr(drill, name) > database_now()
    Drill.objects.filter(pk=drill.pk).update(**{name: database_now()})


def turned(drill: Drill) -> Drill:
    services.turn()
    return Drill.objects.select_related("monitor").get(pk=drill.pk)


def to_sink(team: Team, sink: Sink) -> None:
    """The team's first rule sends to a sink instead of by mail."""
    channels.ensure_defaults(team)
    channel = channels.create_channel(team=team, kind="webhook", settings={"url": sink.url})
    team.alert_rules.get().steps.update(channel=channel)


@pytest.mark.django_db
def test_a_drill_from_the_fault_to_the_last_message(
    team: Team, owner: User, regions: list[str], client: Client
) -> None:
    world = World(client)
    with http_sink() as sink:
        to_sink(team, sink)
        drill = services.begin(team=team, by=owner)
        assert drill.monitor is not None
        assert drill.monitor.interval == 60
        assert turned(drill).stage is Stage.PREPARING
        world.check(drill)
        seen = turned(drill)
        assert seen.fault_at is not None
        assert (seen.stage, seen.reached.fault_at) == (Stage.PREPARING, None), "the fault lies ahead"
        assert world.outcome(drill.monitor) is Outcome.UP

        jump(drill, "fault_at")
        assert world.outcome(drill.monitor) is Outcome.DOWN
        seen = turned(drill)
        assert (seen.stage, seen.failed_at) == (Stage.DOWN, None), "nobody has looked yet"
        world.check(drill)
        seen = turned(drill)
        assert None not in (seen.failed_at, seen.confirmed_at)
        assert seen.accepted_at is None
        world.tell()
        seen = turned(drill)
        assert seen.mended_at is not None
        assert (seen.stage, seen.reached.mended_at) == (Stage.DOWN, None), "the mending lies ahead"
        assert seen.confirmed_at == Incident.objects.get().confirmed_at
        stages = list(seen.seconds.values())[:4]
        assert stages == sorted(stages, key=float)  # type: ignore[arg-type]

        jump(drill, "mended_at")
        assert turned(drill).stage is Stage.MENDED
        world.check(drill)
        world.tell()
        seen = turned(drill)
        assert seen.stage is Stage.DONE, seen.problem
        assert None not in seen.seconds.values()
        assert [message.json["title"] for message in sink.received] == [
            "DOWN: Drill, no real outage",
            "UP: Drill, no real outage works again",
        ]
    drill.monitor.refresh_from_db()
    assert drill.monitor.paused
    assert selectors.detection().count == 1
    assert selectors.detection().worst_s == seen.detection_s
    assert [message["kind"] for message in selectors.messages_of(seen)] == ["down", "up"]


@pytest.mark.django_db
def test_the_next_drill_uses_the_same_monitor_with_another_address(team: Team, regions: list[str]) -> None:
    first = services.begin(team=team, by=None)
    assert first.monitor is not None
    pause(first.monitor)
    assert turned(first).stage is Stage.FAILED
    second = services.begin(team=team, by=None)
    assert second.monitor is not None
    assert second.monitor.pk == first.monitor.pk
    assert second.monitor.url != first.monitor.url
    assert not second.monitor.paused
    delete_monitor(second.monitor)
    assert turned(second).problem == "Its monitor was deleted."
    assert services.begin(team=team, by=None).monitor is not None


@pytest.mark.django_db
def test_a_drill_that_ends_early_leaves_nothing_broken(team: Team, regions: list[str], client: Client) -> None:
    world = World(client)
    drill = services.begin(team=team, by=None)
    world.check(drill)
    turned(drill)
    jump(drill, "fault_at")
    world.check(drill)
    channels.ensure_defaults(team)
    team.alert_rules.all().delete()
    world.tell()
    seen = turned(drill)
    assert seen.problem == "No rule of the team sends anybody a message of this monitor."
    assert seen.monitor is not None
    assert world.outcome(seen.monitor) is Outcome.UP
    assert Incident.objects.get().resolved_at is None  # closed by the next look at paused monitors
    assert seen.monitor.paused
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_what_is_planned_while_we_look_is_not_taken_for_silence(
    team: Team, regions: list[str], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planner commits between our two looks at the rows, whichever comes first."""
    world = World(client)
    looks: list[object] = []

    def after_the_first(look: Callable[..., Any]) -> Callable[..., Any]:
        def looking(*rows: object) -> Any:
            if looks:
                world.tell()
            looks.append(look)
            return look(*rows)

        return looking

    with http_sink() as sink:
        to_sink(team, sink)
        drill = services.begin(team=team, by=None)
        world.check(drill)
        turned(drill)
        jump(drill, "fault_at")
        world.check(drill)
        for name in ("seen", "times_of"):
            monkeypatch.setattr(selectors, name, after_the_first(getattr(selectors, name)))
        drill = turned(drill)
        assert drill.problem == ""
        assert turned(drill).mended_at is not None


@pytest.mark.django_db
def test_regions_that_may_not_dial_us_say_so(team: Team, regions: list[str]) -> None:
    drill = services.begin(team=team, by=None)
    dispatch.dispatch_wanted()
    for batch in open_batches():
        ingest.ingest(report_on(batch, Outcome.UNKNOWN, reason=Reason.ADDRESS_BLOCKED, message="10.0.0.1 is private"))
    Drill.objects.update(asked_at=database_now() - timedelta(minutes=3))
    Monitor.objects.update(status_since=database_now() - timedelta(minutes=9))
    assert turned(drill).problem.startswith("The regions may not dial the target: 10.0.0.1 is private")


@pytest.mark.django_db
def test_an_address_that_nobody_may_dial_is_refused_at_once(
    owner: User, regions: list[str], settings: Settings, api: Api
) -> None:
    settings.SITE_URL = "http://10.1.2.3"
    answer = api(owner).post("/api/drills", {})
    assert answer.status_code == 400
    assert "Set SITE_URL to this server's public address" in str(answer.json()["fields"]["site_url"])
    assert not Drill.objects.exists()
    assert not Monitor.objects.exists()


@pytest.mark.django_db
def test_the_api(owner: User, viewer: User, stranger: User, regions: list[str], api: Api) -> None:
    assert api(viewer).post("/api/drills", {}).status_code == 403
    assert api(owner).post("/api/drills", {"interval": 5}).status_code == 400
    answer = api(owner).post("/api/drills", {"interval": 60})
    assert answer.status_code == 202, answer.content
    drill = answer.json()
    assert drill["stage"] == "preparing"
    assert api(owner).post("/api/drills", {}).status_code == 409
    assert api(viewer).get(f"/api/drills/{drill['id']}").json()["messages"] == []
    listed = api(viewer).get("/api/drills").json()
    assert [each["id"] for each in listed["results"]] == [drill["id"]]
    assert listed["detection"]["count"] == 0
    assert api(stranger).get("/api/drills").json()["results"] == []


@pytest.mark.django_db
def test_an_unknown_target_is_not_there(client: Client, owner: User, regions: list[str]) -> None:
    assert client.get("/drill/guessed").status_code == 404
    monitor = create_monitor(team=owner.memberships.get().team, url="http://127.0.0.1:9/")
    assert client.get(f"/drill/{monitor.pk}").status_code == 404


@pytest.mark.django_db
def test_the_command_asks_for_a_team_where_there_are_several(owner: User, stranger: User, regions: list[str]) -> None:
    with pytest.raises(CommandError, match="--team"):
        call_command("drill")
    call_command("drill", team=owner.email)
    assert Drill.objects.get().team == owner.memberships.get().team
    with pytest.raises(CommandError, match="under way"):
        call_command("drill", team=owner.email)
