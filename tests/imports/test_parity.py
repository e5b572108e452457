"""Whether two tools say the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.models import Team
from imports import rules, services
from imports.rules import Span
from incidents.models import StatusChange
from monitors.models import Monitor
from tests.imports.files import export, kuma_2

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
UP, DOWN, NOTHING = True, False, None


def strip(drawn: str) -> list[Span]:
    """One letter a minute: ``.`` up, ``x`` down, ``?`` no verdict."""
    ups = {".": UP, "x": DOWN, "?": NOTHING}
    minutes = [START + timedelta(minutes=at) for at in range(len(drawn) + 1)]
    return [Span(minutes[at], minutes[at + 1], ups[char], char) for at, char in enumerate(drawn)]


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed", "compared", "disagreements"),
    [
        ("....", "....", 4, 4, []),
        ("....", "..", 2, 2, []),
        ("..xx..", "..xx..", 6, 6, []),
        ("..xx..", "...xx.", 4, 6, [(2, 1, DOWN), (4, 1, UP)]),  # the same outage, a minute apart
        (".xxxx.", "......", 2, 6, [(1, 4, DOWN)]),  # one of ours that they never saw
        ("......", ".xxxx.", 2, 6, [(1, 4, UP)]),
        (".?x?..", "..????", 1, 1, []),
        ("", "....", 0, 0, []),
        ("????", "xxxx", 0, 0, []),
    ],
)
def test_agreement(
    ours: str, theirs: str, agreed: int, compared: int, disagreements: list[tuple[int, int, bool]]
) -> None:
    found = rules.compare(strip(ours), strip(theirs), tolerance=timedelta(seconds=90))
    assert (found.agreed_s, found.compared_s) == (agreed * 60, compared * 60)
    told = [((one.begins - START).seconds // 60, int(one.lasted_s) // 60, one.ours_up) for one in found.disagreements]
    assert told == disagreements
    assert [one.brief for one in found.disagreements] == [length == 1 for _, length, _ in disagreements]


def said(monitor: Monitor, minute: int, before: str, after: str) -> None:
    votes = [{"region": "usa", "outcome": "down", "message": "no answer", "excluded": None}] if after == "down" else []
    at = START + timedelta(minutes=minute)
    StatusChange.objects.create(
        monitor=monitor, happened_at=at, before=before, after=after, votes=votes, policy={}, open_incident=False
    )
    Monitor.objects.filter(pk=monitor.pk).update(status=after, status_since=at)


@pytest.mark.django_db
@pytest.mark.usefixtures("regions")
def test_the_beats_of_kuma_beside_our_verdicts(team: Team, tmp_path: Path) -> None:
    data = kuma_2(tmp_path)
    services.apply(team=team, source="kuma", export=services.read("kuma", data))
    shop = Monitor.objects.get(name="Shop")
    for minute, before, after in [(-5, "pending", "up"), (1, "up", "down"), (4, "down", "up")]:
        said(shop, minute, before, after)
    path = tmp_path / "kuma.db"
    path.write_bytes(data)
    out = StringIO()
    call_command("parity", "kuma", str(path), "--team", team.name, "--json", stdout=out)
    found = {one["name"]: one for one in json.loads(out.getvalue())}
    assert found["Shop"]["compared_s"] == 360
    assert found["Shop"]["agreed_s"] == 240
    (ours, theirs) = found["Shop"]["disagreements"]
    assert ours["ours_why"] == "down (usa: no answer)"
    assert theirs["theirs_why"] == "timeout of 48000ms exceeded"
    assert found["Mail"]["agreement"] is None


@pytest.mark.django_db
@pytest.mark.usefixtures("regions")
def test_a_pause_between_two_verdicts_is_not_compared(team: Team) -> None:
    data = export("uptimerobot.json")
    services.apply(team=team, source="uptimerobot", export=services.read("uptimerobot", data))
    monitor = Monitor.objects.get(name="Example")
    for minute, before, after in [(-600_000, "pending", "up"), (5, "pending", "up")]:
        said(monitor, minute, before, after)
    found = services.compare(team=team, source="uptimerobot", data=data)
    assert next(one for one in found if one.monitor == monitor).parity.agreement is None
