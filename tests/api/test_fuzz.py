"""Schemathesis asks every operation what its description allows, as nobody, a stranger, a key and the owner.

No answer is a failure of ours, and each has a status, a type and a shape that the description names. The requests are
the same in every run. ``make fuzz`` asks much more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from accounts.rules import Scope
from accounts.services import keys
from accounts.services.programs import open_api_session
from api.description import document
from tests.tenancy.rules import RULES
from tests.tenancy.world import make_things

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DIALS = {"/api/channels/test", "/api/channels/{id}/test", "/api/monitoring/test", "/api/channels/{id}/confirm"}
"""They go out to whatever they are told, or wait for regions: each has tests of its own."""

AWAY = ({"code": "broker_unavailable"}, {"status": "degraded"})
"""What an honest 503 says where a part is not running, as in these tests the workers are not. The database is there."""


CALM: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


def described() -> dict[str, Any]:
    """The document without conditions, which made-up values hardly ever meet."""
    found = deepcopy(document())
    for verbs in found["paths"].values():
        for operation in verbs.values():
            operation["parameters"] = [one for one in operation.get("parameters", []) if "$ref" not in one]
    return found


@pytest.fixture
def same_connection() -> Iterator[None]:
    """The end of a request leaves the test's connection open, as with Django's own client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.usefixtures("same_connection")
@pytest.mark.parametrize(("name", "examples"), [("anonymous", 1), ("stranger", 1), ("key", 1), ("owner", 2)])
def test_the_api_keeps_what_its_description_says(
    name: str, examples: int, owner: User, stranger: User, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("campaign"):
        examples *= 100
    logging.disable(logging.CRITICAL)
    request.addfinalizer(lambda: logging.disable(logging.NOTSET))
    things = make_things(owner)
    key = keys.create_key(team=owner.memberships.get().team, by=owner, name="CI", scope=Scope.ADMIN)[1]
    known: dict[str, User | str] = {"owner": owner, "stranger": stranger, "key": key}
    who = known.get(name)
    schema = schemathesis.openapi.from_dict(described())
    schema.app = WSGIHandler()
    wrong = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path not in DIALS or who is None:
            wrong += list(complaints(operation, headers_of(who), things, examples))
    assert not wrong, "\n\n".join(wrong)


def headers_of(who: User | str | None) -> dict[str, str]:
    """Of a key, or of a session that begins now: access tokens live for five minutes, and a campaign takes an hour."""
    secret = open_api_session(user=who).access if isinstance(who, User) else who
    return {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {secret}"} if secret else {})


def complaints(operation: Any, headers: dict[str, str], things: dict[str, UUID], examples: int) -> Iterator[str]:
    rule = RULES.get(operation.path.removeprefix("/").replace("{id}", "<uuid:pk>").replace("{region}", "<str:region>"))
    known = str(things[rule.thing]) if rule and rule.thing else None
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    found: dict[str, str] = {}

    @seed(1)
    @settings(max_examples=examples, **CALM)
    @given(case=cases, ours=st.sampled_from([True, True, False]))
    def ask(case: Any, ours: bool) -> None:
        if known and ours:
            case.path_parameters["id"] = known
        with transaction.atomic():
            answer = case.call(headers=headers)
            transaction.set_rollback(True)
        cache.delete_pattern("throttle_*")  # type: ignore[attr-defined]
        if answer.status_code == 503 and any(said.items() <= answer.json().items() for said in AWAY):
            return
        try:
            case.validate_response(answer, checks=CHECKS, headers=headers)
        except (Failure, FailureGroup) as failure:
            found.setdefault(str(answer.status_code), f"{operation.label}: {failure}\n{case.as_curl_command()}")

    ask()
    yield from found.values()
