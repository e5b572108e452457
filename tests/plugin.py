"""Throw-away PostgreSQL and Valkey for the tests, and the environment that the settings read.

Loaded with `-p` in pyproject.toml: a conftest.py would come after pytest-django has read the settings.
`DATABASE_URL` and `REDIS_URL` in the environment win; then nothing is started in their place.
"""

import base64
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from onebox.process import StartError
from onebox.servers import Postgres, Valkey

ENVIRONMENT = {
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1],testserver",
    "DEBUG": "false",
    "DEMO_SITE_URL": "http://127.0.0.1:8001/",
    "EMAIL_URL": "memorymail://",
    "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(b"a key for the tests, 32 bytes in").decode(),
    "JWT_SIGNING_KEY": "a signing key that only the tests use, long enough",
    "METRICS_TOKEN": "a metrics token that only the tests use",
    "ONEBOX": "true",
    "PROBE_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
    "REGIONS": "usa,india",
    "REGISTRATION_OPEN": "true",
    "SECRET_KEY": "a secret key that only the tests use, long enough for Django",
    "SITE_URL": "http://testserver",
}


# On a busy machine everything is slow; that says nothing about what is tested. Nor may chance decide whether a change
# is good: what is made up is the same in every run, unless somebody asks for the long forms.
settings.register_profile("curious", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("calm", settings.get_profile("curious"), derandomize=True, database=None)
settings.load_profile("calm")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """A wrapper comes before pytest-django's own hook, which is a `tryfirst` one."""
    os.environ |= ENVIRONMENT
    home = Path(tempfile.mkdtemp(prefix="uptime-tests-"))
    early_config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    try:
        if worker := os.environ.get("PYTEST_XDIST_WORKER"):
            _share_servers(int(worker.removeprefix("gw")))
        else:
            _start_servers(early_config, home)
    except StartError as error:
        raise pytest.UsageError(str(error)) from error
    return (yield)


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "the long forms, which take minutes: make chaos, make fuzz"
    parser.addoption("--campaign", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("campaign"):
        settings.load_profile("curious")


def _start_servers(config: pytest.Config, home: Path) -> None:
    if not os.environ.get("DATABASE_URL"):
        postgres = Postgres(home / "postgres", durable=False)
        config.add_cleanup(postgres.stop)
        os.environ["DATABASE_URL"] = postgres.start()
    if not os.environ.get("REDIS_URL"):
        valkey = Valkey(home / "valkey", durable=False)
        config.add_cleanup(valkey.stop)
        os.environ["REDIS_URL"] = valkey.start()
    if not os.environ.get("CELERY_BROKER_URL"):
        os.environ["CELERY_BROKER_URL"] = os.environ["REDIS_URL"]


WHOLE_BOXES = ("tests/road/", "tests/browser/", "tests/onebox/", "tests/chaos/", "tests/attacks/test_slow_clients.py")
"""Tests that start the whole product: one after the other, however many processes share the tests."""


class OneBoxAtATime(LoadScopeScheduling):  # type: ignore[misc]  # xdist says no types
    """All of them go to one process, first; every other test goes to whoever is free.

    Not by xdist's own marks and ``--dist loadgroup``: as of 3.8, pytest 9.2 silently ignores the groups
    (pytest-dev/pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return "box" if nodeid.startswith(WHOLE_BOXES) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneBoxAtATime:
    return OneBoxAtATime(config, log)


def _share_servers(worker: int) -> None:
    """One of several processes that share the tests (``make test``): its own database in each server of the first one.

    pytest-django sees to PostgreSQL; Valkey has sixteen, and the first one is nobody's.
    """
    url = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{worker + 1}").geturl()
    os.environ |= {"REDIS_URL": url, "CELERY_BROKER_URL": url}
