"""What another policy would have made of the last days, for the form that changes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from dashboard.words import span
from drills import backtest
from drills.backtest import LIMITS, Backtest
from drills.comparison import Change, Effect, Outage
from monitors.models import Monitor

DAYS = 30
MOST_SHOWN = 100


def change_words() -> dict[Change, str]:
    return {
        Change.RAISED: _("Told of in addition"),
        Change.MISSED: _("Not told of any more"),
        Change.DELAYED: _("Told of later"),
        Change.EARLIER: _("Told of sooner"),
        Change.SAME: _("As it is"),
    }


@dataclass(frozen=True, slots=True)
class EffectView:
    name: str
    outage: Outage
    later_s: float | None

    @property
    def later_words(self) -> str:
        if self.later_s is None:
            return ""
        told = {"length": span(abs(self.later_s))}
        return (_("by %(length)s") if self.later_s else "") % told


@dataclass(frozen=True)
class Tried:
    """``refused`` says why nothing was replayed; else ``found`` is there."""

    days: int = DAYS
    found: Backtest | None = None
    refused: str = ""
    limits: tuple[str, ...] = LIMITS

    @property
    def counts(self) -> list[tuple[str, int]]:
        counted = Counter(effect.change for effect in self.found.effects) if self.found else Counter()
        return [(name, counted[change]) for change, name in change_words().items()]

    @property
    def effects(self) -> list[EffectView]:
        """What would be otherwise, in the order of time."""
        changed = [effect for effect in self.found.effects if effect.change is not Change.SAME] if self.found else []
        return [_view(effect) for effect in changed[-MOST_SHOWN:]]


def _view(effect: Effect) -> EffectView:
    outage = effect.proposed or effect.present
    assert outage is not None  # noqa: S101 - one of the two is what the effect is of
    return EffectView(change_words()[effect.change], outage, effect.later_s)


def try_policy(monitor: Monitor, policy: dict[str, Any]) -> Tried:
    """Raises ``ValidationError`` where it cannot be tried."""
    days = min(DAYS, settings.RETENTION_DAYS)
    return Tried(days, backtest.run(monitor, policy=policy, days=days))
