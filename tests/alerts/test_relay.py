"""What Apprise carries takes our road, and there is no other one in its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from alerts import transport
from alerts.notifiers import NOTIFIERS, Relay
from alerts.notifiers.apprise import SERVICES
from probes.contract import InvalidSpec
from tests.alerts.sinks import Sink, status
from tests.alerts.test_notifiers import HOSTILE, SETTINGS
from tests.probes.lab import NameServer, zone

ROADS = """
import json, socket, sys, time, urllib.request
import requests
from apprise.utils.http import HTTPPolicySession
from probes.relay import Road, close_all_other_roads
road = Road(until=time.monotonic() + 15)
close_all_other_roads(road)
sink = sys.argv[1]
tries = {
    "metadata": lambda: requests.get("http://169.254.169.254/latest/"),
    "metadata in disguise": lambda: requests.post("http://2852039166/"),
    "private": lambda: requests.Session().put("https://10.0.0.1/", verify=False, proxies={"https": "http://10.0.0.2"}),
    "apprise's own session": lambda: HTTPPolicySession(None).get("http://192.168.0.1/"),
    "redirect": lambda: requests.post(sink, data="x"),
    "urllib": lambda: urllib.request.urlopen(sink),
    "socket": lambda: socket.create_connection(("127.0.0.1", 80)),
    "allowed": lambda: requests.post(sink, json={"kind": "test"}).raise_for_status(),
}
came = {}
for name, call in tries.items():
    try:
        call()
        came[name] = "went"
    except Exception as error:
        came[name] = str(error)
print(json.dumps(came))
"""

EVERY_SERVICE = """
import importlib, inspect, re, sys
from alerts.notifiers.apprise import SERVICES
for scheme, (module, name) in SERVICES.items():
    found = importlib.import_module(f"apprise.plugins.{module}")
    service = getattr(found, name)
    known = {service.protocol, service.secure_protocol}
    schemes = {one for part in known for one in ([part] if isinstance(part, str) else part or ())}
    assert scheme in schemes, (scheme, schemes)
    assert "host" not in service.template_tokens, scheme
    other_roads = r"^(import|from) (socket|smtplib|ssl|subprocess|http|urllib.request)"
    assert not re.search(other_roads, inspect.getsource(found), re.M), scheme
"""


def python(code: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that leads a public name to an address inside."""
    server = NameServer(zone(**{"api.pushbullet.com": {"A": ["10.1.2.3"]}}))
    monkeypatch.setenv("PROBE_NAMESERVERS", f"127.0.0.1:{server.port}")
    yield
    server.close()


def relay() -> Relay:
    notifier = NOTIFIERS["apprise"]
    written = notifier.write(notifier.settings.parse(SETTINGS["apprise"]), HOSTILE)
    assert isinstance(written, Relay)
    return written


def test_there_is_no_other_road(sink: Sink) -> None:
    sink.answers = [status(307, Location="http://169.254.169.254/")]
    came = json.loads(python(ROADS, sink.url, PROBE_ALLOWED_NETWORKS="127.0.0.0/8"))
    assert came.pop("allowed") == "went"
    assert "metadata" in came.pop("metadata")
    assert "metadata" in came.pop("redirect")
    assert "went" not in came.values(), came
    assert [one.body for one in sink.received][1:] == [b'{"kind": "test"}']


def test_every_service_is_there_and_its_host_is_not_the_tenants() -> None:
    python(EVERY_SERVICE)


def test_a_name_that_leads_inside_is_refused_for_good(inside: None) -> None:
    sent = transport.hand_over(relay(), secrets=["a" * 34])
    assert not sent.ok
    assert sent.permanent
    assert "10.1.2.3" in sent.reason


def test_the_relay_knows_no_secret_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def run(*_arguments: object, env: dict[str, str], **_options: object) -> None:
        seen.update(env)
        raise OSError

    monkeypatch.setattr(subprocess, "run", run)
    assert not transport.hand_over(relay()).ok
    assert "PROBE_ALLOWED_NETWORKS" in seen
    assert not {"DATABASE_URL", "SECRET_KEY", "REDIS_URL", "FIELD_ENCRYPTION_KEYS"} & set(seen)


@pytest.mark.parametrize(
    "address",
    [
        "mailto://a:b@example.org",
        "json://10.0.0.1/",
        "syslog://",
        "dbus://",
        "file:///etc/passwd",
        "pbul://a b",
        "pbul",
    ],
)
def test_only_services_at_fixed_hosts_are_taken(address: str) -> None:
    assert "mailto" not in SERVICES
    with pytest.raises(InvalidSpec):
        NOTIFIERS["apprise"].settings.parse({"address": address})
