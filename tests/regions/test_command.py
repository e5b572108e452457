"""``manage.py region``: what an operator types and sees."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from monitors.models import Region

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _setting(settings: Settings, regions: list[str]) -> None:
    settings.REGIONS = regions


def region(*words: str) -> dict[str, Any]:
    """Each region by code, as the command shows them after it has done its work."""
    out = StringIO()
    call_command("region", *words, "--json", stdout=out)
    return {shown["code"]: shown for shown in json.loads(out.getvalue())}


def states(shown: dict[str, Any]) -> dict[str, str]:
    return {code: region["state"] for code, region in shown.items()}


def test_regions_are_listed_with_their_state() -> None:
    out = StringIO()
    call_command("region", "list", stdout=out)
    assert [line.split()[:2] for line in out.getvalue().splitlines()] == [["usa", "online"], ["india", "online"]]


def test_an_added_region_survives_a_sync() -> None:
    shown = region("add", "mars", "--name", "Red planet")
    assert (shown["mars"]["name"], shown["mars"]["origin"], shown["mars"]["ordinal"]) == ("Red planet", "by hand", 2)
    assert states(region("sync"))["mars"] == "online"


def test_a_region_that_left_the_setting_is_disabled_by_a_sync(settings: Settings) -> None:
    settings.REGIONS = ["usa", "brazil"]
    assert states(region("sync")) == {"usa": "online", "brazil": "online", "india": "disabled"}
    settings.REGIONS = ["usa", "india"]
    assert states(region("sync")) == {"usa": "online", "brazil": "disabled", "india": "online"}


def test_a_region_disabled_by_hand_stays_disabled_until_it_is_enabled() -> None:
    assert states(region("disable", "india"))["india"] == "disabled"
    assert states(region("sync"))["india"] == "disabled"
    shown = region("enable", "india")
    assert (shown["india"]["state"], shown["india"]["origin"]) == ("online", "setting")


def test_draining_lasts_until_the_region_is_enabled() -> None:
    region("drain", "india")
    assert states(region("sync")) == {"usa": "online", "india": "draining"}
    assert states(region("enable", "india"))["india"] == "online"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["add"], "needs a code"),
        (["add", "Mars!"], "no region code"),
        (["add", "-mars"], "no region code"),
        (["add", "m" * 32], "no region code"),
        (["add", "usa"], "already"),
        (["drain", "mars"], "no region 'mars'; there are: usa, india"),
        (["disable"], "needs a code"),
        (["list", "usa"], "takes no code"),
        (["explode", "usa"], "invalid choice"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(words: list[str], problem: str) -> None:
    if words[-1].startswith("-"):
        words.insert(1, "--")
    with pytest.raises(CommandError, match=problem):
        call_command("region", *words)
    assert set(Region.objects.values_list("code", flat=True)) == {"usa", "india"}


def test_a_disabled_region_cannot_be_drained() -> None:
    region("disable", "usa")
    with pytest.raises(CommandError, match="nothing to drain"):
        region("drain", "usa")
