"""``make chaos``: the long campaign. Without ``--campaign`` only its short form runs.

CHAOS_MONITORS (2,000; short form 200), CHAOS_MINUTES of the random mix (3), CHAOS_SEED or ``--seed``, CHAOS_REPORT:
where the report goes (a temporary directory). One fault: ``make chaos ARGS="-k stop-valkey"``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.world import World
from tests.road.box import wait_until


def pytest_addoption(parser: pytest.Parser) -> None:
    chaos = parser.getgroup("chaos")
    chaos.addoption("--seed", default=os.environ.get("CHAOS_SEED", "20261122"), help="what chance begins with")


def is_long(config: pytest.Config) -> bool:
    return bool(config.getoption("campaign"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not is_long(config):
        long = [item for item in items if item.get_closest_marker("campaign")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="package")
def campaign(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    monitors = int(os.environ.get("CHAOS_MONITORS", 2_000 if is_long(request.config) else 200))
    world = World(tmp_path_factory.mktemp("chaos"), monitors)
    # This file is read too late for its option where nobody names this directory.
    campaign = Campaign(world, str(request.config.getoption("seed", default="20261122")))
    report = Path(os.environ.get("CHAOS_REPORT") or world.home / "report.json")
    with world.running():
        try:
            seen = "SELECT count(*) FROM monitors_monitor WHERE status = 'pending'"
            wait_until("every monitor was seen", lambda: world.box.one(seen) == 0, seconds=120)
            yield campaign
        finally:
            report.write_text(json.dumps(campaign.as_dict(), indent=1))
            print(f"\n{campaign.table()}\n{report}, {time.strftime('%Y-%m-%d %H:%M')}")
            print("\n".join(world.box.lines[-100:]))
