"""Row 28: canaries are saved as every secret that there is, and looked for wherever anybody may look."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.rules import Scope
from accounts.services import keys
from accounts.services.programs import open_api_session
from alerts.models import Channel
from alerts.services import channels
from checks.models import CheckBatch
from checks.services import dispatch
from monitors import services
from monitors.models import Monitor
from monitors.services import regionkeys
from probes.contract import Outcome
from statuspages.services import pages
from tests.attacks.test_headers import is_page, offences
from tests.checks.road import answer_all
from tests.tenancy.rules import STAFF, rule_of
from tests.tenancy.test_matrix import address, ours, verbs_of
from tests.tenancy.world import make_things

pytestmark = pytest.mark.django_db

CANARIES = {
    "header": "canary-header-4f1d",
    "body": "canary-body-93ab",
    "hook": "canary-hook-71c2",
    "signing": "canary-signing-0d5e",
    "slack": "canary-slack-aa17",
    "page": "canary-page-password-5b6c",
    "smtp": "canary-smtp-81fe",
}


@pytest.fixture
def canaries(owner: User, settings: Settings) -> dict[str, str]:
    """Saved as an owner saves them; a key of the API and one of a region beside."""
    things, team = make_things(owner), owner.memberships.get().team
    spec = {
        "url": "http://127.0.0.1:9/",
        "method": "POST",
        "headers": {"Authorization": CANARIES["header"]},
        "body": CANARIES["body"],
    }
    monitor = Monitor.objects.get(pk=things["monitor"])
    services.update_monitor(monitor, spec=spec)
    hook = {"url": "http://127.0.0.1:9/hook", "secret": CANARIES["signing"], "headers": {"X-Token": CANARIES["hook"]}}
    Channel.objects.filter(pk=things["channel"]).update(enabled=True)
    channels.create_channel(team=team, kind="webhook", name="hook", settings=hook)
    channels.create_channel(
        team=team, kind="slack", settings={"url": f"https://hooks.slack.com/services/T/B/{CANARIES['slack']}"}
    )
    pages.create_page(
        team=team, by=owner, slug="locked", title="Locked", published=True, access="password", password=CANARIES["page"]
    )
    settings.EMAIL_HOST_PASSWORD = CANARIES["smtp"]
    _, secret = keys.create_key(team=team, by=owner, name="canary", scope=Scope.ADMIN)
    regionkeys.make("usa")
    return CANARIES | {"key": secret, "region": regionkeys.show_once("usa"), "ping": _token(things["job"])}


def _token(job: Any) -> str:
    url = Monitor.objects.get(pk=job).ping_url
    assert url
    return url.rpartition("/")[2]


def staff(owner: User) -> tuple[Client, APIClient]:
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)
    owner.refresh_from_db()
    browser, program = Client(raise_request_exception=False), APIClient(raise_request_exception=False)
    browser.force_login(owner)
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {open_api_session(user=owner).access}")
    return browser, program


def admin_pages() -> list[str]:
    """The admin's index, each of its lists, and the first thing in each."""
    from django.contrib import admin

    found = ["/admin/"]
    for model, site in admin.site._registry.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found.append(base)
        first = site.model._default_manager.order_by().first()
        found += [f"{base}{first.pk}/change/"] if first is not None else []
    return found


def told_to_people(owner: User) -> dict[str, HttpResponseBase]:
    """By address, how every page, partial, export and API call answers an owner who is an operator too."""
    monitors = {"thing": Monitor.objects.get(name="Olga's secret shop").pk}
    browser, program = staff(owner)
    said: dict[str, HttpResponseBase] = {}
    things = _ids(owner) | monitors
    for route, view in ours().items():
        if "get" not in verbs_of(view):
            continue
        path = address(route, rule_of(route) or STAFF, things)
        said[path] = (program if path.startswith("/api/") else browser).get(path)
        if route.startswith(("login", "logout")):
            browser.force_login(owner)
    for path in [*admin_pages(), "/metrics", "/status/locked/", "/status/ours/", "/no-such-page"]:
        said[path] = browser.get(path)
    return said


def words_of(answer: HttpResponseBase) -> bytes:
    return b"".join(answer) if isinstance(answer, StreamingHttpResponse) else getattr(answer, "content", b"")


