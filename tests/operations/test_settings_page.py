"""``docs/settings.md`` says what the code reads, all of it and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from probes import log
from probes.settings import BadSetting, read_settings
from probes.worker import read_broker_url
from tests.operations.running import ROOT
from uptime import env, reference


class Noting(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, **values: str) -> None:
        self.values_, self.asked = values, set[str]()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def test_every_variable_of_the_server_has_a_meaning_and_no_other() -> None:
    assert set(env.READ) == set(reference.SERVER), "give it a line in uptime/reference.py, then: make settings"


def test_every_variable_of_a_region_has_a_meaning() -> None:
    environment = Noting(CELERY_BROKER_URL="redis://broker/0", LOG_FORMAT="none that there is")
    with pytest.raises(BadSetting):
        log.set_up(environment)
    read_settings(environment)
    read_broker_url(environment)
    plain = {name for name in environment.asked if not name.endswith("_FILE") or name == "PROBE_CA_FILE"}
    assert plain == set(reference.REGION) - {"WORK_FILE"}


def test_the_page_is_what_the_code_says() -> None:
    kept = (ROOT / "docs" / "settings.md").read_text()
    assert kept == reference.page(), "write it anew: make settings"
