"""Each tool's export, and what is made of it: no database, one table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imports.plain import Export, Found, Unreadable
from imports.sources import SOURCES
from monitors.kinds import SPECS
from probes.contract import InvalidSpec
from tests.imports.files import export, kuma_2

SHOP_HEADERS = {"X-Api-Key": "k3y-of-the-shop", "Authorization": "Basic a3VtYTpzM2NyZXQtcGFzcw=="}

FILES = [
    ("kuma", "kuma-1.23.json"),
    ("gatus", "gatus.yaml"),
    ("uptimerobot", "uptimerobot.json"),
    ("uptimerobot", "uptimerobot-v3.json"),
    ("uptimerobot", "uptimerobot.csv"),
    ("betterstack", "betterstack.json"),
    ("pingdom", "pingdom.json"),
    ("blackbox", "blackbox.yml"),
    ("healthchecks", "healthchecks.json"),
]


def read(source: str, file: str) -> Export:
    return SOURCES[source].read(export(file))


def named(found: Export, name: str) -> Found:
    return next(one for one in found.monitors if one.name == name)


@pytest.mark.parametrize(
    ("source", "file", "name", "kind", "expected"),
    [
        ("kuma", "kuma-1.23.json", "Shop", "http", {"expected_status": "200-299,304", "headers": SHOP_HEADERS}),
        ("kuma", "kuma-1.23.json", "Blog says hello", "http", {"body_contains": "hello", "verify_tls": False}),
        ("kuma", "kuma-1.23.json", "Blog says hello", "http", {"follow_redirects": False}),
        ("kuma", "kuma-1.23.json", "API queue", "http", {"body": '{"deep": true}', "method": "POST"}),
        (
            *("kuma", "kuma-1.23.json", "API queue", "http"),
            {"json_assertions": [{"path": "$.queue.depth", "op": "eq", "value": 0}]},
        ),
        ("kuma", "kuma-1.23.json", "Mail", "tcp", {"host": "mail.example.com", "port": 25}),
        ("kuma", "kuma-1.23.json", "Zone", "dns", {"record_type": "MX", "nameserver": "1.1.1.1:53"}),
        ("kuma", "kuma-1.23.json", "Nightly backup", "heartbeat", {"period": 86_400, "grace": 1_800}),
        (
            *("gatus", "gatus.yaml", "front-end", "http"),
            {
                "expected_status": "200",
                "max_response_ms": 500,
                "cert_expiry_days": 2,
                "body_contains": "Example Domain",
            },
        ),
        (
            *("gatus", "gatus.yaml", "front-end", "http"),
            {"json_assertions": [{"path": "$.status", "op": "eq", "value": "UP"}]},
        ),
        ("gatus", "gatus.yaml", "login", "http", {"expected_status": "200,204", "verify_tls": False, "method": "POST"}),
        ("gatus", "gatus.yaml", "resolver", "dns", {"expected": ["93.184.216.34"], "nameserver": "8.8.8.8:53"}),
        ("gatus", "gatus.yaml", "cache", "tcp", {"host": "cache.example.org", "port": 6379}),
        ("gatus", "gatus.yaml", "mail-tls", "tls", {"starttls": "smtp", "port": 587, "cert_expiry_days": 3}),
        ("gatus", "gatus.yaml", "nightly", "heartbeat", {"period": 1_800}),
        ("uptimerobot", "uptimerobot.json", "Error free", "http", {"body_not_contains": "Fatal error"}),
        ("uptimerobot", "uptimerobot.json", "Mail", "tcp", {"host": "mail.example.com", "port": 25}),
        ("uptimerobot", "uptimerobot.json", "Cron", "heartbeat", {"period": 3_600}),
        (
            *("uptimerobot", "uptimerobot-v3.json", "Shop", "http"),
            {
                "method": "POST",
                "body": '{"deep": true}',
                "expected_status": "200-299,304",
                "follow_redirects": False,
                "cert_expiry_days": 30,
                "max_response_ms": 1500,
                "headers": {"X-Probe": "1", "Authorization": "Basic Ym90OnBhNTV3b3Jk"},
            },
        ),
        (
            *("uptimerobot", "uptimerobot-v3.json", "Front page", "http"),
            {"method": "GET", "body_contains": "Welcome", "verify_tls": False, "expected_status": "200-299,300-399"},
        ),
        ("uptimerobot", "uptimerobot-v3.json", "No errors", "http", {"body_not_contains": "Fatal error"}),
        ("uptimerobot", "uptimerobot-v3.json", "Database", "tcp", {"host": "db.example.com", "port": 5432}),
        ("uptimerobot", "uptimerobot-v3.json", "Cron", "heartbeat", {"period": 3_600, "grace": 900}),
        (
            *("uptimerobot", "uptimerobot-v3.json", "Zone", "dns"),
            {"name": "example.com", "record_type": "MX", "expected": ["mail.example.com"]},
        ),
        ("uptimerobot", "uptimerobot.csv", "Shop, front", "http", {"body_contains": "Add to cart"}),
        ("uptimerobot", "uptimerobot.csv", "Mail", "tcp", {"port": 25}),
        (
            "betterstack",
            "betterstack.json",
            "Homepage",
            "http",
            {"body_contains": "We call you", "cert_expiry_days": 7},
        ),
        ("betterstack", "betterstack.json", "Teapot", "http", {"expected_status": "418,200", "body": "{}"}),
        ("betterstack", "betterstack.json", "Database", "tcp", {"port": 5432}),
        ("betterstack", "betterstack.json", "Backups", "heartbeat", {"period": 10_800, "grace": 300}),
        (
            *("pingdom", "pingdom.json", "Shop", "http"),
            {"url": "https://shop.example.com:8443/cart?x=1", "body_contains": "Cart"},
        ),
        ("pingdom", "pingdom.json", "Mail", "tcp", {"port": 25}),
        ("pingdom", "pingdom.json", "From the list", "http", {"url": "https://www.example.com/"}),
        ("blackbox", "blackbox.yml", "example.org/path", "http", {"url": "http://example.org/path"}),
        (
            *("blackbox", "blackbox.yml", "api.example.com/health", "http"),
            {"expected_status": "200,202", "body_matches": "ok|fine", "verify_tls": False, "follow_redirects": False},
        ),
        ("blackbox", "blackbox.yml", "git.example.com:22", "tcp", {"port": 22}),
        ("blackbox", "blackbox.yml", "gw.example.com", "ping", {"host": "gw.example.com"}),
        ("healthchecks", "healthchecks.json", "Backup", "heartbeat", {"cron": "30 2 * * *", "zone": "Europe/Berlin"}),
        ("healthchecks", "healthchecks.json", "Queue", "heartbeat", {"period": 300, "grace": 60}),
    ],
)
def test_what_a_monitor_becomes(source: str, file: str, name: str, kind: str, expected: dict[str, Any]) -> None:
    found = named(read(source, file), name)
    assert found.kind == kind
    assert {part: found.spec.get(part) for part in expected} == expected


@pytest.mark.parametrize(
    ("source", "file", "name", "expected"),
    [
        ("kuma", "kuma-1.23.json", "Shop", {"tags": ("team: web", "Production"), "policy": {"confirmations": 3}}),
        ("kuma", "kuma-1.23.json", "Blog says hello", {"paused": True, "interval": 20, "foreign_id": "3"}),
        ("kuma", "kuma-1.23.json", "API queue", {"losses": ("its proxy: checks go out directly",)}),
        ("gatus", "gatus.yaml", "front-end", {"interval": 30, "timeout": 10, "foreign_id": "core_front-end"}),
        ("gatus", "gatus.yaml", "front-end", {"policy": {"confirmations": 5, "recovery": 3}, "tags": ("core",)}),
        ("gatus", "gatus.yaml", "front-end", {"losses": ("its condition has([BODY].errors) == false",)}),
        (
            "gatus",
            "gatus.yaml",
            "login",
            {"losses": ("its header Authorization: the value is an environment variable",)},
        ),
        ("gatus", "gatus.yaml", "cache", {"paused": True}),
        ("uptimerobot", "uptimerobot.json", "Error free", {"paused": True, "interval": 60, "timeout": 30}),
        ("uptimerobot", "uptimerobot-v3.json", "Shop", {"tags": ("web",), "interval": 60, "timeout": 20}),
        (
            *("uptimerobot", "uptimerobot-v3.json", "Shop"),
            {"losses": ("its regions: the usual ones of this installation check it",)},
        ),
        (
            *("uptimerobot", "uptimerobot-v3.json", "Front page"),
            {"paused": True, "losses": ("that its keyword is found in capitals and small letters alike",)},
        ),
        ("uptimerobot", "uptimerobot-v3.json", "No errors", {"losses": ("its authentication by bearer",)}),
        ("uptimerobot", "uptimerobot-v3.json", "Cron", {"interval": None, "timeout": None}),
        (
            *("uptimerobot", "uptimerobot-v3.json", "Zone"),
            {"losses": ("its A records: a monitor compares one kind here",)},
        ),
        (
            *("uptimerobot", "uptimerobot-v3.json", "Orders"),
            {"kind": "http", "losses": ("its assertions on the answer: say them in the form",)},
        ),
        ("betterstack", "betterstack.json", "Homepage", {"policy": {"alert_after_s": 120}, "interval": 30}),
        ("betterstack", "betterstack.json", "Database", {"timeout": 5}),
        ("pingdom", "pingdom.json", "Shop", {"policy": {"confirmations": 2}, "interval": 60, "tags": ("web",)}),
        ("blackbox", "blackbox.yml", "example.com", {"interval": 60, "timeout": 15, "tags": ("websites", "env: prod")}),
        ("blackbox", "blackbox.yml", "gw.example.com", {"interval": 30, "foreign_id": "hosts/icmp/gw.example.com"}),
        ("healthchecks", "healthchecks.json", "Backup", {"foreign_id": "662ebe36-ecab-48db-afe3-e20029cb71e6"}),
        ("healthchecks", "healthchecks.json", "Queue", {"paused": True, "tags": ()}),
    ],
)
def test_what_else_is_said_of_it(source: str, file: str, name: str, expected: dict[str, Any]) -> None:
    found = named(read(source, file), name)
    assert {part: getattr(found, part) for part in expected} == expected


@pytest.mark.parametrize(
    ("source", "file", "left_out"),
    [
        ("kuma", "kuma-1.23.json", {"Container": "'docker' has no counterpart", "Must be closed": "upside down"}),
        ("gatus", "gatus.yaml", {"socket": "'wss'", "secret-host": "environment variable", "pushed": "are pushed"}),
        ("uptimerobot", "uptimerobot.json", {"Something new": "'9' has no counterpart"}),
        ("uptimerobot", "uptimerobot-v3.json", {"Game": "'UDP' has no counterpart"}),
        ("betterstack", "betterstack.json", {"Checkout": "'playwright'"}),
        ("pingdom", "pingdom.json", {"Syslog": "'udp'"}),
        ("blackbox", "blackbox.yml", {"rpc.example.com:50051": "'grpc_plain'"}),
    ],
)
def test_what_has_no_counterpart_is_named(source: str, file: str, left_out: dict[str, str]) -> None:
    found = {one.name: one.why for one in read(source, file).left_out}
    assert found.keys() == left_out.keys()
    assert all(words in found[name] for name, words in left_out.items())


@pytest.mark.parametrize(("source", "file"), FILES)
def test_every_spec_is_one_that_a_check_can_read(source: str, file: str) -> None:
    refused = {}
    for found in read(source, file).monitors:
        try:
            SPECS[found.kind].parse(dict(found.spec))
        except InvalidSpec as error:
            refused[found.name] = str(error)
    assert set(refused) <= {"Systemd"}  # its schedule is systemd's, and the preview says so


OLDER = {
    "kuma": """{"version": "1.2.0", "notificationList": [], "monitorList": [{"id": 3, "name": "Shop", "url":
        "https://shop.example.com", "hostname": null, "port": null, "maxretries": 0, "active": 1, "type":
        "http", "interval": 60, "keyword": null, "ignoreTls": false, "upsideDown": false}]}""",
    "gatus": """
        services:
          - {name: Shop, url: "https://shop.example.com", conditions: ["[STATUS] == 200"]}""",
    "uptimerobot": """{"stat": "ok", "monitors": [{"id": 777, "friendly_name": "Shop", "url": "https://shop.example.com",
        "type": 1, "sub_type": "", "keyword_type": "", "keyword_value": "", "http_username": "", "http_password": "",
        "port": "", "interval": 300, "status": 2, "create_datetime": 1462465496}]}""",
    "healthchecks": """{"checks": [{"name": "Shop", "tags": "", "grace": 60, "n_pings": 1, "status": "up", "last_ping":
        "2017-01-04T13:24:39.903464+00:00", "next_ping": null, "pause_url": "https://healthchecks.io/api/v1/checks/x/pause",
        "ping_url": "https://hchk.io/662ebe36-ecab-48db-afe3-e20029cb71e6", "timeout": 60, "update_url": ""}]}""",
}
"""As years ago, without what their versions of today say beside."""


@pytest.mark.parametrize("source", OLDER)
def test_an_old_export_is_read_as_well(source: str) -> None:
    (found,) = SOURCES[source].read(OLDER[source].encode()).monitors
    kind = "heartbeat" if source == "healthchecks" else "http"
    assert (found.name, found.kind, found.paused) == ("Shop", kind, False)
    assert SPECS[kind].parse(dict(found.spec))


def test_the_database_of_kuma_says_what_its_backup_says(tmp_path: Path) -> None:
    one, other = read("kuma", "kuma-1.23.json"), SOURCES["kuma"].read(kuma_2(tmp_path))
    assert named(one, "Shop") == named(other, "Shop")
    assert named(other, "Depth").spec["json_assertions"] == [{"path": "$.queue.depth", "op": "lt", "value": 100}]
    assert one.channels == other.channels == ("Ops Slack (slack)",)


def test_what_kuma_said_is_its_beats_without_its_doubts(tmp_path: Path) -> None:
    said = SOURCES["kuma"].history(kuma_2(tmp_path))
    assert [one.up for one in said] == [True, True, None, False, True, True]
    assert said[3].begins == datetime(2026, 11, 20, 10, 3, tzinfo=UTC)
    assert said[3].ends == datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
    assert said[3].reason == "timeout of 48000ms exceeded"


def test_what_uptimerobot_said_is_its_logs() -> None:
    said = SOURCES["uptimerobot"].history(export("uptimerobot.json"))
    assert [(one.up, (one.ends - one.begins).seconds) for one in said] == [(True, 3600), (False, 180), (True, 3600)]
    assert said[1].reason == "333333 Connection Timeout"


def test_the_list_of_uptimerobots_v3_has_no_history() -> None:
    assert read("uptimerobot", "uptimerobot-v3.json").channels == ("993765 (alert contact)",)
    with pytest.raises(Unreadable, match="no history"):
        SOURCES["uptimerobot"].history(export("uptimerobot-v3.json"))


def test_gatus_has_nothing_to_compare() -> None:
    with pytest.raises(Unreadable, match="nothing to compare"):
        SOURCES["gatus"].history(export("gatus.yaml"))
