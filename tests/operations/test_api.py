"""``/api/operator``: what the operator's page shows and does, for programs of operators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.rules import Scope
from accounts.services import keys
from alerts.models import Delivery
from alerts.rules import State
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.test_operations_pages import go_wrong

Program = Callable[..., APIClient]

CALLS = [
    ("get", "/api/operator"),
    ("post", "/api/operator/batches/redrive"),
    ("post", "/api/operator/deliveries/00000000-0000-4000-8000-000000000000/redrive"),
]


def test_an_operator_reads_what_is_wrong_and_does_it_again(
    api: Program, owner: User, stranger: User, make_monitor: MakeMonitor
) -> None:
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    go_wrong(stranger.memberships.get().team, make_monitor)
    client = api(owner)
    told = client.get("/api/operator").json()
    assert "Region india is not heard of." in told["problems"]
    usa, india = told["regions"]
    assert (usa["workers"][0]["alive"], usa["suspect"], india["online"]) == (True, False, False)
    assert told["broken_channels"][0]["last_error"] == "it answered 500"
    assert [(batch["region"], batch["checks"]) for batch in told["dead_batches"]] == [("usa", 1)]
    (delivery,) = told["dead_deliveries"]
    assert (delivery["state"], delivery["team"]) == (State.DEAD, str(stranger.memberships.get().team))

    again = f"/api/operator/deliveries/{delivery['id']}/redrive"
    assert client.post(again).json()["state"] == State.WAITING
    assert client.post(again).status_code == 400
    assert Delivery.objects.get().state == State.WAITING
    assert client.post("/api/operator/batches/redrive").json() == {"monitors": 1}
    assert Monitor.objects.get().wanted_at is not None


def test_to_others_there_is_no_such_thing(api: Program, owner: User) -> None:
    for verb, address in CALLS:
        assert getattr(api(owner), verb)(address).status_code == 404
        assert getattr(api(), verb)(address).status_code == 401


def test_no_key_operates(api: Program, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    team, tomorrow, client = owner.memberships.get().team, timezone.now() + timedelta(days=1), api()
    for made in (
        keys.create_key(team=team, by=owner, name="CI", scope=Scope.ADMIN),
        keys.create_token(membership=owner.memberships.get(), name="laptop", scope=Scope.ADMIN, expires_at=tomorrow),
    ):
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {made[1]}")
        for verb, address in CALLS:
            assert getattr(client, verb)(address).status_code == 403
