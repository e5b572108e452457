"""Whatever is broken: every slot counts once, every outage is told once, and all of it comes back by itself."""

from __future__ import annotations

import os
import time
from functools import partial
from random import Random

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.faults import FAULTS, Fault

pytestmark = pytest.mark.processes

AT_ONCE = ["kill-worker", "kill-ingester", "cut-connections"]
MIXED = [fault for fault in FAULTS if not fault.alone]
MINUTES = float(os.environ.get("CHAOS_MINUTES", "3"))


@pytest.mark.timeout(400)
def test_a_few_faults_at_once(campaign: Campaign) -> None:
    blows = [(fault, 8.0) for fault in FAULTS if fault.name in AT_ONCE]
    campaign.run("at-once", ", ".join(AT_ONCE) + " together", partial(campaign.strike, blows))


@pytest.mark.campaign
@pytest.mark.timeout(1_000)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_alone(campaign: Campaign, fault: Fault) -> None:
    campaign.run(fault.name, fault.what, lambda chance: campaign.strike([(fault, fault.seconds)], chance))


@pytest.mark.campaign
@pytest.mark.timeout(60 * MINUTES + 1_000)
def test_mixed_at_random(campaign: Campaign) -> None:
    campaign.run("mix", f"one to three of them at once, for {MINUTES:g} minutes", partial(mix, campaign))


def mix(campaign: Campaign, chance: Random) -> None:
    until = time.monotonic() + 60 * MINUTES
    while time.monotonic() < until:
        chosen = chance.sample(MIXED, chance.choice([1, 1, 2, 3]))
        one_of_each_part = {fault.part: fault for fault in chosen}.values()
        campaign.strike([(fault, chance.uniform(2, 15)) for fault in one_of_each_part], chance)
        time.sleep(chance.uniform(0, 8))
