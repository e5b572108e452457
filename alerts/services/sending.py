"""Carrying deliveries out: claim, hand over, write down.

Claiming and writing down are two short transactions; none is open while somebody else is talked to. A sender that is
lost leaves a delivery that is being sent with a lease; when that has run out, it is sent again with the same key. So
only what was accepted and not written down any more can arrive twice, and it carries the key that tells.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.db import OperationalError, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from alerts import rules, selectors
from alerts.models import Attempt, Channel, Delivery
from alerts.notifiers import NOTIFIERS
from alerts.rules import Kind, State, Turn
from alerts.services import channels, messages, planning
from alerts.transport import Sent
from meters import services as meters
from meters.names import ATTEMPTS, DELIVERIES, REFUSALS
from monitors import secrets
from probes.contract import InvalidSpec
from probes.sentences import say

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=25)
LEASE_OF_MAIL = timedelta(seconds=60)
"""Longer than a try can take: 10 s in all over HTTP; a mail server may take its time at each of several steps."""

MOST_PER_CHANNEL = 2
MOST_PER_TEAM = 6
"""Messages under way at once: a channel that hangs holds up neither its team nor the others."""

RECORD_TRIES = 5
TROUBLES = frozenset(rules.BEGINS.values())
ENDS = frozenset(rules.ENDS.values())


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours until its lease ends. ``number`` is the number of this try."""

    delivery: Delivery
    members: tuple[Delivery, ...]
    number: int


def send_due(*, seconds: float) -> int:
    """Send one after the other until nothing is due or the time is up; says how many tries were made."""
    until, tries = time.monotonic() + seconds, 0
    while time.monotonic() < until and send_next(now=timezone.now()):
        tries += 1
    return tries


def send_next(*, now: datetime) -> bool:
    """Take the next delivery that is due and make one try; False when there is none."""
    while (claimed := claim(now=now)) is not None:
        if isinstance(claimed, Claimed):
            record(claimed, attempt(claimed))
            return True
    return False


# -- claiming


@transaction.atomic
def claim(*, now: datetime) -> Claimed | Turn | None:
    """Take what is due first; None when nothing is. ``Turn``: what was due is not sent now, look again."""
    delivery = _next_due(now)
    if delivery is None:
        return None
    if not _channel_lets(delivery.channel, now):
        return Turn.WAIT
    if why := _why_never(delivery):
        planning.cancel([delivery], why, now=now)
        return Turn.NEVER
    members = list(
        delivery.members.filter(state=State.HELD)
        .select_related("event__monitor", "event__incident__monitor")
        .order_by("created_at", "id")
        .select_for_update(of=("self",))
    )
    waiting = _hold_children([delivery, *members], now=now)
    if delivery.pk in waiting:
        return Turn.WAIT
    return _take(delivery, tuple(one for one in members if one.pk not in waiting), now=now)


def claimable(now: datetime) -> QuerySet[Delivery]:
    """What a sender would take now, the longest due first."""
    under_way = Delivery.objects.filter(state=State.SENDING).order_by()
    busy = under_way.values("channel").annotate(number=Count("pk")).filter(number__gte=MOST_PER_CHANNEL)
    crowded = under_way.values("team").annotate(number=Count("pk")).filter(number__gte=MOST_PER_TEAM)
    found = (
        Delivery.objects.due(now)
        .filter(
            Q(channel__try_after__isnull=True) | Q(channel__try_after__lte=now),
            channel__enabled=True,
            channel__confirmed_at__isnull=False,
        )
        .exclude(channel__in=busy.values("channel"))
        .exclude(team__in=crowded.values("team"))
        .exclude(closes__state__in=rules.OPEN_STATES)
        .filter(~Exists(_told_before(now)))
    )
    return found.order_by("next_at", "id")


def senders_wanted(*, now: datetime, most: int) -> int:
    """How many more senders would find something to do, up to ``most`` together with those at work."""
    room = max(0, most - Delivery.objects.filter(state=State.SENDING).count())
    return len(claimable(now).values_list("pk", flat=True)[:room]) if room else 0


def _next_due(now: datetime) -> Delivery | None:
    found = claimable(now).select_related("channel", "event__monitor", "event__incident__monitor")
    return found.select_for_update(skip_locked=True, of=("self",)).first()


