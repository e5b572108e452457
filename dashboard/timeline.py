"""The story of an incident as lines to read: what was noticed, who was told, what people did. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from alerts.rules import State
from common.languages import spoken
from dashboard import alert_words, words

MARKS = {
    "suspected": "degraded",
    "opened": "down",
    "reopened": "down",
    "shadow_ended": "down",
    "flapping": "degraded",
    "calm": "up",
    "resolved": "up",
    "acknowledged": "pending",
    "noted": "unknown",
}
WORDS = words.Words(
    {
        "suspected": _("The first failure was seen"),
        "opened": _("Confirmed: it is down"),
        "reopened": _("Opened again"),
        "shadow_ended": _("Told from here on: the monitor came out of the shadow"),
        "flapping": _("It keeps changing; the changes are one incident until it is calm"),
        "calm": _("It has stopped changing"),
        "acknowledged": _("Acknowledged"),
        "noted": _("Note"),
    }
)
ENDINGS = words.Words(
    {
        "recovered": _("It recovered"),
        "calm": _("It stayed well"),
        "paused": _("Closed, as the monitor was paused"),
        "by_hand": _("Closed by hand"),
    }
)


class Event(Protocol):
    """An event of an incident, as ``incidents`` stores it."""

    kind: str
    happened_at: datetime
    note: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """A message about the incident, as far as the story goes. ``at`` is when it was settled, or is looked at next."""

    id: UUID
    kind: str
    state: str
    at: datetime
    channel: str
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    mark: str
    """The status icon beside it."""
    words: str
    text: str = ""
    """What a person or a site said, as it was said."""
    actor: str = ""
    delivery: UUID | None = None


def of_event(event: Event, *, actor: str, regions: Collection[str]) -> Line:
    """``regions``: whose names are to be known in the reason."""
    words_of = (ENDINGS.get(str(event.data.get("why"))) or gettext("Resolved")) if event.kind == "resolved" else ""
    lasted = event.data.get("lasted_s")
    if event.kind == "resolved" and isinstance(lasted, int | float):
        words_of += " " + gettext("after %s") % words.span(lasted)
    text = event.note or words.why(event.data.get("reason") or "", regions)
    told = words_of or WORDS.get(event.kind, event.kind)
    return Line(event.happened_at, MARKS.get(event.kind, "unknown"), told, text=text, actor=actor)


def of_message(told: Told) -> Line:
    """``Told Ops: Down``."""
    what = alert_words.event_word(told.kind)
    sentences = {
        State.SENT: _("Told %(channel)s: %(what)s"),
        State.DEAD: _("%(channel)s could not be told: %(what)s"),
        State.CANCELLED: _("%(channel)s need not be told: %(what)s"),
        State.SENDING: _("%(channel)s is being told: %(what)s"),
    }
    sentence = gettext(sentences.get(State(told.state), _("%(channel)s will be told: %(what)s")))
    sentence %= {"channel": told.channel, "what": what}
    text = "" if told.state == State.SENT else spoken(told.reason)
    return Line(told.at, alert_words.state_mark(told.state), sentence, text=text, delivery=told.id)


def in_order(events: Iterable[Line], messages: Iterable[Line]) -> list[Line]:
    """By time; at the same moment what happened comes before what was told of it."""
    return sorted([*events, *messages], key=lambda line: line.at)
