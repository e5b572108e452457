"""Row 48 and variants: who writes into the queues what is not theirs to say."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_redis import get_redis_connection
from kombu import serialization
from kombu.exceptions import ContentDisallowed

from checks import broker
from checks.models import CheckResult, RegionWorker
from checks.services import dispatch, ingest
from checks.tasks import housekeeping
from meters import services as meters
from meters.names import DROPPED
from meters.selectors import counts_of
from monitors.models import Region
from monitors.services import regionkeys
from probes import signing, worker
from probes.broker import broker_settings
from probes.contract import Batch, CheckRequest, LifeSign
from probes.signing import Key
from probes.worker import read_batch
from tests.checks.road import open_batches, report_on
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _what_others_counted() -> None:
    meters.flush()


def dropped() -> dict[tuple[str, ...], float]:
    """What has been dropped so far, by region and why, as if each message's transaction had been committed."""
    waiting: list[Any] = connection.run_on_commit
    for _, callback, _ in waiting:
        if callback.__module__ == meters.__name__:
            callback()
    meters.flush()
    return counts_of(DROPPED)


def new_key(code: str, *more: str) -> Key:
    out = StringIO()
    call_command("region", "key", code, "--new", "--show-once", *more, stdout=out)
    return Key(out.getvalue().strip())


def carried(message: dict[str, Any], key: Key) -> Any:
    """What the centre reads when a worker with this key has sent the message."""
    [[read], _, _] = signing.read(signing.write([[message], {}, {}], key))
    return read


def a_report(make_monitor: MakeMonitor, region: str = "usa") -> dict[str, Any]:
    make_monitor(wanted=True, regions=[region])
    dispatch.dispatch_wanted()
    return report_on(open_batches()[0])


def tampered(message: dict[str, Any], key: Key) -> Any:
    body = signing.write([[message], {}, {}], key).replace(b'"up"', b'"down"')
    return signing.read(body)[0][0]


def other_key() -> Key:
    return Key(signing.new_key())


FORGERIES: dict[str, Callable[[dict[str, Any], Key], Any]] = {
    "unsigned": lambda report, key: report,
    "by-another-key": lambda report, key: carried(report, other_key()),
    "changed-on-the-way": tampered,
    "mark-cut-off": lambda report, key: signing.read(b"A" * 40 + json.dumps([[report], {}, {}]).encode()),
}


@pytest.mark.parametrize("how", [pytest.param(name, id=f"row48-{name}") for name in FORGERIES])
def test_in_the_name_of_a_region_with_a_key(make_monitor: MakeMonitor, how: str) -> None:
    report = a_report(make_monitor)
    key = new_key("usa", "--at-once")
    forged = FORGERIES[how](report, key)
    ingest.ingest(forged if isinstance(forged, dict) else forged[0][0])
    assert not CheckResult.objects.exists()
    assert dropped() == {("usa", "unsigned" if how == "unsigned" else "forged"): 1}
    ingest.ingest(carried(report, key))
    assert CheckResult.objects.count() == 1


def test_row48_a_replay_counts_once(make_monitor: MakeMonitor) -> None:
    report, key = a_report(make_monitor), new_key("usa", "--at-once")
    for _ in range(3):
        ingest.ingest(carried(report, key))
    assert CheckResult.objects.count() == 1


def test_row48_a_region_speaks_for_itself_alone(make_monitor: MakeMonitor) -> None:
    """With a good key of its own, for the batch of another: under that one's name, and under its own."""
    report, ours = a_report(make_monitor, region="india"), new_key("usa", "--at-once")
    new_key("india", "--at-once")
    ingest.ingest(carried(report, ours))
    ingest.ingest(carried(report | {"region": "usa"}, ours))
    ingest.ingest(carried(report | {"region": "\x1b[31m<b>"}, ours))
    assert not CheckResult.objects.exists()
    assert dropped() == {("india", "forged"): 1, ("-", "unknown"): 2}


