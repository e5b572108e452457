"""``Idempotency-Key``: sent twice, done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, Team, User
from accounts.rules import Scope
from accounts.services import keys
from api import repeating, tasks
from api.models import KeptAnswer
from monitors.models import Monitor
from monitors.services import sync_regions

MakeProgram = Callable[..., APIClient]
KEY = {"Idempotency-Key": "6f1c2a3e-7d0b-4a55-9a43-0c4b9d6f2f11"}
SHOP = {"url": "http://127.0.0.1:9/shop", "name": "Shop"}


@pytest.fixture
def ours(api: MakeProgram, owner: User, regions: list[str]) -> APIClient:
    return api(owner)


def test_sent_again_it_is_answered_again(ours: APIClient, api: MakeProgram, owner: User) -> None:
    first = ours.post("/api/monitor", SHOP, headers=KEY)
    again = api(owner).post("/api/monitor", SHOP, headers=KEY)  # with a new access token
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Content-Type"] == first["Content-Type"]
    assert (again["Idempotent-Replayed"], first.has_header("Idempotent-Replayed")) == ("true", False)
    assert Monitor.objects.count() == 1
    assert SHOP["url"] not in KeptAnswer.objects.get().sealed


@pytest.mark.parametrize(
    ("where", "body"), [("/api/monitor", SHOP | {"name": "Till"}), ("/api/monitoring/trigger", SHOP)]
)
def test_a_key_is_for_one_request(where: str, body: dict[str, Any], ours: APIClient) -> None:
    ours.post("/api/monitor", SHOP, headers=KEY)
    other = ours.post(where, body, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Monitor.objects.count() == 1


def test_what_is_answered_again_counts_as_a_request(ours: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.access.throttles.CallerThrottle.THROTTLE_RATES", {"person": "2/day"})
    cache.clear()
    answers = [ours.post("/api/monitor", SHOP, headers=KEY) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    left = [answer["RateLimit"].partition(";t=")[0] for answer in answers]
    assert left == [f'"person";r={number}' for number in (1, 0, 0)]
    assert answers[2].has_header("Retry-After")


def test_a_refusal_may_be_mended_under_its_key(ours: APIClient) -> None:
    assert ours.post("/api/monitor", {"url": "ftp://x/"}, headers=KEY).status_code == 400
    assert ours.post("/api/monitor", SHOP, headers=KEY).status_code == 201


def test_a_failure_of_ours_leaves_nothing(ours: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def made_and_then_broken(**_: Any) -> None:
        Monitor.objects.update(name="half done")
        raise ZeroDivisionError

    ours.post("/api/monitor", SHOP)
    with monkeypatch.context() as broken:
        broken.setattr("monitors.services.create_monitor", made_and_then_broken)
        assert ours.post("/api/monitor", SHOP, headers=KEY).status_code == 500
    assert Monitor.objects.get().name == "Shop"
    assert ours.post("/api/monitor", SHOP, headers=KEY).status_code == 201


def test_keys_of_others_are_others(
    ours: APIClient, api: MakeProgram, editor: User, stranger: User, team: Team, owner: User
) -> None:
    ours.post("/api/monitor", SHOP, headers=KEY)
    program = APIClient()
    program.credentials(
        HTTP_AUTHORIZATION=f"Bearer {keys.create_key(team=team, by=owner, name='CI', scope=Scope.WRITE)[1]}"
    )
    for other in (api(editor), api(stranger), program):
        answer = other.post("/api/monitor", SHOP, headers=KEY)
        assert (answer.status_code, answer.has_header("Idempotent-Replayed")) == (201, False)
    assert Monitor.objects.count() == 4
    assert api().post("/api/monitor", SHOP, headers=KEY).status_code == 401


def test_a_secret_is_not_shown_twice(ours: APIClient) -> None:
    first = ours.post("/api/api-keys", {"name": "CI"}, headers=KEY)
    again = ours.post("/api/api-keys", {"name": "CI"}, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
    assert ApiKey.objects.count() == 1
    assert KeptAnswer.objects.get().sealed == ""
    assert first.json()["secret"] not in again.content.decode()


def test_v44j_a_large_answer_is_not_kept(ours: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty plans of a megabyte in a minute would be 40 GB in a day."""
    monkeypatch.setattr(repeating, "MOST_KEPT_BYTES", 50)
    assert ours.post("/api/monitor", SHOP, headers=KEY).status_code == 201
    again = ours.post("/api/monitor", SHOP, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
    assert (Monitor.objects.count(), KeptAnswer.objects.get().sealed) == (1, "")


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb"])
def test_a_bad_key_is_refused(key: str, ours: APIClient) -> None:
    answer = ours.post("/api/monitor", SHOP, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]
    assert not Monitor.objects.exists()


def test_a_day_later_a_key_is_new(ours: APIClient) -> None:
    ours.post("/api/monitor", SHOP, headers=KEY)
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert not ours.post("/api/monitor", SHOP | {"name": "Till"}, headers=KEY).has_header("Idempotent-Replayed")
    assert Monitor.objects.count() == 2
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    tasks.forget_old_answers()
    assert not KeptAnswer.objects.exists()


def test_the_doors_keep_nothing(ours: APIClient, api: MakeProgram) -> None:
    ours.post("/api/auth/login", {"email": "olga@example.com", "password": "correct horse battery"}, headers=KEY)
    assert not KeptAnswer.objects.exists()


@pytest.fixture
def _regions_for_all(transactional_db: None) -> Iterator[None]:
    sync_regions(["usa", "india"])
    return (yield)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_regions_for_all")
def test_of_many_at_once_one_is_done(api: MakeProgram, owner: User) -> None:
    start = Barrier(4)

    def send(program: APIClient) -> tuple[int, bytes]:
        try:
            start.wait(10)
            answer = program.post("/api/monitor", SHOP, headers=KEY)
            return answer.status_code, answer.content
        finally:
            connection.close()

    programs = [api(owner) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(send, programs))
    assert len(answers) == 1, answers
    assert next(iter(answers))[0] == 201
    assert Monitor.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_regions_for_all")
def test_who_waits_too_long_is_told_so(api: MakeProgram, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "WAIT_S", 1)
    ours = api(owner)

    def again_meanwhile(**_: Any) -> None:
        def send() -> tuple[int, str, str]:
            try:
                answer = ours.post("/api/monitor", SHOP, headers=KEY)
                return answer.status_code, answer.json()["code"], answer["Retry-After"]
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(send).result(30) == (409, "idempotency_under_way", "2")
        raise ZeroDivisionError

    with monkeypatch.context() as slow:
        slow.setattr("monitors.services.create_monitor", again_meanwhile)
        assert ours.post("/api/monitor", SHOP, headers=KEY).json()["code"] == "internal_error"
    assert ours.post("/api/monitor", SHOP, headers=KEY).status_code == 201
