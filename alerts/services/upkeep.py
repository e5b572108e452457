"""What nobody rings for: held messages, lost senders, dead letters, old rows."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts import audit
from alerts import rules, selectors
from alerts.models import Attempt, Channel, Delivery
from alerts.rules import Kind, State
from alerts.services import planning, sending
from alerts.services.planning import monitor_of
from meters import services as meters
from meters.names import DELIVERIES
from probes.sentences import say

logger = logging.getLogger(__name__)

AT_ONCE = 500
KEPT_FOR = timedelta(days=90)
PATIENT_TRIES = 3
"""So often a delivery whose sender was lost is taken up at once; after that it waits like any other."""


def sweep(*, now: datetime) -> None:
    """Everything that comes due by time alone. Running it twice is the same as running it once."""
    _take_from_lost_senders(now)
    _give_up(now)
    _cancel_for_switched_off(now)
    _cancel_in_shadow(now)
    _end_quiet_hours(now)
    _release(now)


@transaction.atomic
def _take_from_lost_senders(now: datetime) -> None:
    lost = Delivery.objects.filter(state=State.SENDING, lease_until__lt=now)
    for one in lost.select_for_update(skip_locked=True, of=("self",))[:AT_ONCE]:
        logger.warning("The sender of delivery %s was lost; it is sent again", one.pk)
        Attempt.objects.filter(delivery=one, number=one.tries, ok__isnull=True).update(
            reason=say("the sender was lost; it may have arrived")
        )
        again = rules.next_try(tries=one.tries, now=now, expires_at=one.expires_at, retry_after=None)
        one.state, one.lease_until, one.reason = State.WAITING, None, say("its sender was lost")
        one.next_at = now if one.tries <= PATIENT_TRIES else again or one.expires_at
        one.save(update_fields=["state", "lease_until", "reason", "next_at"])


@transaction.atomic
def _give_up(now: datetime) -> None:
    late = Delivery.objects.filter(state__in=[State.WAITING, State.HELD], expires_at__lt=now)
    for one in late.select_related("channel").select_for_update(skip_locked=True, of=("self",))[:AT_ONCE]:
        planning.leave_group(one)
        hours = settings.MESSAGE_MAX_AGE.total_seconds() / 3_600
        unsent = say("not delivered in {hours} hours: {reason}", hours=f"{hours:g}", reason=one.reason)
        why = say("held too long: {reason}", reason=one.reason) if one.state == State.HELD else unsent
        one.state, one.held_for, one.reason, one.settled_at = State.DEAD, "", why[:300], now
        meters.add(DELIVERIES, one.channel.kind, one.kind, State.DEAD)
        one.save(update_fields=["state", "held_for", "reason", "settled_at", "group"])


@transaction.atomic
def _cancel_for_switched_off(now: datetime) -> None:
    idle = Delivery.objects.filter(state__in=[State.WAITING, State.HELD], channel__enabled=False)
    ours = idle.select_related("channel").select_for_update(skip_locked=True, of=("self",))
    planning.cancel(ours[:AT_ONCE], say("its channel is off"), now=now)


@transaction.atomic
def _cancel_in_shadow(now: datetime) -> None:
    """A shadow that falls on a monitor while a trouble is still to be told, or to be told again."""
    idle = Delivery.objects.filter(state__in=[State.WAITING, State.HELD], tries=0, event__monitor__shadow=True)
    troubles = idle.filter(kind__in=[*sending.TROUBLES, Kind.REMINDER])
    ours = troubles.select_related("channel").select_for_update(skip_locked=True, of=("self",))
    planning.cancel(ours[:AT_ONCE], say("its monitor is in shadow"), now=now)


@transaction.atomic
def _end_quiet_hours(now: datetime) -> None:
    """What quiet hours have held for a channel becomes one message with a list. What was over by then is not in it.

    Services that keep cases want one message a case.
    """
    held = Delivery.objects.filter(state=State.HELD, held_for="quiet", group__isnull=True, next_at__lte=now)
    for channel in Channel.objects.filter(pk__in=held.values("channel")):
        ours = held.filter(channel=channel).exclude(reason=planning.WAITS_FOR_TROUBLE).order_by("event", "step", "id")
        first = ours.select_for_update(of=("self",)).first()
        if first is None or planning.keeps_cases(channel):
            continue
        ours.exclude(pk=first.pk).update(group=first, held_for="group", reason=say("is told together with others"))


@transaction.atomic
def _release(now: datetime) -> None:
    held = (
        Delivery.objects.filter(state=State.HELD, group__isnull=True, next_at__lte=now)
        .select_related("event__monitor", "event__incident__monitor")
        .order_by("next_at")
        .select_for_update(skip_locked=True, of=("self",))[:AT_ONCE]
    )
    children = {
        one.pk: monitor for one in held if one.held_for == "parent" and (monitor := monitor_of(one.event)) is not None
    }
    parents = selectors.parents_of(children.values()) if children else {}
    for one in held:
        monitor = children.get(one.pk)
        if monitor is not None and rules.held_by_parents(
            parents.get(monitor.pk, []), already_held=True, grace=selectors.grace_of(monitor), now=now
        ):
            sending.hold_for_parent(one, now=now)
            continue
        one.reason = rules.WAS_HELD_BY_PARENT if monitor is not None else ""
        one.state, one.held_for, one.due_at = State.WAITING, "", now
        one.save(update_fields=["state", "held_for", "due_at", "reason"])


# -- dead letters


@transaction.atomic
def redrive(delivery: Delivery, *, now: datetime) -> bool:
    """Send a dead one again, from now on as if it were new; its end waits for it. False when it is not dead."""
    one = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
    if one.state != State.DEAD:
        return False
    planning.leave_group(one)
    _revive(one, now=now)
    one.members.filter(state=State.DEAD).update(
        state=State.HELD, held_for="group", settled_at=None, expires_at=now + settings.MESSAGE_MAX_AGE
    )
    end = one.closed_by
    if end is not None and end.state in {State.CANCELLED, State.DEAD}:
        _revive(end, now=now)
    audit.done(one, "sent again")
    return True


def _revive(one: Delivery, *, now: datetime) -> None:
    one.state, one.held_for, one.reason, one.settled_at = State.WAITING, "", say("sent again by hand"), None
    one.next_at, one.expires_at, one.lease_until = now, now + settings.MESSAGE_MAX_AGE, None
    one.save(
        update_fields=["state", "held_for", "reason", "settled_at", "next_at", "expires_at", "lease_until", "group"]
    )


def forget_old(*, now: datetime) -> int:
    """Delete what was settled long ago, but no trouble that still waits for its end; says how many rows went."""
    old = Delivery.objects.filter(settled_at__lt=now - KEPT_FOR)
    over = Q(closed_by__isnull=False) | Q(event__incident__isnull=True) | Q(event__incident__resolved_at__isnull=False)
    ended = Q(state=State.CANCELLED) | ~Q(kind__in=[Kind.DOWN, Kind.REMINDER]) | over
    ids = list(old.filter(ended).order_by("settled_at").values_list("pk", flat=True)[: 10 * AT_ONCE])
    return Delivery.objects.filter(pk__in=ids).delete()[0] if ids else 0