def test_row48_a_check_that_the_batch_did_not_hold(make_monitor: MakeMonitor) -> None:
    report = a_report(make_monitor)
    stranger = report["results"][0] | {"id": "00000000-0000-0000-0000-000000000000/1/1"}
    ingest.ingest(report | {"results": [stranger, *report["results"]]})
    assert CheckResult.objects.count() == 1
    assert dropped() == {("usa", "foreign"): 1}


@pytest.mark.parametrize("content", ["pickle", "yaml", "msgpack", "application/x-python-serialize"])
def test_row48_nothing_but_json_is_read(content: str) -> None:
    accept = serialization.prepare_accept_content(broker_settings()["accept_content"])
    with pytest.raises(ContentDisallowed):
        serialization.loads(b"cos\nsystem\n(S'id'\ntR.", content, "binary", accept=accept, force=True)


@pytest.mark.parametrize("body", [b"", b"x", b"A" * 40, b"A" * 40 + b"[1]", b"A" * 40 + b"[[1],{},{}]", b"\xff" * 90])
def test_v48a_a_signed_message_that_is_none_raises_what_broken_json_raises(body: bytes) -> None:
    try:
        read = signing.read(body)
    except ValueError:
        return
    assert not isinstance(read, signing.Signed)
    for argument in read[0] if isinstance(read[0], list) else []:
        ingest.ingest(argument)
    assert not CheckResult.objects.exists()


def test_v48d_a_batch_carries_the_marks_of_the_keys_that_its_workers_may_have(make_monitor: MakeMonitor) -> None:
    """Old workers overlook them; in the day of grace both keys are right; a batch without a word less."""
    make_monitor(wanted=True, regions=["usa"])
    wire = Batch(
        "b1", "usa", [CheckRequest("one", "http", {"url": "http://127.0.0.1:9/ü", "x": [1.5, None]})]
    ).to_wire()

    def sent() -> dict[str, Any]:
        (message,) = broker._marked([broker.Message(wire, "usa", now_lane=False, expires=timezone.now())])
        return dict(json.loads(json.dumps(message.batch)))

    assert sent() == wire
    first = new_key("usa")
    assert signing.mark_of(sent(), first)
    second = new_key("usa")
    assert [bool(signing.mark_of(sent(), key)) for key in (first, second, other_key())] == [True, True, False]
    third = new_key("usa", "--at-once")
    assert [bool(signing.mark_of(sent(), key)) for key in (first, second, third)] == [False, False, True]
    assert [request.id for request in read_batch(sent())[1]] == ["one"]


def test_v48e_a_report_that_was_overheard_is_no_batch() -> None:
    key = other_key()
    report = {"batch": "b1", "region": "usa", "results": []}
    mark, text = key.mark(json.dumps(report, sort_keys=True, separators=(",", ":")).encode()), report
    assert not signing.mark_of({**text, "marks": [mark.decode()]}, key)


def test_v48f_two_headers_of_a_site_lose_no_report() -> None:
    """What a failing check saw may be ``{"__type__": ..., "__value__": ...}``, which kombu itself would not read."""
    body = [[{"results": [{"evidence": {"headers": {"__type__": "no such type", "__value__": "x"}}}]}], {}, {}]
    kind, encoding, sent = serialization.dumps(body, serializer="json")
    accept = serialization.prepare_accept_content(broker_settings()["accept_content"])
    assert serialization.loads(sent, kind, encoding, accept=accept) == body


def life(sent_at: float, worker: str = "w1") -> dict[str, Any]:
    return LifeSign("usa", worker, "1", 32, sent_at=sent_at).to_wire()


