"""The form, the link in the mail, and leaving again."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from statuspages.models import Component, StatusPage, Subscriber
from statuspages.services import sending
from tests.alerts.sinks import Mailbox
from tests.statuspages.conftest import seen

pytestmark = pytest.mark.django_db

FORM = "/status/acme/subscribe/"


@pytest.fixture
def open_page(page: StatusPage) -> StatusPage:
    StatusPage.objects.filter(pk=page.pk).update(takes_subscribers=True)
    page.refresh_from_db()
    return page


def ask(client: Client, address: str, **more: object) -> str:
    answer = client.post(FORM, {"road": "email", "email-address": address, **more})
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", seen(answer))


def link_in(mailbox: Mailbox) -> str:
    sending.send_due(seconds=5)
    body = mailbox.mails[-1].get_body(("plain",))
    assert body is not None
    found = re.search(r"http://testserver(/subscription/[\w-]+/)", body.get_content())
    assert found
    return found[1]


def test_from_the_form_to_leaving(client: Client, open_page: StatusPage, mailbox: Mailbox) -> None:
    assert "Get updates" in seen(client.get("/status/acme/"))
    blog = Component.objects.get(name="Billing")
    assert "a message is on its way" in ask(client, "ann@example.org", **{"email-components": [str(blog.pk)]})
    link = link_in(mailbox)
    for _ in range(2):  # looking changes nothing, however often a mail filter looks
        assert "Is that right?" in seen(client.get(link))
    assert Subscriber.objects.get().confirmed_at is None
    assert "You are subscribed" in seen(client.post(link, {"do": "confirm"}, follow=True))
    assert Subscriber.objects.get().confirmed_at is not None
    assert "Billing" in seen(client.get(link))
    assert client.get(f"{link}leave/").status_code == 302
    assert Subscriber.objects.exists()
    assert "You have left" in seen(
        Client(enforce_csrf_checks=True).post(f"{link}leave/", {"List-Unsubscribe": "One-Click"})
    )
    assert not Subscriber.objects.exists()
    assert client.get(link).status_code == client.post(f"{link}leave/").status_code == 404


def test_the_answer_is_the_same_for_everybody(client: Client, open_page: StatusPage, mailbox: Mailbox) -> None:
    first = ask(client, "ann@example.org")
    waiting = ask(client, "ann@example.org")
    client.post(link_in(mailbox), {"do": "confirm"})
    subscribed = ask(client, "ann@example.org")
    stranger = ask(client, "bob@example.org")
    assert first == waiting == subscribed == stranger


def test_what_is_wrong_is_said_at_its_field(client: Client, open_page: StatusPage) -> None:
    hook = {"road": "webhook", "webhook-address": "http://10.0.0.8/hook"}
    refused = client.post(FORM, hook | {"webhook-secret": "short"})
    assert refused.status_code == 400
    assert b'id="id_webhook-secret_error"' in refused.content
    refused = client.post(FORM, hook)
    assert b'id="id_webhook-address_error"' in refused.content
    refused = client.post(FORM, {"road": "email", "email-address": "<script>"})
    assert b"<script>" not in refused.content
    assert not Subscriber.objects.exists()


def test_a_client_asks_so_often_and_no_oftener(client: Client, open_page: StatusPage) -> None:
    for number in range(10):
        ask(client, f"p{number}@example.org")
    late = client.post(FORM, {"road": "email", "email-address": "p11@example.org"})
    assert late.status_code == 429
    assert int(late.headers["Retry-After"]) > 0
    assert Subscriber.objects.count() == 10


def test_a_page_that_takes_none_has_no_form(client: Client, page: StatusPage) -> None:
    assert client.get(FORM).status_code == 404
    assert client.post(FORM, {"road": "email", "email-address": "ann@example.org"}).status_code == 404
    assert "Get updates" not in seen(client.get("/status/acme/"))


def test_the_form_is_for_visitors_of_our_own(open_page: StatusPage) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(FORM, {"road": "email", "email-address": "ann@example.org"}).status_code == 403
