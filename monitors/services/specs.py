"""What is asked of a site, read with the parser of its kind: what of it is shown, what is sealed, where it goes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from common.flaws import flaw_of
from monitors import secrets
from monitors.kinds import PASSIVE, SPECS
from monitors.models import Monitor
from probes import guard
from probes.contract import InvalidSpec
from probes.fields import Spec
from probes.kinds import KINDS
from probes.sentences import say


def apply_spec(monitor: Monitor, fields: dict[str, Any]) -> dict[str, str]:
    """Read the spec with the kind's own parser; ``url`` is shorthand for the spec's address."""
    spec = dict(fields.get("spec", monitor.spec))
    if "url" in fields:
        spec["url"] = fields["url"]
    if monitor.kind not in KINDS:
        return {"kind": say("must be one of {names}", names=", ".join(sorted(SPECS)))}
    kept = secrets.unseal(monitor.sealed)
    shown, hidden = secrets.split(monitor.kind, spec, kept=kept)
    parsed, problems = _read_spec(monitor.kind, shown | hidden)
    if parsed is None:
        return problems
    if flaw := flaw_of(shown, to_keep=True):
        name, why = flaw
        return {part_name(name): why}
    if _goes_elsewhere(monitor, parsed):
        # Or an editor could have the secrets of one site sent to another and read them there.
        shown, hidden = secrets.split(monitor.kind, spec, kept={})
    if lost := secrets.lost(hidden):
        return {
            "spec": say(
                "{lost} holds only a mask: give its secret values again, as the site they are for changed", lost=lost[0]
            )
        }
    monitor.spec = shown
    monitor.sealed = monitor.sealed if hidden == kept else secrets.seal(hidden)
    monitor.name = monitor.name.strip() or parsed.default_name
    return {}


def _goes_elsewhere(monitor: Monitor, parsed: Spec) -> bool:
    """Whether the checks would go to another site than so far."""
    if not monitor.sealed:
        return False
    before, _ = _read_spec(monitor.kind, monitor.full_spec)
    return before is None or _origin(before) != _origin(parsed)


def _origin(spec: Spec) -> tuple[str, int]:
    return (spec.dialled_host.lower(), spec.dialled_port)


def _read_spec(kind: str, spec: dict[str, Any]) -> tuple[Spec | None, dict[str, str]]:
    if kind not in KINDS:
        return None, {"kind": say("must be one of {names}", names=", ".join(sorted(KINDS)))}
    try:
        parsed = KINDS[kind].spec.parse(spec)
    except InvalidSpec as error:
        return None, {part_name(error.field): str(error)}
    if refusal := guard.refusal_for_host(parsed.dialled_host, settings.PROBE_POLICY):
        return None, {part_name(parsed.dialled_field): refusal}
    return parsed, {}


def part_name(field: str) -> str:
    """As a request names a part of the spec."""
    return field if field in ("url", "spec") else f"spec.{field}"


def check_spec(kind: str, spec: dict[str, Any]) -> None:
    """Refuse a check that could not be run, naming the field."""
    if kind in PASSIVE:
        raise ValidationError({"kind": [say("there is nothing to run for a {kind}: its job reports", kind=kind)]})
    _, problems = _read_spec(kind, spec)
    if problems:
        raise ValidationError({name: [message] for name, message in problems.items()})