def _told_before(now: datetime) -> QuerySet[Delivery]:
    """What the same channel is to hear of the same monitor first. One that must wait for long holds up nothing."""
    same = Delivery.objects.filter(
        channel=OuterRef("channel"), event__monitor=OuterRef("event__monitor"), event__lt=OuterRef("event")
    )
    soon = Q(state=State.WAITING, due_at__lte=now, next_at__lte=now + rules.HOLDS_UP_OTHERS)
    return same.filter(Q(state=State.SENDING) | soon).exclude(closes__state__in=rules.OPEN_STATES).order_by()


def _channel_lets(channel: Channel, now: datetime) -> bool:
    """Of a broken channel only one message is tried at a time, and rarely."""
    if channel.broken_since is None:
        return True
    free = Channel.objects.filter(Q(try_after__isnull=True) | Q(try_after__lte=now), pk=channel.pk)
    return bool(free.update(try_after=now + rules.PAUSE_OF_BROKEN))


def _why_never(delivery: Delivery) -> str:
    if delivery.kind in ENDS:
        told = [State(state) for state in delivery.closes.values_list("state", flat=True)]
        return say("its trouble was never told here") if rules.turn_of_end(told) is Turn.NEVER else ""
    incident = delivery.event.incident_id
    if (delivery.step or delivery.kind == Kind.REMINDER) and incident and not selectors.still_calls(incident):
        return say("somebody has acknowledged it, or it is over")
    return ""


def _hold_children(deliveries: Sequence[Delivery], *, now: datetime) -> set[UUID]:
    """Hold those whose monitor depends on one that is down, at their first try; gives their ids."""
    monitors = {
        one.pk: monitor
        for one in deliveries
        if one.kind in TROUBLES and not one.tries
        if (monitor := planning.monitor_of(one.event)) is not None and monitor.parent_id
    }
    parents = selectors.parents_of(monitors.values()) if monitors else {}
    held = set()
    for one in deliveries:
        above = parents.get(monitors[one.pk].pk, []) if one.pk in monitors else []
        already = one.reason == rules.WAS_HELD_BY_PARENT
        if rules.held_by_parents(above, already_held=already, grace=timedelta(0), now=now):
            hold_for_parent(one, now=now)
            held.add(one.pk)
    return held


def hold_for_parent(delivery: Delivery, *, now: datetime) -> None:
    planning.leave_group(delivery)
    delivery.state, delivery.held_for = State.HELD, "parent"
    delivery.reason, delivery.next_at = say("waits while what it depends on is down"), now + rules.LOOK_AT_PARENT
    delivery.save(update_fields=["state", "held_for", "reason", "next_at", "group"])


def _take(delivery: Delivery, members: tuple[Delivery, ...], *, now: datetime) -> Claimed:
    lease = LEASE_OF_MAIL if delivery.channel.kind == "email" else LEASE
    delivery.state, delivery.tries, delivery.lease_until = State.SENDING, delivery.tries + 1, now + lease
    delivery.save(update_fields=["state", "tries", "lease_until"])
    Delivery.objects.filter(pk__in=[one.pk for one in members]).update(tries=F("tries") + 1)
    Attempt.objects.create(delivery=delivery, number=delivery.tries, at=now)
    return Claimed(delivery, members, delivery.tries)


# -- handing over


def attempt(claimed: Claimed) -> Sent:
    """One try. Whatever goes wrong becomes a reason."""
    channel = claimed.delivery.channel
    try:
        notifier = NOTIFIERS[channel.kind]
        settings = notifier.settings.parse(channel.full_settings)
        message = messages.message_of(claimed.delivery, claimed.members)
        return channels.hand_over(notifier, settings, message, secrets.unseal(channel.sealed))
    except (InvalidSpec, KeyError) as error:
        return Sent(ok=False, reason=say("the channel's settings make no sense: {error}", error=error), permanent=True)
    except InvalidToken:
        return Sent(
            ok=False, reason=say("the channel's secrets cannot be decrypted: no key of FIELD_ENCRYPTION_KEYS fits")
        )
    except OperationalError:
        raise
    except Exception:
        logger.exception("Delivery %s could not be sent", claimed.delivery.pk)
        return Sent(ok=False, reason=say("something went wrong on our side; it is in the log"))


# -- writing down


def record(claimed: Claimed, sent: Sent, *, now: datetime | None = None) -> None:
    """What came of a try."""
    insist(lambda: _record(claimed, sent, now=now or timezone.now()))


