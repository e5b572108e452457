"""Mail to people who are not of the team: nothing goes there before they agree, and nobody is pestered."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from accounts.models import Team, User
from alerts.models import Channel
from alerts.services import channels, confirming
from monitors.models import Monitor
from tests.alerts.conftest import MakeRule, Story, states
from tests.alerts.sinks import Mailbox
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]
THERE = {"to": "ops@example.org"}


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name="Shop")


@pytest.fixture
def pending(
    without_defaults: Team, mailbox: Mailbox, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Channel:
    with django_capture_on_commit_callbacks(execute=True):
        return channels.create_channel(team=without_defaults, kind="email", name="<b>Buy now</b>", settings=THERE)


def link_in(mailbox: Mailbox) -> str:
    body = mailbox.mails[-1].get_body(("plain",))
    assert body is not None
    found = re.search(r"https?://[^/]+(/alerts/confirm/\S+)", body.get_content())
    assert found is not None
    return found[1]


def test_nothing_goes_there_before_somebody_agrees(
    client: Client, story: Story, monitor: Monitor, pending: Channel, make_rule: MakeRule, mailbox: Mailbox
) -> None:
    make_rule(pending)
    (asked,) = mailbox.mails
    assert asked["To"] == "ops@example.org"
    assert "Buy now" not in asked.as_string()
    first = story.goes_down(monitor)
    story.tick()
    assert (pending.health, states(), len(mailbox.mails)) == ("pending", [], 1)
    link = link_in(mailbox)
    assert "Yes, send them" in client.get(link).content.decode()
    pending.refresh_from_db()
    assert pending.confirmed_at is None  # looking is not agreeing: programs that scan mail follow links
    assert "Agreed" in client.post(link).content.decode()
    story.later(minutes=5)
    story.comes_back(first)
    story.goes_down(monitor)
    story.tick()
    assert [mail["Subject"] for mail in mailbox.mails[1:]] == ["DOWN: Shop"]


def test_a_link_is_for_one_address(client: Client, pending: Channel, mailbox: Mailbox) -> None:
    link = link_in(mailbox)
    assert client.get(link[:-3] + "xx/").status_code == 404
    channels.update_channel(pending, settings={"to": "victim@example.org"})
    assert client.post(link).status_code == 404
    pending.refresh_from_db()
    assert pending.confirmed_at is None


def test_another_address_has_to_agree_anew(pending: Channel) -> None:
    confirming.confirm(pending)
    channel = channels.update_channel(pending, name="Ops")
    assert channel.confirmed_at is not None
    channel = channels.update_channel(channel, settings={"to": "other@example.org"})
    assert channel.confirmed_at is None
    assert channels.update_channel(channel, settings={"to": "OLGA@example.com"}).confirmed_at is not None


def test_no_test_goes_to_strangers(pending: Channel, mailbox: Mailbox) -> None:
    for settings in (THERE, {"to": "victim@example.org"}):
        with pytest.raises(ValidationError, match="has to agree first"):
            channels.try_out(team=pending.team, kind="email", settings=settings, channel=pending)
    confirming.confirm(pending)
    pending.refresh_from_db()
    assert channels.try_out(team=pending.team, kind="email", settings=THERE, channel=pending).ok


def test_nobody_is_pestered(api: Api, owner: User, stranger: User, pending: Channel, mailbox: Mailbox) -> None:
    address = f"/api/channels/{pending.pk}/confirm"
    answers = [api(owner).post(address) for _ in range(6)]
    assert {answer.status_code for answer in answers} == {202}  # how often others have asked is told to nobody
    theirs = channels.create_channel(team=stranger.memberships.get().team, kind="email", settings=THERE)
    assert not confirming.ask(theirs)
    assert len(mailbox.mails) == confirming.ASKED_A_DAY
    assert api(stranger).post(address).status_code == 404
