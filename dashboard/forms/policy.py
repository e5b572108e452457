"""The part of a monitor's form that says when it counts as down, and what that means in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from monitors.heartbeat import HeartbeatSpec
from monitors.kinds import PASSIVE
from monitors.rules import Policy, passive_sentence, policy_sentence
from probes.contract import InvalidSpec

PREFIX = "policy_"
OF_PASSIVE = ("alert_after_s", "flapping", "flapping_s")
"""What may be chosen where one word is enough."""


def fields_of(kind: str, policy: Policy) -> dict[str, forms.Field]:
    """The fields by name, filled from a policy."""
    values = policy.as_dict()
    names = OF_PASSIVE if kind in PASSIVE else tuple(values)
    made = {name: _field(name) for name in names}
    for name, field in made.items():
        field.initial = values[name]
    return {f"{PREFIX}{name}": field for name, field in made.items()}


def _field(name: str) -> forms.Field:
    match name:
        case "confirmations":
            return _number(_("Failures in a row before a region's word counts"), 1, 10)
        case "quorum":
            words = _("Left empty: most of them, and at least 2 where there are 2 or more.")
            return _number(_("Regions that must agree"), 1, 100, help_text=words, required=False)
        case "retries":
            return _number(
                _("Further attempts inside one check"), 0, 5, help_text=_("Within the time that a check has.")
            )
        case "recovery":
            words = _("Left empty: as many as the failures above.")
            return _number(_("Passes in a row before it is well again"), 1, 10, help_text=words, required=False)
        case "freshness":
            return _number(_("Turns that a region may miss before its last word counts no more"), 1, 10)
        case "alert_after_s":
            words = _("What is over by then is told to nobody.")
            return _number(_("Tell nobody before trouble has lasted so long (s)"), 0, 86_400, help_text=words)
        case "degraded_counts":
            return forms.BooleanField(required=False, label=_("Slow answers and other warnings count as failures"))
        case "flapping":
            words = _("More turns within the time below become one incident. 0: never.")
            return _number(_("Changes that are borne one by one"), 0, 100, help_text=words)
        case "flapping_s":
            return _number(_("The time in which they are counted (s)"), 60, 86_400)
    raise KeyError(name)


def _number(label: str, low: int, high: int, **about: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=low, max_value=high, **about)


def read(cleaned: Mapping[str, Any], *, stored: Policy) -> dict[str, Any]:
    """The policy that the form asks for; what it does not offer stays."""
    typed = {name.removeprefix(PREFIX): value for name, value in cleaned.items() if name.startswith(PREFIX)}
    return stored.as_dict() | typed


def sentence_of(kind: str, policy: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """What a policy means with these regions, interval, timeout and spec; empty where they make no sense yet."""
    try:
        rules = Policy.parse(dict(policy))
        if kind in PASSIVE:
            spec = HeartbeatSpec.parse(about["spec"])
            return passive_sentence(due=spec.sentence, grace=spec.grace, alert_after=rules.alert_after_s)
        regions, interval, timeout = len(about["regions"]), about["interval"], about["timeout"]
    except (InvalidSpec, KeyError):
        return ""
    return policy_sentence(rules, regions=regions, interval=interval, timeout=timeout) if regions else ""
