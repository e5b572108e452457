"""The demo site does what its page says."""

import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from threading import Thread

import pytest

from onebox.demo import DemoSite


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DemoSite]:
    with DemoSite(create_server(("127.0.0.1", 0)), state_file=tmp_path / "state", slow_seconds=0.3) as site:
        thread = Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield site
        site.shutdown()
        thread.join()


def ask(site: DemoSite, path: str = "/", *, form: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", site.server_port, timeout=20)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    connection.request("POST" if form else "GET", path, body=form, headers=headers)
    response = connection.getresponse()
    status, text = response.status, response.read().decode()
    connection.close()
    return status, text


def test_it_is_healthy_at_first(site: DemoSite) -> None:
    status, text = ask(site)
    assert status == 200
    assert "healthy" in text


def test_its_page_switches_it_to_failing_and_back(site: DemoSite) -> None:
    assert ask(site, "/control", form="state=failing")[0] == 303
    assert ask(site)[0] == 500
    assert '<strong id="state">failing</strong>' in ask(site, "/control")[1]
    ask(site, "/control", form="state=healthy")
    assert ask(site)[0] == 200


def test_slow_is_slow_but_the_control_page_is_not(site: DemoSite) -> None:
    ask(site, "/control", form="state=slow")
    site.slow_seconds = 60
    assert ask(site, "/control")[0] == 200
    site.slow_seconds = 0.3
    started = time.monotonic()
    assert ask(site)[0] == 200
    assert time.monotonic() - started >= 0.3


def test_the_state_outlives_a_restart(site: DemoSite, tmp_path: Path) -> None:
    ask(site, "/control", form="state=failing")
    with DemoSite(create_server(("127.0.0.1", 0)), state_file=tmp_path / "state") as again:
        assert again.state == "failing"


@pytest.mark.parametrize(
    ("path", "form"), [("/control", "state=gone"), ("/control", "x=" + "y" * 5000), ("/", "state=slow")]
)
def test_nonsense_changes_nothing(site: DemoSite, path: str, form: str) -> None:
    assert ask(site, path, form=form)[0] == 400
    assert ask(site)[0] == 200


def test_an_unknown_page_is_not_found(site: DemoSite) -> None:
    assert ask(site, "/elsewhere")[0] == 404
