"""A monitor may depend on another one of its team, never on itself."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from monitors import rules
from monitors.services import delete_monitor
from tests.conftest import MakeMonitor

Api = Callable[..., APIClient]

A, B, C, ELSEWHERE = (UUID(int=number) for number in range(4))


@pytest.mark.parametrize(
    ("monitor", "parent", "family", "problem"),
    [
        (A, B, {A: None, B: None}, None),
        (A, B, {A: None, B: C, C: None}, None),
        (A, A, {A: None}, "its own parent"),
        (A, ELSEWHERE, {A: None}, "no such monitor"),
        (A, B, {A: None, B: A}, "depends on this one"),
        (A, B, {A: None, B: C, C: A}, "depends on this one"),
    ],
)
def test_a_parent_is_of_the_team_and_no_descendant(
    monitor: UUID, parent: UUID, family: dict[UUID, UUID | None], problem: str | None
) -> None:
    found = rules.parent_problem(monitor, parent, family)
    assert found is None if problem is None else problem in (found or "")


def test_a_row_of_ancestors_has_an_end() -> None:
    ids = [UUID(int=number) for number in range(rules.MAX_ANCESTORS + 2)]
    family: dict[UUID, UUID | None] = dict(zip(ids, [*ids[1:], None], strict=True))
    assert rules.parent_problem(uuid4(), ids[2], family) is None
    assert "at most 10" in (rules.parent_problem(uuid4(), ids[1], family) or "")


@pytest.mark.django_db
def test_a_parent_is_chosen_and_taken_away(api: Api, owner: User, make_monitor: MakeMonitor) -> None:
    router, shop = make_monitor(), make_monitor()
    path = f"/api/monitor/{shop.pk}"
    assert api(owner).patch(path, {"parent": str(router.pk)}).json()["parent"] == str(router.pk)
    refused = api(owner).patch(f"/api/monitor/{router.pk}", {"parent": str(shop.pk)})
    assert refused.status_code == 400
    assert "depends on this one" in refused.json()["fields"]["parent"][0]
    assert api(owner).patch(path, {"name": "Shop"}).json()["parent"] == str(router.pk)
    assert api(owner).patch(path, {"parent": None}).json()["parent"] is None
    api(owner).patch(path, {"parent": str(router.pk)})
    delete_monitor(router)
    assert api(owner).get(path).json()["parent"] is None


@pytest.mark.django_db
def test_a_monitor_of_another_team_is_unknown(api: Api, owner: User, stranger: User, make_monitor: MakeMonitor) -> None:
    theirs = make_monitor(team=stranger.memberships.get().team)
    refused = api(owner).patch(f"/api/monitor/{make_monitor().pk}", {"parent": str(theirs.pk)})
    assert refused.status_code == 400
    assert "no such monitor" in refused.json()["fields"]["parent"][0]
