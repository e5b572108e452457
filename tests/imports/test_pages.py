"""The page under Settings: choose, look, say yes; compare; switch alerts on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from imports.models import ImportDraft
from monitors.models import Monitor
from tests.imports.files import export

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def give(page: Client, name: str = "kuma-1.23.json", source: str = "kuma", where: str = "", **more: Any) -> str:
    form = {"source": source, "origin": "", "shadow": "on", **more}
    answer = page.post(f"/settings/import/{where}", {**form, "file": SimpleUploadedFile(name, export(name))})
    assert answer.status_code == 200
    return answer.content.decode()


def confirm(page: Client, draft: ImportDraft) -> HttpResponse:
    return page.post("/settings/import/apply/", {"draft": str(draft.pk)})  # type: ignore[return-value]


def test_nothing_is_changed_before_somebody_says_yes(page: Client) -> None:
    shown = give(page)
    assert "6 new, 0 changed, 0 as they are, 3 left out." in shown
    assert "has no counterpart here" in shown
    assert "Ops Slack (slack)" in shown
    assert "k3y-of-the-shop" not in shown
    assert not Monitor.objects.exists()
    draft = ImportDraft.objects.get()
    assert "k3y-of-the-shop" not in draft.sealed
    assert re.search(rf'name="draft" value="{draft.pk}"', shown)
    done = confirm(page, draft).content.decode()
    assert "Imported from Uptime Kuma" in done
    assert Monitor.objects.filter(shadow=True).count() == 6
    assert not ImportDraft.objects.exists()
    assert confirm(page, draft).status_code == 404  # once


def test_a_draft_is_its_makers_and_not_for_ever(page: Client, editor: User, stranger: User) -> None:
    give(page)
    draft = ImportDraft.objects.get()
    for other in (editor, stranger):
        theirs = Client()
        theirs.force_login(other)
        assert confirm(theirs, draft).status_code == 404
    ImportDraft.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert confirm(page, draft).status_code == 302
    assert not Monitor.objects.exists()


def test_a_file_of_another_tool_is_refused_at_its_field(page: Client) -> None:
    shown = give(page, "gatus.yaml")
    assert "The file is not JSON" in shown
    assert not ImportDraft.objects.exists()


def test_alerts_are_switched_on_for_all_of_them(page: Client) -> None:
    give(page)
    confirm(page, ImportDraft.objects.get())
    assert "6 imported monitors are in shadow" in page.get("/settings/import/").content.decode()
    page.post("/settings/import/alerts/")
    assert not Monitor.objects.filter(shadow=True).exists()
    assert Monitor.objects.filter(shadow_ended_at__isnull=False).count() == 6


def test_both_tools_are_compared(page: Client) -> None:
    give(page, "uptimerobot.json", source="uptimerobot")
    assert "nothing was imported" in give(page, "uptimerobot.json", source="uptimerobot", where="parity/").lower()
    confirm(page, ImportDraft.objects.get())
    said = {"votes": [], "policy": {}, "open_incident": False}
    example, began = Monitor.objects.get(name="Example"), datetime(2025, 11, 20, 9, tzinfo=UTC)
    example.status_changes.create(happened_at=began, before="pending", after="up", **said)
    Monitor.objects.filter(pk=example.pk).update(status="up", status_since=began)
    shown = give(page, "uptimerobot.json", source="uptimerobot", where="parity/")
    assert "those of UptimeRobot" in shown
    assert "nothing to compare" in shown
    assert re.search(r"97\.\d+.% of 2 h 3 min agree", shown.replace("\N{NO-BREAK SPACE}", " ")), shown[
        shown.find("Example") :
    ][:900]
    assert "down (333333 Connection Timeout)" in shown
