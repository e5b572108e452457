"""A job on the pages that all monitors have."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from heartbeats import services
from heartbeats.rules import Word
from monitors.models import Monitor
from tests.heartbeats.conftest import MakeJob, ping_at, token_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(make_job: MakeJob) -> Monitor:
    job = make_job()
    services.hear(token_of(job), Word.FAIL, exit_code=2)
    services.turn(now=timezone.now())
    job.refresh_from_db()
    return job


@pytest.fixture
def browser(owner: User) -> Client:
    browser = Client()
    browser.force_login(owner)
    return browser


def test_its_page_says_where_to_report_and_why_it_is_down(browser: Client, job: Monitor) -> None:
    page = browser.get(f"/monitors/{job.pk}/").content.decode()
    assert str(job.ping_url) in page
    assert "exit code 2" in page
    assert "of the time it is due (every 60 min)" in page
    assert "Gives up after" not in page
    assert "Backup" in browser.get("/monitors/").content.decode()


def test_its_page_shows_what_the_last_runs_took(browser: Client, job: Monitor) -> None:
    now = timezone.now()
    for ago, took, word in ((3, 40, Word.SUCCESS), (2, 130, Word.FAIL), (1, 65, Word.SUCCESS)):
        ping_at(job, now - timedelta(hours=ago), word, duration_s=took, heard=True)
    page = browser.get(f"/monitors/{job.pk}/").content.decode()
    assert 'aria-label="last 3 runs: 40 s to 2 min, the last one 1 min; 1 failed"' in page
    assert page.index("<title>40 s, done</title>") < page.index("<title>2 min, failed</title>")


def test_its_form_asks_for_the_schedule_alone(browser: Client, job: Monitor) -> None:
    address = f"/monitors/{job.pk}/edit/"
    page = browser.get(address).content.decode()
    assert "spec_cron" in page
    assert 'name="regions"' not in page
    assert 'name="timeout"' not in page
    form = {"name": "Nightly", "tags": "", "spec_cron": "30 2 * * *", "spec_zone": "Europe/Berlin", "spec_grace": "900"}
    form |= {"policy_alert_after_s": "0", "policy_flapping": "6", "policy_flapping_s": "1800"}
    assert browser.post(address, form).status_code == 302
    job.refresh_from_db()
    assert job.spec["cron"] == "30 2 * * *"
    assert (job.name, job.interval, job.regions) == ("Nightly", 86_400, ["heartbeat"])
    refused = browser.post(address, form | {"spec_cron": "soon"}).content.decode()
    assert "must have five fields" in refused.lower()
