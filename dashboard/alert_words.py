"""Plain English for channels, rules and messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.rules import Kind, Severity, State

EVENTS: Mapping[Kind, str] = {
    Kind.DOWN: "Down",
    Kind.DEGRADED: "Degraded",
    Kind.PARTIAL: "Partly down",
    Kind.CERTIFICATE: "Certificate expires soon",
    Kind.FLAPPING: "Flapping",
    Kind.REGION: "A region in trouble",
}
"""What a rule may ask for."""

MESSAGES: Mapping[Kind, str] = {
    **EVENTS,
    Kind.UP: "Up again",
    Kind.REMINDER: "Reminder",
    Kind.RECOVERED: "Well again",
    Kind.CALM: "Flapping is over",
    Kind.ACKNOWLEDGED: "Acknowledged",
    Kind.REGION_WELL: "A region well again",
    Kind.TEST: "Test",
}

SEVERITIES: Mapping[Severity, str] = {
    Severity.INFO: "Anything",
    Severity.WARNING: "A warning",
    Severity.CRITICAL: "Critical",
}

STATES: Mapping[State, str] = {
    State.WAITING: "Waiting",
    State.HELD: "Held",
    State.SENDING: "Being sent",
    State.SENT: "Sent",
    State.DEAD: "Never arrived",
    State.CANCELLED: "Not needed any more",
}

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
    "off": ("paused", "Off"),
    "pending": ("pending", "Waits for confirmation"),
    "broken": ("down", "Broken"),
    "failing": ("degraded", "Failing"),
    "ok": ("up", "Works"),
    "unused": ("unknown", "Not used yet"),
}
"""Icon and word by ``Channel.health``."""


def event_word(kind: str) -> str:
    return MESSAGES[Kind(kind)] if kind in set(Kind) else kind


def state_word(state: str) -> str:
    return STATES[State(state)] if state in set(State) else state


def state_mark(state: str) -> str:
    return MARKS[State(state)] if state in set(State) else "unknown"


def health_word(health: str) -> str:
    return HEALTHS.get(health, ("unknown", health))[1]


def health_mark(health: str) -> str:
    return HEALTHS.get(health, ("unknown", health))[0]
