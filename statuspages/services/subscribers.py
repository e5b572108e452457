"""Who is told of a page's posts: asking, confirming, leaving, and the messages for what was said.

Nothing is sent here. Messages are rows (``Notice``), written in the transaction of what they tell, and
``services.sending`` carries them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings as server
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from accounts import audit
from alerts.rules import State
from alerts.services import channels
from monitors import secrets
from probes.sentences import say
from statuspages.models import Component, Notice, PostUpdate, StatusPage, Subscriber
from statuspages.rules import Road

ASKED_AGAIN_AFTER = timedelta(minutes=10)
MOST_QUESTIONS = 3
"""How many an address gets in an hour, whatever pages it is entered on."""

ANSWERED_WITHIN = timedelta(hours=48)
KEPT_FOR = timedelta(days=90)
ADDRESS_FIELDS = {Road.EMAIL: "to", Road.WEBHOOK: "url"}


def mark_of(kind: str, address: str) -> str:
    """What an address is found by; without our key nobody can try addresses on it."""
    return salted_hmac("statuspages.subscriber", f"{kind}:{address}", algorithm="sha256").hexdigest()


@transaction.atomic
def ask(
    page: StatusPage, *, kind: Road, address: str, secret: str = "", components: Iterable[UUID] = (), now: datetime
) -> None:
    """Note that somebody wants to be told, and send the question there whether that is so.

    The caller learns nothing of who is subscribed: whatever is known of the address, this does the same or nothing, and
    says neither. Raises ``ValidationError`` for what is no address, or one that we would never dial.
    """
    settings = _settings(kind, address, secret)
    chosen = _chosen(page, components)
    StatusPage.objects.select_for_update(no_key=True, of=("self",)).only("pk").get(pk=page.pk)
    mark = mark_of(kind, settings[ADDRESS_FIELDS[kind]])
    known = Subscriber.objects.filter(page=page, mark=mark).first()
    if _asked_too_often(mark, known, now=now) or (known is None and _is_full(page)):
        return
    if known is None:
        token = secrets.new_token()
        known = Subscriber(page=page, kind=kind, mark=mark, token_key=secrets.key_of(token), created_at=now)
        known.sealed = secrets.seal({**settings, "token": token})
    elif known.confirmed_at is None:
        known.sealed = secrets.seal({**settings, "token": known.token})
    known.asked_at = now
    known.save()
    if known.confirmed_at is None:
        known.components.set(chosen)
    _question(known, now=now)


def _settings(kind: Road, address: str, secret: str) -> dict[str, str]:
    field = ADDRESS_FIELDS[kind]
    given: dict[str, Any] = {field: address.strip()}
    if kind is Road.EMAIL:
        given[field] = given[field].lower()
    elif secret:
        given["secret"] = secret
    try:
        channels.parse(kind, given)
    except ValidationError as error:
        told = error.message_dict["settings"][0]
        name, colon, words = told.partition(": ")
        at = "secret" if name == "secret" and colon else "address"
        raise ValidationError({at: [words if colon and name in {field, "secret"} else told]}) from error
    return given


def _chosen(page: StatusPage, wanted: Iterable[UUID]) -> list[Component]:
    ids = set(wanted)
    found = list(page.components.filter(pk__in=ids))
    if len(found) < len(ids):
        raise ValidationError({"components": [say("one of them is not on this page any more: choose again")]})
    return found


def _asked_too_often(mark: str, known: Subscriber | None, *, now: datetime) -> bool:
    if known is not None and known.asked_at > now - ASKED_AGAIN_AFTER and known.notices.exists():
        return True
    lately = Subscriber.objects.filter(mark=mark, asked_at__gt=now - timedelta(hours=1))
    return lately.count() >= MOST_QUESTIONS


def _is_full(page: StatusPage) -> bool:
    return Subscriber.objects.filter(page=page).count() >= server.PAGE_MAX_SUBSCRIBERS


def _question(subscriber: Subscriber, *, now: datetime) -> None:
    """To confirm, or, where that was done before, how to change one's mind."""
    Notice.objects.create(
        page_id=subscriber.page_id,
        subscriber=subscriber,
        created_at=now,
        next_at=now,
        expires_at=now + server.MESSAGE_MAX_AGE,
    )