def insist(write: Callable[[], None]) -> None:
    """Write down what came of a try. It is the only word on something that was sent, so it is not given up easily."""
    for number in range(1, RECORD_TRIES + 1):
        try:
            write()
        except OperationalError:  # a deadlock, or the database is away for a moment
            if number == RECORD_TRIES:
                raise
            time.sleep(0.2 * number)
        else:
            return


@transaction.atomic
def _record(claimed: Claimed, sent: Sent, *, now: datetime) -> None:
    delivery = Delivery.objects.select_for_update(of=("self",)).filter(pk=claimed.delivery.pk).first()
    if delivery is None:  # deleted meanwhile, with its monitor or channel
        return
    Attempt.objects.filter(delivery=delivery, number=claimed.number).update(
        ok=sent.ok, status=sent.status, answer=sent.answer, reason=sent.reason, duration_ms=sent.duration_ms
    )
    meters.add(ATTEMPTS, delivery.channel.kind, "taken" if sent.ok else "refused")
    if sent.blocked:
        meters.add(REFUSALS, "alerts")
    ours = delivery.state == State.SENDING and delivery.tries == claimed.number
    if sent.ok and delivery.state in rules.OPEN_STATES:
        _settle(delivery, State.SENT, "", now=now)
        _remind_later(claimed, now=now)
    elif ours:
        _try_again(delivery, sent, now=now)
    _note_health(delivery, sent, now=now)


def _settle(delivery: Delivery, state: State, reason: str, *, now: datetime) -> None:
    """The end of a delivery, and of those that its message told of as well."""
    told = Delivery.objects.filter(Q(pk=delivery.pk) | Q(group=delivery, state=State.HELD, tries__gt=0))
    number = told.update(state=state, reason=reason[:300], held_for="", lease_until=None, settled_at=now)
    meters.add(DELIVERIES, delivery.channel.kind, delivery.kind, state, by=number)
    planning.promote(delivery)  # who joined too late for this message


def _try_again(delivery: Delivery, sent: Sent, *, now: datetime) -> None:
    if sent.permanent:
        _settle(delivery, State.DEAD, sent.reason, now=now)
        return
    again = rules.next_try(tries=delivery.tries, now=now, expires_at=delivery.expires_at, retry_after=sent.retry_after)
    if again is None:
        _settle(
            delivery,
            State.DEAD,
            say("given up after {tries} tries: {reason}", tries=delivery.tries, reason=sent.reason),
            now=now,
        )
        return
    delivery.state, delivery.next_at, delivery.lease_until = State.WAITING, again, None
    delivery.reason = sent.reason[:300]
    delivery.save(update_fields=["state", "next_at", "lease_until", "reason"])


def _remind_later(claimed: Claimed, *, now: datetime) -> None:
    """Plan the next reminders, together where they were told together."""
    leader: Delivery | None = None
    for told in (claimed.delivery, *claimed.members):
        reminder = _reminder(told, now=now)
        if reminder is not None:
            if leader is not None:
                reminder.state, reminder.held_for, reminder.group = State.HELD, "group", leader
            reminder.save(force_insert=True)
            leader = leader or reminder


def _reminder(told: Delivery, *, now: datetime) -> Delivery | None:
    minutes = told.rule.reminder_minutes if told.rule is not None else 0
    incident = told.event.incident_id
    if not minutes or told.kind not in {Kind.DOWN, Kind.REMINDER} or incident is None:
        return None
    step = told.step + minutes
    known = (told.event_id, told.channel_id, step) in selectors.known_keys([told.event_id])
    if known or not selectors.still_calls(incident):
        return None
    return planning.reminder_of(told, step=step, at=now + timedelta(minutes=minutes), now=now)


def _note_health(delivery: Delivery, sent: Sent, *, now: datetime) -> None:
    channel = Channel.objects.select_for_update().get(pk=delivery.channel_id)
    if sent.ok:
        channel.failures, channel.broken_since, channel.try_after, channel.last_error = 0, None, None, ""
        channel.last_sent_at = now
    else:
        channel.failures, channel.last_error = channel.failures + 1, sent.reason[:300]
        if sent.retry_after:
            channel.try_after = now + min(sent.retry_after, rules.PAUSE_OF_BROKEN)
        if rules.is_broken(channel.failures):
            channel.broken_since, channel.try_after = channel.broken_since or now, now + rules.PAUSE_OF_BROKEN
    channel.save(update_fields=["failures", "broken_since", "try_after", "last_error", "last_sent_at"])
