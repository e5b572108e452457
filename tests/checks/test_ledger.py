"""What the broker loses, the ledger finds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from accounts.models import User
from checks import broker
from checks.ids import CheckId
from checks.models import CheckBatch, CheckResult, Hour, MonitorStats, RollupHour
from checks.services import dispatch, ingest, ledger, pace, rollups, storage
from incidents import services as incidents
from monitors import services as monitor_services
from monitors.models import Region
from probes.contract import Outcome
from tests.checks.road import answer_all, open_batches, report_on, status_of
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db


def age(seconds: int) -> None:
    """As if all open batches were opened and sent that long ago."""
    for batch in CheckBatch.objects.filter(state=CheckBatch.State.OPEN):
        batch.created_at -= timedelta(seconds=seconds)
        batch.expires_at -= timedelta(seconds=seconds)
        batch.sent_at = batch.sent_at and batch.sent_at - timedelta(seconds=seconds)
        batch.save()


def waiting(queue: str) -> int:
    return broker.queue_lengths([queue])[queue] or 0


@pytest.fixture(autouse=True)
def _empty_queues() -> None:
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        for queue in ("region.usa.now", "region.india.now", "region.usa", "region.india", "central"):
            channel.queue_purge(queue)


@pytest.mark.django_db(transaction=True)
def test_batches_are_sent_after_commit(make_monitor: MakeMonitor) -> None:
    make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    assert waiting("region.usa.now") == waiting("region.india.now") == 1
    assert all(batch.sent_at for batch in open_batches())


@pytest.mark.django_db(transaction=True)
def test_a_batch_whose_results_do_not_come_back_is_sent_again(make_monitor: MakeMonitor) -> None:
    make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    assert ledger.sweep() == 0  # still within its patience
    age(30)
    assert ledger.sweep() == 1
    assert ledger.sweep() == 0  # patience begins anew
    assert waiting("region.usa.now") == 2
    assert open_batches()[0].attempt == 2


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_was_never_sent_is_sent_by_the_sweep(make_monitor: MakeMonitor) -> None:
    make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    CheckBatch.objects.update(sent_at=None)
    age(5)
    ledger.sweep()
    batch = open_batches()[0]
    assert (batch.attempt, waiting("region.usa.now")) == (1, 2)


def test_a_batch_that_came_home_uncounted_is_closed(make_monitor: MakeMonitor) -> None:
    make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    ingest.ingest(report_on(open_batches()[0]))
    CheckBatch.objects.update(state=CheckBatch.State.OPEN, stored=0)
    age(30)
    ledger.sweep()
    assert not open_batches()


def test_checks_that_nobody_ran_become_unknown_and_never_down(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    messages = [report_on(batch, Outcome.DOWN) for batch in open_batches()]
    age(200)
    ledger.sweep()
    rows = CheckResult.objects.filter(monitor=monitor)
    assert {(row.outcome, row.reason) for row in rows} == {("unknown", "late")}
    assert status_of(monitor) == "unknown"
    for message in messages:  # too late: the slot is taken
        ingest.ingest(message)
    assert not rows.exclude(outcome="unknown").exists()
    assert status_of(monitor) == "unknown"
    assert sum(hour.unknown for hour in Hour.objects.filter(monitor=monitor)) == 2


@pytest.mark.django_db(transaction=True)
def test_of_a_batch_that_fails_again_and_again_only_the_poison_is_lost(make_monitor: MakeMonitor) -> None:
    monitors = [make_monitor(wanted=True, regions=["usa"]) for _ in range(10)]
    dispatch.dispatch_wanted()
    parent = open_batches()[0]
    poison, late = parent.check_ids[4], report_on(parent)
    for attempt in (2, 3):
        age(30)
        ledger.sweep()
        assert [batch.attempt for batch in open_batches()] == [attempt]
    age(30)
    ledger.sweep()
    parent.refresh_from_db()
    assert parent.state == "split"
    assert [(len(batch.check_ids), batch.attempt) for batch in open_batches()] == [(4, 4), (4, 4), (2, 4)]
    each_in_its_turn(3)
    answer_without(poison)
    age(30)
    ledger.sweep()
    assert [(len(batch.check_ids), batch.attempt) for batch in open_batches()] == [(1, 5)] * 4
    each_in_its_turn(4)
    answer_without(poison)
    age(30)
    ledger.sweep()
    assert not open_batches()
    rows = CheckResult.objects.filter(monitor__in=monitors)
    assert sorted((row.outcome, row.reason) for row in rows) == [("unknown", "dead_letter")] + [("up", None)] * 9
    assert rows.get(outcome="unknown").monitor_id == CheckId.parse(poison).monitor
    ingest.ingest(late)  # whoever finishes after all changes nothing twice
    assert rows.filter(reason="dead_letter").count() == 1
    assert sum(hour.up + hour.unknown for hour in Hour.objects.all()) == 10
    assert all(batch.attempt <= ledger.MAX_ATTEMPTS for batch in CheckBatch.objects.all())


def each_in_its_turn(parts: int) -> None:
    """No two parts are sent at once: a worker that dies of one would take the other with it."""
    for sent in range(1, parts + 1):
        age(3 if sent > 1 else 4)
        ledger.sweep()
        assert [batch.sent_at is not None for batch in open_batches()] == [True] * sent + [False] * (parts - sent)


def answer_without(poison: str) -> None:
    """Every batch comes home but the one that kills its worker."""
    for batch in open_batches():
        if poison not in batch.check_ids:
            ingest.ingest(report_on(batch))


@pytest.mark.django_db(transaction=True)
def test_a_check_that_dies_alone_three_times_in_an_hour_is_tried_seldom(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(regions=["usa"])
    for time, slowed_to in enumerate([None, None, 3600]):
        monitor_services.request_checks_of([monitor.pk])
        dispatch.dispatch_wanted(now=timezone.now() + timedelta(seconds=time))
        CheckBatch.objects.filter(state="open").update(attempt=5)
        age(30)
        ledger.sweep()
        assert not open_batches()
        monitor.refresh_from_db()
        assert monitor.slowed_to == slowed_to
    monitor_services.request_checks_of([monitor.pk])
    dispatch.dispatch_wanted(now=timezone.now() + timedelta(seconds=10))
    answer_all(Outcome.UP)
    pace.review(now=timezone.now())
    monitor.refresh_from_db()
    assert monitor.slowed_to is None


@pytest.mark.django_db(transaction=True)
def test_a_late_finisher_of_a_split_batch_closes_its_parts(make_monitor: MakeMonitor) -> None:
    monitors = [make_monitor(wanted=True, regions=["usa"]) for _ in range(4)]
    dispatch.dispatch_wanted()
    late = report_on(open_batches()[0])
    CheckBatch.objects.update(attempt=3)
    age(30)
    ledger.sweep()
    assert len(open_batches()) == 2
    each_in_its_turn(2)
    ingest.ingest(late)
    age(30)
    ledger.sweep()
    assert not open_batches()
    assert [row.outcome for row in CheckResult.objects.filter(monitor__in=monitors)] == ["up"] * 4


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_again_while_its_message_waits_in_a_long_queue(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    stuff("region.usa", messages=30)
    age(30)
    assert ledger.sweep() == 0
    assert open_batches()[0].attempt == 1
    age(150)
    assert ledger.sweep() == 1  # worth nothing any more
    assert {(row.outcome, row.reason) for row in CheckResult.objects.filter(monitor=monitor)} == {("unknown", "late")}


def stuff(queue: str, *, messages: int) -> None:
    for _ in range(messages):
        current_app.send_task("probes.run_batch", args=[{}], queue=queue)


@pytest.mark.django_db(transaction=True)
def test_a_region_that_is_gone_is_not_asked_again(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    Region.objects.filter(pk="usa").update(offline_since=timezone.now())
    for _ in range(4):
        age(30)
        assert ledger.sweep() == 0
    assert waiting("region.usa.now") == 1
    age(60)
    assert ledger.sweep() == 1
    assert "region usa" in CheckResult.objects.get(monitor=monitor).message


def test_a_dead_batch_is_kept_for_the_operator_who_may_drive_it_again(
    make_monitor: MakeMonitor, client: Client
) -> None:
    monitor = make_monitor(wanted=True, regions=["usa"])
    dispatch.dispatch_wanted()
    CheckBatch.objects.update(attempt=ledger.MAX_ATTEMPTS, sent_at=timezone.now())
    age(30)
    ledger.sweep()
    dead = CheckBatch.objects.get(state="dead")
    assert ledger.forget_old(now=timezone.now() + timedelta(days=1)) == 0
    client.force_login(User.objects.create_superuser("root@example.com", "correct horse battery"))
    answer = client.post("/admin/checks/checkbatch/", {"action": "redrive", "_selected_action": [dead.pk]}, follow=True)
    assert "1 monitors are checked again" in answer.content.decode()
    monitor.refresh_from_db()
    assert monitor.wanted_at is not None
    assert ledger.forget_old(now=timezone.now() + timedelta(days=8)) == 1


def test_checks_of_a_changed_monitor_are_no_longer_owed(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    monitor_services.pause(monitor)
    age(200)
    ledger.sweep()
    assert not open_batches()
    assert not CheckResult.objects.exists()


def test_a_monitor_whose_regions_fall_silent_becomes_unknown(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP)
    assert status_of(monitor) == "up"
    later = timezone.now() + timedelta(minutes=5)
    assert incidents.notice_silence(regions={"usa", "india"}, now=timezone.now()) == 0
    type(monitor).objects.update(status_since=timezone.now() - timedelta(hours=1))
    assert incidents.notice_silence(regions={"usa", "india"}, now=later) == 1
    assert status_of(monitor) == "unknown"


def test_where_many_fall_silent_they_are_judged_a_few_at_a_time(
    make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitors = [make_monitor(wanted=True) for _ in range(5)]
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP)
    type(monitors[0]).objects.update(status_since=timezone.now() - timedelta(hours=1))
    later = timezone.now() + timedelta(minutes=5)
    monkeypatch.setattr(incidents, "JUDGED_AT_ONCE", 2)
    monkeypatch.setattr(incidents, "JUDGING_S", -1)
    judged = [incidents.notice_silence(regions={"usa", "india"}, now=later) for _ in range(4)]
    assert judged == [2, 2, 1, 0]
    assert {status_of(monitor) for monitor in monitors} == {"unknown"}


def test_old_partitions_are_dropped_and_coming_ones_made(make_monitor: MakeMonitor) -> None:
    now = timezone.now()
    storage.ensure_days([(now - timedelta(days=40)).date()])
    storage.make_ahead(now=now)
    days = {day for _, day in storage.partitions()}
    assert {(now + timedelta(days=ahead)).date() for ahead in range(8)} <= days
    assert len(storage.drop_old(now=now, retention_days=30)) == 2  # results and evidence
    assert (now - timedelta(days=40)).date() not in {day for _, day in storage.partitions()}


def test_deleting_a_monitor_takes_its_figures_along(make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    dispatch.dispatch_wanted()
    answer_all(Outcome.UP)
    rollups.close(now=timezone.now() + timedelta(days=1))
    assert RollupHour.objects.count() == 2
    monitor_services.delete_monitor(monitor)
    assert not MonitorStats.objects.exists()
    assert not RollupHour.objects.exists()
