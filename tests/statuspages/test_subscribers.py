"""From "tell me" to the message: asked, confirmed, told once, and gone when they leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import Team
from alerts.notifiers.webhook import signed
from monitors import secrets
from monitors.models import Monitor
from statuspages.models import Component, Notice, Post, PostUpdate, StatusPage, Subscriber
from statuspages.rules import Road, masked
from statuspages.services import posts, sending, subscribers
from tests.alerts.sinks import Mailbox, Sink, status
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Say = Callable[..., PostUpdate]


@pytest.fixture
def page(team: Team) -> StatusPage:
    return StatusPage.objects.create(
        team=team, slug="shop", title="Shop\r\nBcc: x@example.org", published=True, takes_subscribers=True
    )


@pytest.fixture
def monitor(make_monitor: MakeMonitor) -> Monitor:
    return make_monitor(name="internal-name-7")


@pytest.fixture
def say(page: StatusPage) -> Say:
    """Write a post, or go on with one."""

    def say(text: str, *components: Component, post: Post | None = None, state: str = "investigating") -> PostUpdate:
        if post is not None:
            return posts.add_update(post, by=None, state=state, text=text)
        about = [component.pk for component in components]
        made = posts.write_post(page, by=None, kind="incident", title="Slow <b>", text=text, components=about)
        return made.updates.get()

    return say


def send_all(now: datetime | None = None) -> int:
    now, tries = now or timezone.now(), 0
    sending.sweep(now=now)
    while (claimed := sending.claim(now=now)) is not None:
        sending.record(claimed, sending.attempt(claimed), now=now)
        tries += 1
        assert tries < 100
    return tries


def subscribe(page: StatusPage, address: str, *, kind: Road = Road.EMAIL, **more: Any) -> Subscriber:
    """One that has confirmed."""
    subscribers.ask(page, kind=kind, address=address, now=timezone.now(), **more)
    field = subscribers.ADDRESS_FIELDS[kind]
    one = next(each for each in Subscriber.objects.filter(page=page) if each.settings[field] == address)
    subscribers.confirm(one, now=timezone.now())
    one.notices.all().delete()
    return one


def states() -> list[str]:
    return [notice.state for notice in Notice.objects.order_by("created_at", "id")]


def test_nothing_is_told_before_the_address_has_said_yes(page: StatusPage, say: Say, mailbox: Mailbox) -> None:
    subscribers.ask(page, kind=Road.EMAIL, address=" Ann@Example.org ", now=timezone.now())
    say("We are looking.")
    send_all()
    [question] = mailbox.mails
    [one] = Subscriber.objects.all()
    link = f"http://testserver/subscription/{one.token}/"
    assert question["To"] == "ann@example.org"
    assert question["Bcc"] is None
    assert question["Subject"] == "Confirm that you want to hear from Shop Bcc: x@example.org"
    assert link in question.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    subscribers.confirm(one, now=timezone.now())
    say("Found it: <script>alert(1)</script> *a disk*")
    send_all()
    news = mailbox.mails[1]
    html = news.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert news["Subject"] == "Shop Bcc: x@example.org: Slow <b> (Investigating)"
    assert "<em>a disk</em>" in html
    assert "<script" not in html
    assert news["List-Unsubscribe"].strip() == f"<{link}leave/>"
    assert news["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "internal-name-7" not in str(news)
    assert "ann@example.org" not in str(one.__dict__)  # encrypted at rest


def test_what_the_form_says_does_not_depend_on_who_is_subscribed(page: StatusPage, mailbox: Mailbox) -> None:
    one = subscribe(page, "ann@example.org")
    now = timezone.now() + timedelta(minutes=11)
    for address in ("ann@example.org", "bob@example.org", "bob@example.org"):
        subscribers.ask(page, kind=Road.EMAIL, address=address, now=now)
    send_all(now)
    assert sorted((mail["To"], mail["Subject"].split()[0]) for mail in mailbox.mails) == [
        ("ann@example.org", "You"),  # already
        ("bob@example.org", "Confirm"),  # and not twice within minutes
    ]
    one.refresh_from_db()
    assert one.confirmed_at is not None


def test_nobody_is_bothered_by_way_of_many_pages(page: StatusPage, team: Team) -> None:
    for number in range(5):
        other = StatusPage.objects.create(team=team, slug=f"p{number}", title="P", published=True)
        subscribers.ask(other, kind=Road.EMAIL, address="ann@example.org", now=timezone.now())
    assert Notice.objects.count() == subscribers.MOST_QUESTIONS


@pytest.mark.parametrize(
    ("kind", "address", "secret", "field"),
    [
        (Road.EMAIL, "no address", "", "address"),
        (Road.EMAIL, "a@example.org\nBcc: b@example.org", "", "address"),
        (Road.WEBHOOK, "ftp://example.org/", "", "address"),
        (Road.WEBHOOK, "http://169.254.169.254/latest/meta-data", "", "address"),
        (Road.WEBHOOK, "http://10.0.0.8/", "", "address"),
        (Road.WEBHOOK, "http://[::ffff:10.0.0.8]/", "", "address"),
        (Road.WEBHOOK, "https://example.org/", "short", "secret"),
    ],
)
def test_what_is_refused(page: StatusPage, kind: Road, address: str, secret: str, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        subscribers.ask(page, kind=kind, address=address, secret=secret, now=timezone.now())
    assert list(refused.value.message_dict) == [field]
    assert not Subscriber.objects.exists()


def test_a_name_that_leads_inside_is_not_dialled(page: StatusPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged when it is dialled, whatever it was when it was entered: here the guard's words change in between."""
    one = subscribe(page, "http://127.0.0.1:9/hook", kind=Road.WEBHOOK)
    Subscriber.objects.filter(pk=one.pk).update(sealed=_sealed_with(one, url="http://10.255.255.1/hook"))
    subscribers._question(one, now=timezone.now())
    send_all()
    [notice] = Notice.objects.all()
    assert notice.state == "dead"
    assert "10.255.255.1" in notice.reason