def test_v48b_a_dead_region_is_not_kept_alive_by_its_old_signs(regions: list[str]) -> None:
    key, now = new_key("usa", "--at-once"), timezone.now().timestamp()
    first = carried(life(now), key)
    ingest.life_sign(first)
    last = RegionWorker.objects.get()
    for sign in (first, carried(life(now - 20), key), life(now + 5), carried(life(now + 5), other_key())):
        ingest.life_sign(sign)
    assert RegionWorker.objects.get().last_seen == last.last_seen
    assert dropped() == {("usa", "replayed"): 2, ("usa", "unsigned"): 1, ("usa", "forged"): 1}
    ingest.life_sign(carried(life(now + 10), key))
    assert RegionWorker.objects.get().last_seen > last.last_seen


def test_v48c_workers_of_regions_that_there_are_not_fill_no_table(regions: list[str]) -> None:
    for number in range(20):
        ingest.life_sign(LifeSign(f"r{number}", "w", "1", 32, sent_at=1.0).to_wire())
    assert not RegionWorker.objects.exists()
    assert dropped() == {("-", "unknown"): 20}


class Payload:
    """A pickle that makes a file when it is read."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.file), "w")


def test_v48i_what_is_put_into_the_cache_by_others_is_not_run(tmp_path: Path) -> None:
    """With the broker's shared password a region that was stolen can write there as well."""
    shared, trace = get_redis_connection("default"), tmp_path / "trace"
    evil = pickle.dumps(Payload(trace))
    cache.set("ours", {"a": 1})
    sound = shared.get(cache.make_key("ours"))
    for name, value in {"plain": evil, "marked": b"x" * 32 + evil, "other-mark": sound[:32] + evil}.items():
        shared.set(cache.make_key(name), value)
        assert cache.get(name) is None
    assert not trace.exists()
    assert cache.get("ours") == {"a": 1}
    pickle.loads(evil).close()  # noqa: S301
    assert trace.exists(), "or the payload does nothing anyway"


ODD_SIGNS: dict[str, Any] = {
    "spooled": ["many", [1], {"a": 1}, True, -1, float("nan"), 10**30],
    "lag_ms": ["late", [1], float("inf"), 10**400],
    "slowed_down": ["no", [], 7],
    "refused": ["many", [1], True, -1, float("nan"), 10**30],
    "concurrency": ["x", 10**30, -1, None],
    "sent_at": [float("nan"), 1e300, "now", None, 10**400],
    "last_batch_at": ["x", 1e300, [], float("nan")],
    "worker": ["\x00", "w" * 10_000, {"a": 1}],
}


@pytest.mark.parametrize("field", [pytest.param(name, id=f"v48g-{name}") for name in ODD_SIGNS])
def test_odd_signs_of_life_blind_no_operator(regions: list[str], admin_client: Client, field: str) -> None:
    """A region that was stolen says them: what operators look at adds them up."""
    for value in ODD_SIGNS[field]:
        ingest.life_sign(life(timezone.now().timestamp()) | {field: value})
    assert admin_client.get("/operator/").status_code == 200
    metrics = admin_client.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    assert metrics.status_code == 200


def test_v48j_what_a_worker_refused_is_told(regions: list[str]) -> None:
    now = timezone.now().timestamp()
    ingest.life_sign(life(now) | {"refused": 3})
    ingest.life_sign(life(now) | {"refused": 0})
    assert dropped() == {("usa", "refused"): 3}


def test_v48k_a_batch_is_taken_once_until_nobody_could_send_it_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_MARKS", 3)
    taken, now = worker._Marked(), timezone.now().timestamp()
    assert taken.take(b"a", until=now + 30) == ""
    assert "before" in taken.take(b"a", until=now + 30)
    assert "no mark" in taken.take(b"", until=now + 30)
    assert "over" in taken.take(b"b", until=now - worker.LATE_SECONDS - 1)
    taken.give_back(b"a")
    assert taken.take(b"a", until=None) == "", "it was not run after all"
    assert taken.refused == 3
    for number in range(9):
        assert taken.take(b"%d" % number, until=now + 30) == ""
    assert len(taken._until) == 3


