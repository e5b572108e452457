"""Carrying notices out: claim, hand over, write down, as ``alerts`` does with its deliveries.

No transaction is open while somebody else is talked to. A sender that is lost leaves a notice with a lease; when that
has run out it is sent again with the same key. So only what was accepted and not written down can arrive twice.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from cryptography.fernet import InvalidToken
from django.db import OperationalError, transaction
from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, When
from django.utils import timezone

from alerts import rules, transport
from alerts.rules import State
from alerts.services.sending import LEASE, LEASE_OF_MAIL, insist
from alerts.transport import Sent
from probes.sentences import say
from statuspages.messages import message_for, outgoing
from statuspages.models import Notice
from statuspages.rules import Road

logger = logging.getLogger(__name__)

MOST_PER_PAGE = 3
"""Under way at once: a page with many subscribers does not keep the others waiting."""
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice that is ours until its lease ends. ``number`` is the number of this try."""

    notice: Notice
    number: int


def send_due(*, seconds: float) -> int:
    """Send one after the other until nothing is due or the time is up; says how many tries were made."""
    until, tries = time.monotonic() + seconds, 0
    while time.monotonic() < until and send_next(now=timezone.now()):
        tries += 1
    return tries


def send_next(*, now: datetime) -> bool:
    """Take the next notice that is due and make one try; False when there is none."""
    claimed = claim(now=now)
    if claimed is None:
        return False
    record(claimed, attempt(claimed))
    return True


# -- claiming


def claimable(now: datetime) -> QuerySet[Notice]:
    """What a sender would take now. Questions first: somebody waits for them."""
    under_way = Notice.objects.filter(state=State.SENDING).order_by()
    crowded = under_way.values("page").annotate(number=Count("pk")).filter(number__gte=MOST_PER_PAGE)
    soon = Q(state=State.WAITING, next_at__lte=now + rules.HOLDS_UP_OTHERS)
    before = Notice.objects.filter(
        Q(state=State.SENDING) | soon, subscriber=OuterRef("subscriber"), created_at__lt=OuterRef("created_at")
    )
    found = Notice.objects.filter(state=State.WAITING, next_at__lte=now)
    found = found.exclude(page__in=crowded.values("page")).filter(~Exists(before.order_by()))
    return found.order_by(Case(When(update=None, then=0), default=1), "next_at", "id")


@transaction.atomic
def claim(*, now: datetime) -> Claimed | None:
    """Take what is due first; None when nothing is. What is to be told no more is cancelled on the way."""
    while notice := _next_due(now):
        if why := _why_never(notice):
            _settle(notice, State.CANCELLED, why, now=now)
            continue
        lease = LEASE_OF_MAIL if notice.subscriber.kind == Road.EMAIL else LEASE
        notice.state, notice.tries, notice.lease_until = State.SENDING, notice.tries + 1, now + lease
        notice.save(update_fields=["state", "tries", "lease_until"])
        return Claimed(notice, notice.tries)
    return None


def _next_due(now: datetime) -> Notice | None:
    found = claimable(now).select_related("page", "subscriber", "update__post")
    return found.defer("page__logo").select_for_update(skip_locked=True, of=("self",)).first()


def _why_never(notice: Notice) -> str:
    if not notice.page.published:
        return say("the page is not published any more")
    if notice.expires_at < notice.next_at:
        return say("too late")
    return ""


def senders_wanted(*, now: datetime, most: int) -> int:
    """How many more senders would find something to do, up to ``most`` together with those at work."""
    room = max(0, most - Notice.objects.filter(state=State.SENDING).count())
    return len(claimable(now).values_list("pk", flat=True)[:room]) if room else 0


# -- handing over


def attempt(claimed: Claimed) -> Sent:
    """One try. Whatever goes wrong becomes a reason."""
    subscriber = claimed.notice.subscriber
    try:
        settings = subscriber.settings
        sent = outgoing(subscriber, message_for(claimed.notice))
        return transport.hand_over(sent, secrets=[settings.get("secret", ""), subscriber.token])
    except InvalidToken:
        return Sent(ok=False, reason=say("the address cannot be decrypted: no key of FIELD_ENCRYPTION_KEYS fits"))
    except OperationalError:
        raise
    except Exception:
        logger.exception("Notice %s could not be sent", claimed.notice.pk)
        return Sent(ok=False, reason=say("something went wrong on our side; it is in the log"))


# -- writing down


def record(claimed: Claimed, sent: Sent, *, now: datetime | None = None) -> None:
    """What came of a try."""
    insist(lambda: _record(claimed, sent, now=now or timezone.now()))


@transaction.atomic
def _record(claimed: Claimed, sent: Sent, *, now: datetime) -> None:
    notice = Notice.objects.select_for_update(of=("self",)).filter(pk=claimed.notice.pk).first()
    if notice is None:  # they have left meanwhile
        return
    if sent.ok and notice.state in rules.OPEN_STATES:
        _settle(notice, State.SENT, "", now=now)
    elif notice.state == State.SENDING and notice.tries == claimed.number:
        _try_again(notice, sent, now=now)


def _try_again(notice: Notice, sent: Sent, *, now: datetime) -> None:
    again = rules.next_try(tries=notice.tries, now=now, expires_at=notice.expires_at, retry_after=sent.retry_after)
    if sent.permanent or again is None:
        given_up = say("given up after {tries} tries: {reason}", tries=notice.tries, reason=sent.reason)
        _settle(notice, State.DEAD, sent.reason if sent.permanent else given_up, now=now)
        return
    notice.state, notice.next_at, notice.lease_until, notice.reason = State.WAITING, again, None, sent.reason[:300]
    notice.save(update_fields=["state", "next_at", "lease_until", "reason"])


def _settle(notice: Notice, state: State, reason: str, *, now: datetime) -> None:
    notice.state, notice.reason, notice.lease_until, notice.settled_at = state, reason[:300], None, now
    notice.save(update_fields=["state", "reason", "lease_until", "settled_at"])


# -- what nobody rings for


@transaction.atomic
def sweep(*, now: datetime) -> None:
    """Take notices from senders that were lost. Running it twice is the same as running it once."""
    lost = Notice.objects.filter(state=State.SENDING, lease_until__lt=now)
    for notice in lost.select_for_update(skip_locked=True, of=("self",))[:AT_ONCE]:
        logger.warning("The sender of notice %s was lost; it is sent again", notice.pk)
        _try_again(notice, Sent(ok=False, reason=say("its sender was lost; it may have arrived")), now=now)