def _sealed_with(one: Subscriber, **settings: str) -> str:
    return secrets.seal({**one.settings, "token": one.token, **settings})


def test_each_is_told_once_however_often_it_is_planned(page: StatusPage, say: Say, sink: Sink) -> None:
    subscribe(page, sink.url, kind=Road.WEBHOOK)
    update = say("One")
    assert subscribers.tell(update, now=timezone.now()) == 0
    send_all()
    subscribers.tell(update, now=timezone.now())
    say("Two", post=update.post, state="resolved")
    send_all()
    assert [one.json["update"]["text"] for one in sink.received] == ["One", "Two"]
    assert sink.received[1].json["post"]["state"] == "resolved"


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_lost_sender_loses_nothing(page: StatusPage, say: Say, sink: Sink, handed_over: bool) -> None:
    """It dies after claiming, or after handing over: the one case in which something arrives twice, with one key."""
    subscribe(page, sink.url, kind=Road.WEBHOOK)
    say("One")
    claimed = sending.claim(now=timezone.now())
    assert claimed is not None
    if handed_over:
        assert sending.attempt(claimed).ok
    assert send_all() == 0  # it is still the other's
    later = timezone.now() + timedelta(seconds=30)
    send_all(later)
    send_all(later + timedelta(minutes=1))
    assert states() == ["sent"]
    assert len(sink.received) == 1 + handed_over
    assert len({one.key for one in sink.received}) == 1


def test_a_transaction_that_fails_tells_nobody(page: StatusPage, say: Say, sink: Sink) -> None:
    subscribe(page, sink.url, kind=Road.WEBHOOK)
    with transaction.atomic():
        say("Never said")
        transaction.set_rollback(True)
    assert send_all() == 0
    assert sink.received == []


def test_tries_again_then_gives_up_and_can_be_sent_again(page: StatusPage, say: Say, sink: Sink) -> None:
    subscribe(page, sink.url, kind=Road.WEBHOOK)
    sink.answers = [status(503), status(410)]
    say("One")
    send_all()
    assert states() == ["waiting"]
    send_all(timezone.now() + timedelta(minutes=1))
    assert states() == ["dead"]
    assert subscribers.send_dead_again(page, now=timezone.now()) == 1
    send_all()
    assert states() == ["sent"]
    assert len({one.key for one in sink.received}) == 1


def test_a_webhook_is_signed_with_its_own_secret(page: StatusPage, say: Say, sink: Sink) -> None:
    one = subscribe(page, sink.url, kind=Road.WEBHOOK, secret="a long secret")
    say("One")
    send_all()
    [got] = sink.received
    at = int(got.headers["X-Uptime-Timestamp"])
    assert ("X-Uptime-Signature", got.headers["X-Uptime-Signature"]) in signed("a long secret", got.body, at=at)
    assert got.json["unsubscribe"].endswith(f"/subscription/{one.token}/")


def test_only_what_they_chose(page: StatusPage, monitor: Monitor, say: Say, sink: Sink, mailbox: Mailbox) -> None:
    shop, blog = (Component.objects.create(page=page, name=name, monitor=monitor) for name in ("Shop", "Blog"))
    subscribe(page, "all@example.org")
    subscribe(page, "blog@example.org", components=[blog.pk])
    say("of the shop", shop)
    say("of both", shop, blog)
    say("of the page")
    send_all()
    told = [(mail["To"], mail.get_body(("plain",)).get_content()) for mail in mailbox.mails]  # type: ignore[union-attr]
    heard = {to: [text for each, text in told if each == to] for to in ("all@example.org", "blog@example.org")}
    assert len(heard["all@example.org"]) == 3
    assert len(heard["blog@example.org"]) == 2
    assert not any("of the shop" in text for text in heard["blog@example.org"])


def test_an_unpublished_page_is_silent(page: StatusPage, say: Say, sink: Sink) -> None:
    subscribe(page, sink.url, kind=Road.WEBHOOK)
    update = say("One")
    StatusPage.objects.update(published=False)
    send_all()
    assert states() == ["cancelled"]
    say("Two", post=update.post)
    assert Notice.objects.count() == 1


def test_who_never_answers_is_forgotten(page: StatusPage) -> None:
    now = timezone.now()
    subscribers.ask(page, kind=Road.EMAIL, address="ann@example.org", now=now)
    subscribe(page, "bob@example.org")
    subscribers.forget_old(now=now + timedelta(hours=49))
    assert [one.address for one in Subscriber.objects.all()] == ["bob@example.org"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ann@example.org", "a…@example.org"),
        ("https://user:key@hooks.example.org/T000/B000?x=1", "https://hooks.example.org/…"),
        ("https://hooks.example.org/@ann", "https://hooks.example.org/…"),
        ("", "…"),
    ],
)
def test_an_address_for_who_need_not_know_it(address: str, shown: str) -> None:
    assert masked(address) == shown