def confirm(subscriber: Subscriber, *, now: datetime) -> None:
    """Whoever reads what is sent there has said yes. Saying it twice is the same."""
    Subscriber.objects.filter(pk=subscriber.pk, confirmed_at=None).update(confirmed_at=now)


def leave(subscriber: Subscriber) -> None:
    """Forget them, with all that was still to be sent."""
    subscriber.delete()


# --- what was said ---

TELL = """
INSERT INTO statuspages_notice (
    id, page_id, subscriber_id, update_id, state, reason, tries, created_at, next_at, expires_at
)
SELECT gen_random_uuid(), subscriber.page_id, subscriber.id, %(update)s, 'waiting', '', 0, %(now)s, %(now)s, %(until)s
FROM statuspages_subscriber AS subscriber
JOIN statuspages_statuspage AS page ON page.id = subscriber.page_id
WHERE page.id = %(page)s AND page.published AND subscriber.confirmed_at IS NOT NULL
    AND (
        NOT EXISTS (SELECT 1 FROM statuspages_post_components WHERE post_id = %(post)s)
        OR NOT EXISTS (SELECT 1 FROM statuspages_subscriber_components WHERE subscriber_id = subscriber.id)
        OR EXISTS (
            SELECT 1 FROM statuspages_subscriber_components AS wanted
            JOIN statuspages_post_components AS about USING (component_id)
            WHERE wanted.subscriber_id = subscriber.id AND about.post_id = %(post)s
        )
    )
ON CONFLICT DO NOTHING
"""
"""Everybody who wants to hear of the post's components; of a post about the whole page, everybody."""


@transaction.atomic
def tell(update: PostUpdate, *, now: datetime) -> int:
    """Write down a message to each subscriber; says how many are new. To be called in the transaction that saves the
    update (and its post's components). Twice is the same as once."""
    with connection.cursor() as cursor:
        cursor.execute(
            TELL,
            {
                "update": update.pk,
                "post": update.post_id,
                "page": update.post.page_id,
                "now": now,
                "until": now + server.MESSAGE_MAX_AGE,
            },
        )
        return int(cursor.rowcount)


# --- for operators of the page ---


@transaction.atomic
def remove(subscriber: Subscriber) -> None:
    """As if they had left, by an editor's hand. The log does not keep the address that was to be forgotten."""
    audit.done(subscriber.page, "subscriber removed", kind=subscriber.kind)
    leave(subscriber)


def note_export(page: StatusPage) -> None:
    """Somebody took the addresses away."""
    audit.done(page, "subscribers exported")


@transaction.atomic
def send_dead_again(page: StatusPage, *, now: datetime) -> int:
    """Give the page's messages that never arrived another day."""
    dead = Notice.objects.filter(page=page, state=State.DEAD)
    count = dead.update(
        state=State.WAITING,
        reason=say("sent again by hand"),
        next_at=now,
        expires_at=now + server.MESSAGE_MAX_AGE,
        settled_at=None,
    )
    audit.done(page, "dead messages sent again", count=count)
    return count


def forget_old(*, now: datetime) -> int:
    """Those who never answered, and messages that were settled long ago; says how many rows went."""
    silent, _ = Subscriber.objects.filter(confirmed_at=None, asked_at__lt=now - ANSWERED_WITHIN).delete()
    old = Notice.objects.filter(settled_at__lt=now - KEPT_FOR).order_by("settled_at").values_list("pk", flat=True)
    gone, _ = Notice.objects.filter(pk__in=list(old[:20_000])).delete()
    return silent + gone