def test_v48h_a_region_has_so_many_workers_and_no_more(regions: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "MOST_WORKERS", 3)
    now = timezone.now().timestamp()
    for number in range(6):
        ingest.life_sign(life(now, f"w{number}"))
    assert RegionWorker.objects.count() == 3
    assert dropped() == {("usa", "too_many_workers"): 3}
    RegionWorker.objects.update(last_seen=timezone.now() - timedelta(days=2))
    ingest.life_sign(life(now, "w9"))
    assert RegionWorker.objects.count() == 4, "those of other days do not count"


def test_workers_that_are_gone_are_forgotten_and_do_not_come_back_by_what_they_once_said(regions: list[str]) -> None:
    key, now = new_key("usa", "--at-once"), timezone.now()
    long_ago = (now - ingest.GONE_AFTER - timedelta(hours=1)).timestamp()
    for name in ("w1", "w2"):
        ingest.life_sign(carried(life(now.timestamp(), name), key))
    RegionWorker.objects.filter(worker="w1").update(last_seen=now - ingest.GONE_AFTER - timedelta(minutes=1))
    RegionWorker.objects.filter(worker="w2").update(last_seen=now - ingest.GONE_AFTER + timedelta(minutes=1))
    housekeeping()
    assert RegionWorker.objects.get().worker == "w2"
    ingest.life_sign(carried(life(long_ago), key))
    assert RegionWorker.objects.count() == 1
    assert dropped() == {("usa", "replayed"): 1}
    ingest.life_sign(carried(life(now.timestamp()), key))
    assert RegionWorker.objects.count() == 2, "it has started again"


def test_a_key_is_shown_once_and_kept_encrypted(regions: list[str]) -> None:
    out = StringIO()
    call_command("region", "key", "usa", "--new", "--show-once", stdout=out)
    assert out.getvalue().strip() not in Region.objects.get(pk="usa").key_sealed
    with pytest.raises(CommandError, match="has been shown"):
        call_command("region", "key", "usa", "--show-once")
    with pytest.raises(CommandError, match="has no key"):
        call_command("region", "key", "india", "--show-once")
    with pytest.raises(CommandError, match="wants --new"):
        call_command("region", "key", "usa")
    with pytest.raises(CommandError, match="no region 'mars'"):
        call_command("region", "key", "mars", "--new")


def test_workers_are_given_a_new_key_one_after_the_other(make_monitor: MakeMonitor) -> None:
    """What was right before is right for a day more, be it no key or the last one."""
    plain = report = a_report(make_monitor)
    now = timezone.now()

    def believed(message: dict[str, Any], *, days: float = 0.0) -> bool:
        region = Region.objects.get(pk="usa")
        return regionkeys.believes(region.key_sealed, message, now=now + days * regionkeys.GRACE)

    assert believed(plain)
    first = new_key("usa")
    assert believed(plain)
    assert believed(carried(report, first))
    assert not believed(carried(report, other_key()))
    assert not believed(plain, days=1.1)
    second = new_key("usa")
    assert believed(carried(report, first))
    assert not believed(plain)
    assert not believed(carried(report, first), days=1.1)
    assert believed(carried(report, second), days=1.1)
    call_command("region", "key", "usa", "--off")
    assert believed(plain, days=1.1)


def test_without_the_keys_of_the_database_nothing_is_believed(regions: list[str], settings: Any) -> None:
    key = new_key("usa", "--at-once")
    sealed = Region.objects.get(pk="usa").key_sealed
    message = carried({"region": "usa"}, key)
    assert regionkeys.believes(sealed, message, now=timezone.now())
    settings.FIELD_ENCRYPTION_KEYS = ["b25seS1mb3ItdGhlLXR5cGUtY2hlY2tlci0zMmJ5dGU="]
    regionkeys._keys.cache_clear()
    assert not regionkeys.believes(sealed, message, now=timezone.now())
