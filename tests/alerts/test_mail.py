"""Messages by a real mail server."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from accounts.models import Team, User
from alerts.models import Attempt, Delivery
from alerts.services import channels
from monitors.models import Monitor
from tests.alerts.conftest import Story, states
from tests.alerts.sinks import Mailbox
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor(make_monitor: MakeMonitor, team: Team) -> Monitor:
    return make_monitor(name="Shop\u2028<b>&\r\nBcc: all@example.org")


def test_the_owner_hears_of_down_and_up(story: Story, monitor: Monitor, mailbox: Mailbox) -> None:
    incident = story.goes_down(monitor)
    story.tick()
    story.comes_back(incident)
    story.tick()
    down, up = mailbox.mails
    assert down["To"] == "olga@example.com"
    assert down["Subject"] == "DOWN: Shop <b>& Bcc: all@example.org"
    assert down["Bcc"] is None
    assert up["Subject"].startswith("UP: ")
    assert down["Message-ID"] != up["Message-ID"]
    assert down["References"] == up["References"]
    html = down.get_body(("html",))
    text = down.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert "&lt;b&gt;&amp;" in html.get_content()
    assert f"/monitors/{monitor.pk}/" in text.get_content()
    assert sorted(states()) == [("down", "sent"), ("up", "sent")]


def test_a_member_reads_mail_in_their_own_language(
    story: Story, monitor: Monitor, mailbox: Mailbox, owner: User
) -> None:
    User.objects.filter(pk=owner.pk).update(language="de")
    story.goes_down(monitor)
    story.tick()
    [mail] = mailbox.mails
    assert mail["Subject"] == "AUSGEFALLEN: Shop <b>& Bcc: all@example.org"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "Erster Fehlschlag 20" in text.get_content()
    assert '<html lang="de">' in html.get_content()
    assert Delivery.objects.get().subject.startswith("DOWN: ")


def test_a_mail_that_is_sent_again_has_the_same_id(story: Story, monitor: Monitor, mailbox: Mailbox) -> None:
    mailbox.refusals = ["451 come back later"]
    story.goes_down(monitor)
    story.tick()
    assert states() == [("down", "waiting")]
    story.later(seconds=10)
    assert [one.status for one in Attempt.objects.order_by("number")] == [451, 250]
    [mail] = mailbox.mails
    assert monitor.events.get().deliveries.get().key in mail["Message-ID"]


def test_who_is_not_there_is_not_asked_again(story: Story, monitor: Monitor, mailbox: Mailbox) -> None:
    mailbox.refusals = ["550 no such person"]
    story.goes_down(monitor)
    story.tick()
    assert states() == [("down", "dead")]
    assert "no such person" in Attempt.objects.get().answer


def test_no_mail_server_is_no_reason_to_give_up(story: Story, monitor: Monitor, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    story.goes_down(monitor)
    story.tick()
    assert states() == [("down", "waiting")]
    assert "refused" in Attempt.objects.get().reason


def test_a_trial_mail_says_what_the_server_said(team: Team, mailbox: Mailbox) -> None:
    mailbox.refusals = ["554 5.7.1 relaying denied"]
    sent = channels.try_out(team=team, kind="email", settings={"to": "olga@example.com"})
    assert (sent.ok, sent.status, sent.answer) == (False, 554, "5.7.1 relaying denied")
    assert channels.try_out(team=team, kind="email", settings={"to": "olga@example.com"}).ok
