"""Keeping rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.models import Team
from alerts import rules, selectors
from alerts.models import Channel, Rule, Step
from alerts.rules import Kind, Quiet, Severity
from monitors.models import Monitor
from monitors.rules import tag_problem
from probes.sentences import say

MOST_RULES = 50
MOST_STEPS = 20
LONGEST_DELAY_S = 24 * 3_600
LONGEST_MINUTES = 7 * 24 * 60
SHORTEST_REMINDER = 5


def defaults() -> dict[str, Any]:
    """A rule of which nothing but its channels is said."""
    return {
        "name": "",
        "enabled": True,
        "everything": True,
        "monitors": [],
        "tags": [],
        "events": [Kind.DOWN],
        "severity": Severity.INFO,
        "channels": [],
        "escalation": [],
        "delay_seconds": 0,
        "reminder_minutes": 0,
        "quiet_hours": None,
    }


@transaction.atomic
def create_rule(*, team: Team, **fields: Any) -> Rule:
    """``fields``: any of those in ``defaults``. Naming monitors or tags means these and not everything."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if Rule.objects.for_team(team).count() >= MOST_RULES:
        raise ValidationError({"name": [say("a team has at most {most} rules", most=MOST_RULES)]})
    return _apply(Rule(team=team), whole(fields))


@transaction.atomic
def replace_rule(rule: Rule, **fields: Any) -> Rule:
    """The whole of it: what is not named gets its default."""
    return _apply(Rule.objects.select_for_update().get(pk=rule.pk), whole(fields))


def whole(fields: dict[str, Any]) -> dict[str, Any]:
    """With the defaults of what is not named."""
    narrow = fields.get("monitors") or fields.get("tags")
    return defaults() | {"everything": not narrow} | fields


@transaction.atomic
def update_rule(rule: Rule, **fields: Any) -> Rule:
    """Change some fields; what is not named stays. Messages on their way keep the rule they were made by."""
    return _apply(Rule.objects.select_for_update().get(pk=rule.pk), fields)


@transaction.atomic
def delete_rule(rule: Rule) -> None:
    audit.deleted(rule)
    rule.delete()


def _apply(rule: Rule, fields: Mapping[str, Any]) -> Rule:
    problems = _problems(rule.team, fields)
    if problems:
        raise ValidationError({name: [message] for name, message in problems.items()})
    before = None if rule._state.adding else audit.picture(rule)
    for name in ("enabled", "everything", "severity", "delay_seconds", "reminder_minutes", "quiet_hours"):
        if name in fields:
            setattr(rule, name, fields[name])
    if "name" in fields:
        rule.name = " ".join(str(fields["name"]).split()) or "Rule"
    if "tags" in fields:
        rule.tags = sorted({tag.strip() for tag in fields["tags"]})
    if "events" in fields:
        rule.events = with_ends(fields["events"])
    rule.save()
    if "monitors" in fields:
        rule.monitors.set(fields["monitors"])
    _apply_steps(rule, fields)
    rule = selectors.rules_of(rule.team).get(pk=rule.pk)
    if before is None:
        audit.created(rule)
    else:
        audit.changed(rule, before)
    return rule


def with_ends(events: Collection[str]) -> list[str]:
    """In one order; ``up`` always goes with ``down``, since nobody is left with half a story."""
    wanted = set(events) - {Kind.UP} | ({Kind.UP} if Kind.DOWN in events else set())
    return [kind for kind in (*rules.CHOICES, Kind.UP) if kind in wanted]


def _apply_steps(rule: Rule, fields: Mapping[str, Any]) -> None:
    if "channels" in fields:
        _replace(rule, rule.steps.filter(after_minutes=0), [(channel, 0) for channel in fields["channels"]])
    if "escalation" in fields:
        later = [(step["channel"], step["after_minutes"]) for step in fields["escalation"]]
        _replace(rule, rule.steps.filter(after_minutes__gt=0), later)


def _replace(rule: Rule, old: QuerySet[Step], wanted: Iterable[tuple[UUID, int]]) -> None:
    old.delete()
    Step.objects.bulk_create(
        Step(rule=rule, channel_id=channel, after_minutes=minutes) for channel, minutes in dict.fromkeys(wanted)
    )


# -- what is wrong with it


def _problems(team: Team, fields: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "monitors": _strangers(Monitor.objects.for_team(team), fields.get("monitors", ()), "monitor"),
        "channels": _strangers(Channel.objects.for_team(team), fields.get("channels", ()), "channel"),
        "escalation": _escalation_problem(team, fields.get("escalation", ())),
        "tags": tag_problem(fields.get("tags", ())),
        "events": _event_problem(team, fields.get("events")),
        "quiet_hours": _quiet_problem(fields.get("quiet_hours")),
        "delay_seconds": _range_problem(fields.get("delay_seconds", 0), 0, LONGEST_DELAY_S),
        "reminder_minutes": _reminder_problem(fields.get("reminder_minutes", 0)),
    }
    return {name: problem for name, problem in found.items() if problem}


def _strangers(own: Any, wanted: Collection[UUID], what: str) -> str | None:
    """Another team's is as unknown as one that never was."""
    missing = set(wanted) - set(own.filter(pk__in=wanted).values_list("pk", flat=True))
    return say("there is no {what} {id}", what=what, id=min(map(str, missing))) if missing else None


def _escalation_problem(team: Team, steps: Sequence[Mapping[str, Any]]) -> str | None:
    if len(steps) > MOST_STEPS:
        return say("at most {most} steps", most=MOST_STEPS)
    for step in steps:
        if problem := _range_problem(step["after_minutes"], 1, LONGEST_MINUTES):
            return say("after_minutes {problem}", problem=problem)
    return _strangers(Channel.objects.for_team(team), [step["channel"] for step in steps], "channel")


def _event_problem(team: Team, events: Collection[str] | None) -> str | None:
    if events is None:
        return None
    known = {*rules.CHOICES, Kind.UP}
    if unknown := sorted(set(events) - known):
        return say(
            "there is no event {unknown}; choose from {names}",
            unknown=repr(unknown[0]),
            names=", ".join((*rules.CHOICES, Kind.UP)),
        )
    if not set(events) - {Kind.UP}:
        return say("choose at least one event beside up, which follows by itself")
    if Kind.REGION in events and not selectors.is_operators(team):
        return say("only operators are told of regions")
    return None


def _quiet_problem(quiet: Any) -> str | None:
    try:
        if quiet is not None:
            Quiet.parse(quiet)
    except ValueError as error:
        return str(error)
    return None


def _range_problem(value: int, low: int, high: int) -> str | None:
    return None if low <= value <= high else say("must be from {low} to {high}", low=low, high=high)


def _reminder_problem(minutes: int) -> str | None:
    return None if minutes == 0 else _range_problem(minutes, SHORTEST_REMINDER, LONGEST_MINUTES)
