"""ETags: 304 for what was seen, 412 for what was not; and how much is left of the limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts.models import User
from monitors.models import Monitor
from tests.conftest import MakeMonitor

MakeProgram = Callable[..., APIClient]


@pytest.fixture
def where(make_monitor: MakeMonitor) -> str:
    return f"/api/monitor/{make_monitor(name='Shop').pk}"


def test_what_was_seen_is_not_sent_again(api: MakeProgram, owner: User, where: str) -> None:
    ours = api(owner)
    seen = ours.get(where)
    again = ours.get(where, headers={"If-None-Match": seen["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", seen["ETag"])
    assert again["Cache-Control"] == "private, no-cache"
    assert "Authorization" in again["Vary"]
    ours.patch(where, {"name": "Till"})
    changed = ours.get(where, headers={"If-None-Match": f'"other", W/{seen["ETag"]}'})
    assert changed.status_code == 200
    assert changed["ETag"] != seen["ETag"]


@pytest.mark.parametrize("verb", ["put", "patch", "delete"])
def test_nobody_overwrites_what_they_have_not_seen(verb: str, api: MakeProgram, owner: User, where: str) -> None:
    ours, body = api(owner), {"url": "http://127.0.0.1:9/", "name": "Mine"}
    seen = ours.get(where)["ETag"]
    ours.patch(where, {"name": "Somebody else's"})
    late = getattr(ours, verb)(where, body, headers={"If-Match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
    assert Monitor.objects.get().name == "Somebody else's"
    for name in ("", "nonsense", '"other"'):
        assert getattr(ours, verb)(where, body, headers={"If-Match": name}).status_code == 412
    packed = ours.get(where, headers={"Accept-Encoding": "gzip"})["ETag"]  # weak, where somebody packs
    assert packed.removeprefix("W/") == ours.get(where)["ETag"]
    fresh = getattr(ours, verb)(where, body, headers={"If-Match": packed})
    assert fresh.status_code == (204 if verb == "delete" else 200)


def test_a_condition_tells_a_stranger_nothing(api: MakeProgram, stranger: User, viewer: User, where: str) -> None:
    assert api(stranger).patch(where, {"name": "x"}, headers={"If-Match": "*"}).status_code == 404
    assert api().patch(where, {"name": "x"}, headers={"If-Match": "*"}).status_code == 401
    assert api(viewer).patch(where, {"name": "x"}, headers={"If-Match": "*"}).status_code == 403
    assert Monitor.objects.get().name == "Shop"


def test_what_cannot_be_looked_at_meets_no_condition(api: MakeProgram, owner: User, where: str) -> None:
    monitor = Monitor.objects.get()
    answer = api(owner).delete(f"/api/results/{monitor.pk}/cleanup", headers={"If-Match": '"x"'})
    assert answer.status_code == 412


def test_every_answer_says_what_is_left(
    api: MakeProgram, owner: User, regions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.access.throttles.CallerThrottle.THROTTLE_RATES", {"person": "2/day"})
    ours = api(owner)
    answers = [ours.get("/api/regions") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["RateLimit"].partition(";t=")[0] for answer in answers] == [
        '"person";r=1',
        '"person";r=0',
        '"person";r=0',
    ]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"person";q=2;w=86400'}
    assert 1 <= int(answers[2]["Retry-After"]) <= 86_400


def test_without_a_cache_nobody_is_locked_out(
    api: MakeProgram, owner: User, regions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.access.throttles.CallerThrottle.THROTTLE_RATES", {"person": "1/min"})
    monkeypatch.setattr(cache, "incr", lambda *_: None)  # as django-redis answers when Redis is away
    answers = [api(owner).get("/api/regions") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "RateLimit" not in answers[0]
