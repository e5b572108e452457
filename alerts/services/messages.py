"""What a delivery says, read from the rows it is about."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from alerts import words
from alerts.message import Item, Message
from alerts.models import Delivery
from alerts.rules import Kind, severity_of
from alerts.selectors import reader_of
from alerts.services.planning import monitor_of
from common.languages import in_language_of, spoken
from incidents.models import IncidentEvent
from incidents.rules.words import OUTCOMES as STATUSES
from monitors.models import Monitor


def message_of(delivery: Delivery, members: Sequence[Delivery] = ()) -> Message:
    """The message, in the language of who reads the channel; with ``members``, one that tells of all of them."""
    with in_language_of(reader_of(delivery.channel)):
        return _message_of(delivery, members)


def _message_of(delivery: Delivery, members: Sequence[Delivery]) -> Message:
    event, kind = delivery.event, Kind(delivery.kind)
    monitor, incident = monitor_of(event), event.incident
    why = _why(event, kind)
    name = monitor.name if monitor else event.region
    told = [delivery, *members]
    alone = words.title(kind, name, why=event.data.get("why", ""))
    return Message(
        key=delivery.key,
        thread=delivery.thread,
        kind=kind,
        severity=severity_of(kind),
        title=words.title_of_many([Kind(one.kind) for one in told]) if members else alone,
        lines=_list(told) if members else _lines(delivery, monitor, why),
        link=_link(None if members else monitor),
        happened_at=event.happened_at,
        name=name,
        url=monitor.url if monitor else "",
        reason="; ".join(why),
        monitor_id=str(monitor.pk) if monitor else None,
        incident_id=str(incident.pk) if incident else None,
        started_at=incident.started_at if incident else None,
        ended_at=incident.resolved_at if incident and kind is Kind.UP else None,
        items=tuple(_item(one) for one in told) if members else (),
        language=translation.get_language() or settings.LANGUAGE_CODE,
        link_words=_("Open in Uptime"),
    )


def _why(event: IncidentEvent, kind: Kind) -> tuple[str, ...]:
    if event.incident is not None and kind in {Kind.DOWN, Kind.REMINDER}:
        return words.causes(event.incident.cause)
    if kind in {Kind.UP, Kind.RECOVERED, Kind.CALM, Kind.REGION_WELL, Kind.ACKNOWLEDGED}:
        return ()
    return words.reasons(event.votes) or tuple(filter(None, [words.line(spoken(event.data.get("reason", "")))]))


def _lines(delivery: Delivery, monitor: Monitor | None, why: Sequence[str]) -> tuple[str, ...]:
    event, incident = delivery.event, delivery.event.incident
    kind = Kind(delivery.kind)
    lines = [words.line(f"{monitor.name} - {monitor.url}" if monitor.url else monitor.name)] if monitor else []
    lines += why
    if incident is not None and kind in {Kind.DOWN, Kind.REMINDER}:
        began, sure = words.moment(incident.started_at), words.moment(incident.confirmed_at)
        lines.append(_("First failure %(began)s, certain %(sure)s.") % {"began": began, "sure": sure})
    if incident is not None and kind is Kind.UP and incident.resolved_at is not None:
        spent = words.fine_span((incident.resolved_at - incident.started_at).total_seconds())
        told = {"spent": spent, "end": words.moment(incident.resolved_at)}
        lines.append(_("It was open for %(spent)s, until %(end)s.") % told)
        if event.data.get("why") == "by_hand":
            status = event.data.get("status")
            now = spoken(STATUSES[status]) if status in STATUSES else _("nothing")
            lines.append(_("What the checks say of it now: %(status)s.") % {"status": now})
    if kind is Kind.REMINDER:
        waited = {"span": words.fine_span(delivery.step * 60)}
        lines.append(_("Nobody has acknowledged it %(span)s after the first message.") % waited)
    elif delivery.step:
        waited = {"span": words.fine_span(delivery.step * 60)}
        lines.append(_("Nobody has acknowledged it for %(span)s, so you are told as well.") % waited)
    if event.note:
        lines.append(words.line(event.note))
    return tuple(lines)


def _list(told: Sequence[Delivery]) -> tuple[str, ...]:
    several = len({one.kind for one in told}) > 1
    return words.listed([_entry(_item(one), words.retold(one.kind, one.subject) if several else "") for one in told])


def _entry(item: Item, subject: str) -> str:
    """``subject`` says what happened, where the title does not."""
    what = subject or item.name
    return words.line(f"{what}: {item.reason}" if item.reason else what)


def _item(delivery: Delivery) -> Item:
    monitor = monitor_of(delivery.event)
    why = "; ".join(_why(delivery.event, Kind(delivery.kind)))
    name = monitor.name if monitor else delivery.event.region
    return Item(name=name, reason=words.line(why), link=_link(monitor), kind=delivery.kind)


def _link(monitor: Monitor | None) -> str:
    return f"{settings.SITE_URL}/monitors/{monitor.pk}/" if monitor else f"{settings.SITE_URL}/monitors/"
