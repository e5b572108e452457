"""One engine for the lab, and sites that come and go with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from probes.contract import CheckRequest, CheckResult, Reason
from probes.engine import Engine
from probes.guard import Policy
from probes.settings import Nameserver, Settings
from tests.probes.lab import Authority, Behaviour, NameServer, Site, Zone, zone

LOOPBACK = Policy.of(["127.0.0.0/8", "::1/128"])

Check = Callable[..., CheckResult]


class MakeSite(Protocol):
    def __call__(self, behave: Behaviour, **more: Any) -> Site: ...


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    """The project's own fixture of this name touches a cache that the probes do not have."""


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def name_server() -> Iterator[NameServer]:
    server = NameServer(zone())
    yield server
    server.close()


@pytest.fixture(scope="session")
def engine(authority: Authority, name_server: NameServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    ca_file = authority.write(tmp_path_factory.mktemp("trust") / "root.pem")
    nameservers = (Nameserver("127.0.0.1", name_server.port),)
    engine = Engine(Settings(policy=LOOPBACK, nameservers=nameservers, ca_file=ca_file))
    yield engine
    engine.close()


def ask(engine: Engine, request: CheckRequest) -> CheckResult:
    """Where this process stood still meanwhile, the engine rightly says so in place of the fault: it is asked again."""
    for _ in range(5):
        result = engine.run_one(request)
        if result.reason is not Reason.LATE:
            break
    return result


@pytest.fixture
def check(engine: Engine) -> Check:
    """Run one check and return its result: ``check(url, timeout_ms=..., retries=..., **spec)``."""

    def run(
        url: str | None = None, *, kind: str = "http", timeout_ms: int = 5_000, retries: int = 0, **spec: Any
    ) -> CheckResult:
        if url is not None:
            spec["url"] = url
        return ask(engine, CheckRequest("a check", kind, spec, timeout_ms=timeout_ms, retries=retries))

    return run


@pytest.fixture
def site() -> Iterator[MakeSite]:
    sites: list[Site] = []

    def make(behave: Behaviour, **more: Any) -> Site:
        sites.append(Site(behave, **more))
        return sites[-1]

    yield make
    for one in sites:
        one.close()


@pytest.fixture
def names(name_server: NameServer) -> Iterator[Callable[[Zone], NameServer]]:
    """Let the lab's name server answer by another zone, until the test is over."""

    def answer_by(new: Zone) -> NameServer:
        name_server.zone = new
        name_server.questions.clear()
        return name_server

    yield answer_by
    name_server.zone = zone()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path