def _ids(owner: User) -> dict[str, Any]:
    """The newest of each kind of thing: those with canaries in them."""
    from alerts.models import Delivery, Rule
    from dashboard.models import SavedView
    from drills.models import Drill
    from incidents.models import Incident
    from maintenance.models import Window
    from statuspages.models import Component, Post, Section, StatusPage, Subscriber

    team = owner.memberships.get().team
    newest = {
        "monitor": Monitor.objects.get(name="Olga's secret shop"),
        "job": Monitor.objects.get(kind="heartbeat"),
        "channel": Channel.objects.get(team=team, name="hook"),
        "page": StatusPage.objects.get(slug="locked"),
        "incident": Incident.objects.first(),
        "window": Window.objects.first(),
        "rule": Rule.objects.first(),
        "delivery": Delivery.objects.first(),
        "drill": Drill.objects.first(),
        "view": SavedView.objects.first(),
        "subscriber": Subscriber.objects.first(),
        "section": Section.objects.first(),
        "component": Component.objects.first(),
        "post": Post.objects.first(),
        "member": owner.memberships.get(),
        "invitation": team.invitations.first(),
        "key": team.api_keys.first() if hasattr(team, "api_keys") else None,
    }
    return {name: thing.pk for name, thing in newest.items() if thing is not None} | {"token": team.pk, "key": team.pk}


MAY_SHOW = {"ping": ("/monitors/", "/api/monitor")}
"""The address by which a job reports is there for its team to read: it is what one has to give to the job."""


def leaks(said: dict[str, bytes], canaries: dict[str, str]) -> list[str]:
    return [
        f"{name} in {where}"
        for where, words in said.items()
        for name, canary in canaries.items()
        if canary.encode() in words and not where.startswith(MAY_SHOW.get(name, ("nowhere",)))
    ]


def test_rows_28_37_50_no_page_tells_a_secret_and_each_obeys_its_policy(owner: User, canaries: dict[str, str]) -> None:
    """One walk through the URLconf and the admin, two looks at what came: a new route is in it by itself."""
    answers = told_to_people(owner)
    said = {path: words_of(answer) for path, answer in answers.items()}
    assert len(said) > 100
    assert b"hook" in said["/api/channels"]
    assert leaks(said, canaries) == []
    wrong = [f"{path}: {problem}" for path, answer in answers.items() for problem in offences(path, answer, said[path])]
    assert not wrong, "\n".join(wrong)
    assert sum(is_page(answer) for answer in answers.values()) > 50


def rows() -> dict[str, bytes]:
    """The whole database in clear."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        said = {}
        for (name,) in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{name}" t')  # noqa: S608
            said[f"table {name}"] = (cursor.fetchone()[0] or "").encode()
    return said


def test_row28_nor_do_commands_rows_and_the_audit_log(owner: User, canaries: dict[str, str]) -> None:
    said: dict[str, bytes] = {}
    for words in (["doctor"], ["doctor", "--json"], ["region", "list", "--json"], ["rotate_keys", "--dry-run"]):
        out = StringIO()
        with suppress(SystemExit):  # the doctor found something, as it should without workers
            call_command(*words, stdout=out, stderr=out)
        said[" ".join(words)] = out.getvalue().encode()
    said |= rows()  # which is what a backup, made by COPY, holds as well
    assert any(b"Olga" in words for words in said.values())
    assert leaks(said, canaries) == []


def test_row28_nor_do_error_reports_and_logs(
    owner: User, canaries: dict[str, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything breaks while secrets are in hand."""
    _, program = staff(owner)
    caplog.set_level(logging.DEBUG)

    def broken(**fields: Any) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(services, "create_monitor", broken)
    spec = {"url": "http://127.0.0.1:9/", "headers": {"Authorization": canaries["header"]}, "body": canaries["body"]}
    answer = program.post("/api/monitor", {"spec": spec}, format="json")
    assert answer.status_code == 500
    CheckBatch.objects.all().delete()
    services.request_check(Monitor.objects.get(name="Olga's secret shop"))
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN, message=f"the server said {canaries['header']}")
    lines = "\n".join(record.getMessage() + str(record.exc_text or "") for record in caplog.records)
    assert "broken on purpose" in lines
    assert leaks({"answer": answer.content, "log": lines.encode()}, canaries) == []


def test_row28_a_mask_that_comes_back_keeps_what_was_there(owner: User, canaries: dict[str, str]) -> None:
    _, program = staff(owner)
    monitor = Monitor.objects.get(name="Olga's secret shop")
    path = f"/api/monitor/{monitor.pk}"
    shown = program.get(path).json()
    assert "********" in json.dumps(shown["spec"])
    assert program.patch(path, {"spec": shown["spec"]}, format="json").status_code == 200
    monitor.refresh_from_db()
    assert monitor.full_spec["headers"]["Authorization"] == canaries["header"]
