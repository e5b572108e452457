"""Plain words for channels, rules and messages."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from alerts.models import Rule
from alerts.rules import Kind, Severity, State
from dashboard.words import Words, span

EVENTS: Mapping[Kind, str] = Words(
    {
        Kind.DOWN: _("Down"),
        Kind.DEGRADED: _("Degraded"),
        Kind.PARTIAL: _("Partly down"),
        Kind.CERTIFICATE: _("Certificate expires soon"),
        Kind.FLAPPING: _("Flapping"),
        Kind.REGION: _("A region in trouble"),
    }
)
"""What a rule may ask for."""

ANSWERS: Mapping[Kind, str] = Words(
    {
        Kind.UP: _("Up again"),
        Kind.REMINDER: _("Reminder"),
        Kind.RECOVERED: _("Well again"),
        Kind.CALM: _("Flapping is over"),
        Kind.ACKNOWLEDGED: _("Acknowledged"),
        Kind.REGION_WELL: _("A region well again"),
        Kind.TEST: _("Test"),
    }
)
"""What the rest of the messages tell."""

SEVERITIES: Mapping[Severity, str] = Words(
    {
        Severity.INFO: _("Anything"),
        Severity.WARNING: _("A warning"),
        Severity.CRITICAL: _("Critical"),
    }
)

STATES: Mapping[State, str] = Words(
    {
        State.WAITING: _("Waiting"),
        State.HELD: _("Held"),
        State.SENDING: _("Being sent"),
        State.SENT: _("Sent"),
        State.DEAD: _("Never arrived"),
        State.CANCELLED: _("Not needed any more"),
    }
)

MARKS: Mapping[State, str] = {
    State.WAITING: "pending",
    State.HELD: "paused",
    State.SENDING: "pending",
    State.SENT: "up",
    State.DEAD: "down",
    State.CANCELLED: "unknown",
}
"""The status icon that stands beside each."""

HEALTHS: Mapping[str, tuple[str, str]] = {
    "off": ("paused", _("Off")),
    "pending": ("pending", _("Waits for confirmation")),
    "broken": ("down", _("Broken")),
    "failing": ("degraded", _("Failing")),
    "ok": ("up", _("Works")),
    "unused": ("unknown", _("Not used yet")),
}
"""Icon and word by ``Channel.health``."""


def event_word(kind: str) -> str:
    return EVENTS.get(Kind(kind)) or ANSWERS[Kind(kind)] if kind in set(Kind) else kind


def rule_times(rule: Rule) -> list[str]:
    """When a rule tells, where it is not at once, once and at any hour."""
    told = []
    if rule.delay_seconds:
        told.append(gettext("after %(span)s") % {"span": span(rule.delay_seconds)})
    if rule.reminder_minutes:
        told.append(gettext("again every %(span)s") % {"span": span(rule.reminder_minutes * 60)})
    if rule.quiet_hours:
        told.append(gettext("warnings not from %(from)s to %(to)s (%(zone)s)") % rule.quiet_hours)
    return told


def state_word(state: str) -> str:
    return STATES[State(state)] if state in set(State) else state


def state_mark(state: str) -> str:
    return MARKS[State(state)] if state in set(State) else "unknown"


def health_word(health: str) -> str:
    return gettext(HEALTHS[health][1]) if health in HEALTHS else health


def health_mark(health: str) -> str:
    return HEALTHS.get(health, ("unknown", health))[0]
