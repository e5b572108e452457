"""What the regions saw when it began, and what had been otherwise a check before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from checks.models import CheckEvidence, CheckResult
from checks.services import dispatch
from incidents.models import Incident
from monitors import services as monitor_services
from probes.contract import Outcome, Reason
from tests.checks.road import answer_all
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]


def test_an_incident_shows_what_was_seen_first_and_what_had_changed(
    api: Api, viewer: User, make_monitor: MakeMonitor
) -> None:
    monitor = make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP, http_status=200, remote_ip="192.0.2.1", body_bytes=7)
    monitor_services.request_check(monitor)
    dispatch.dispatch_wanted()
    seen = {"headers": {"server": "x"}, "body": "oops"}
    failed = partial(answer_all, Outcome.DOWN, reason=Reason.UNEXPECTED_STATUS, evidence=seen)
    failed(http_status=500, remote_ip="192.0.2.2", body_bytes=7)
    path = f"/api/incidents/{Incident.objects.get().pk}/evidence"
    [usa] = api(viewer).get(path).json()["results"]
    assert usa["region"] == "usa"
    assert usa["seen"]["seen"] == seen
    assert usa["difference"] == {
        "outcome": ["up", "down"],
        "reason": [None, "unexpected_status"],
        "http_status": [200, 500],
        "remote_ip": ["192.0.2.1", "192.0.2.2"],
    }
    CheckEvidence.objects.all().delete()
    CheckResult.objects.all().delete()
    [usa] = api(viewer).get(path).json()["results"]
    assert (usa["seen"], usa["difference"]) == (None, None)
    Incident.objects.update(cause={"usa": {"reason": "unexpected_status", "message": ""}})  # as stored before
    [usa] = api(viewer).get(path).json()["results"]
    assert (usa["slot"], usa["seen"]) == (None, None)
