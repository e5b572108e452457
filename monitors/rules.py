"""What makes a monitor's settings sound, and when its slots fall. Plain values in, plain values out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from probes.contract import InvalidSpec
from probes.sentences import ended, listed, say, say_many

MAX_INTERVAL_S = 86_400
MAX_TIMEOUT_S = 60
SLOWEST_S = 3600
"""A monitor that is down for long is still checked this often."""

MAX_TAGS = 20
MAX_TAG_LENGTH = 40
OFFLINE_AFTER = timedelta(seconds=60)
REGION_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class Status(StrEnum):
    """What we say of a monitor."""

    PENDING = "pending"
    UP = "up"
    DEGRADED = "degraded"
    PARTIAL = "partial"
    DOWN = "down"
    UNKNOWN = "unknown"
    MAINTENANCE = "maintenance"
    PAUSED = "paused"


WORST_FIRST = (
    Status.DOWN,
    Status.PARTIAL,
    Status.UNKNOWN,
    Status.DEGRADED,
    Status.PENDING,
    Status.UP,
    Status.MAINTENANCE,
    Status.PAUSED,
)
"""The order in which people want to see them; it is part of an index."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How many must agree before we say so.

    ``confirmations``: results in a row before a region's word counts, for going down.
    ``quorum``: regions that must agree; None means the majority, and at least 2 where there are 2 or more.
    ``retries``: further attempts inside one check before it fails.
    ``recovery``: the same as ``confirmations``, for coming back; None means as many.
    ``freshness``: turns that a region may miss before its last word counts no more.
    ``alert_after_s``: seconds that trouble lasts before anybody is told.
    ``degraded_counts``: whether a degraded result counts as a failed one.
    ``flapping``: turns for the worse or the better within ``flapping_s`` seconds that are one too many, less one;
    0 means that they never are.
    """

    confirmations: int = 2
    quorum: int | None = None
    retries: int = 2
    recovery: int | None = None
    freshness: int = 2
    alert_after_s: int = 0
    degraded_counts: bool = False
    flapping: int = 6
    flapping_s: int = 1800

    @classmethod
    def parse(cls, data: object) -> Policy:
        """Read a policy, or raise ``InvalidSpec`` naming the part that is wrong. What is left out gets its default."""
        if not isinstance(data, dict):
            raise InvalidSpec(say("must be an object"), "policy")
        parts = [part.name for part in fields(cls)]
        if unknown := sorted(set(data) - set(parts)):
            raise InvalidSpec(
                say("has no part called {unknown}; it has {listed}", unknown=repr(unknown[0]), listed=listed(parts)),
                "policy",
            )
        usual = cls()
        degraded_counts = data.get("degraded_counts", usual.degraded_counts)
        if not isinstance(degraded_counts, bool):
            raise InvalidSpec(say("degraded_counts must be true or false"), "policy")
        return cls(
            confirmations=_within(data, "confirmations", usual.confirmations, 1, 10),
            quorum=None if data.get("quorum") is None else _within(data, "quorum", 1, 1, 100),
            retries=_within(data, "retries", usual.retries, 0, 5),
            recovery=None if data.get("recovery") is None else _within(data, "recovery", 1, 1, 10),
            freshness=_within(data, "freshness", usual.freshness, 1, 10),
            alert_after_s=_within(data, "alert_after_s", usual.alert_after_s, 0, 86_400),
            degraded_counts=degraded_counts,
            flapping=_within(data, "flapping", usual.flapping, 0, 100),
            flapping_s=_within(data, "flapping_s", usual.flapping_s, 60, 86_400),
        )

    def as_dict(self) -> dict[str, Any]:
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def needed(self, regions: int) -> int:
        """How many of this many assigned regions must agree."""
        if self.quorum is not None:
            return max(1, min(self.quorum, regions))
        return max(regions // 2 + 1, min(2, regions), 1)

    def of_one_word(self) -> Policy:
        """For a monitor that waits to be told: nobody has to agree, and nothing is tried again."""
        return replace(self, confirmations=1, recovery=None, quorum=None, retries=0)

    @property
    def recoveries(self) -> int:
        """Good results in a row before a region's word counts for coming back."""
        return self.confirmations if self.recovery is None else self.recovery


SLACK_S = 5
"""What handing out, answering and deciding take beside the checks themselves, seconds."""


@lru_cache(maxsize=1024)
def policy_sentence(policy: Policy, *, regions: int, interval: int, timeout: int) -> str:
    """What a policy means for a monitor in so many regions, for a person; interval and timeout in seconds.

    The first failure has every region asked at once. So an outage waits for one region's turn, and then only for the
    checks themselves: quick ones where the site refuses, up to ``timeout`` each where it says nothing. Most monitors
    share a few policies, so the sentences are kept.
    """
    turn = -(-interval // max(regions, 1))
    rounds = policy.confirmations + (1 if policy.needed(regions) > 1 else 0)
    quick = max(turn + SLACK_S, policy.alert_after_s)
    slow = max(turn + rounds * timeout + SLACK_S, policy.alert_after_s)
    told = {"agreement": agreement(policy, regions), "quick": rough_span(quick), "slow": rough_span(slow)}
    if slow > quick:
        when = say(
            "Alerts when {agreement}, about {quick} after an outage begins ({slow} where checks time out)", **told
        )
    else:
        when = say("Alerts when {agreement}, about {quick} after an outage begins", **told)
    counts = [say("slow answers and other warnings count as failures")] if policy.degraded_counts else []
    well = say_many(
        "well again when {who} passes {times}",
        "well again when {who} pass {times}",
        policy.needed(regions),
        who=_who(policy, regions),
        times=_times(policy.recoveries),
    )
    silence = stale_after_s(interval=interval, timeout=timeout, freshness=policy.freshness)
    silent = say("a region silent for more than {silence} has no vote", silence=rough_span(silence))
    return ended([when, *counts, well, silent])


def passive_sentence(*, due: str, grace: int, alert_after: int) -> str:
    """The same for a monitor that waits to be told, where one word is enough; ``grace``, ``alert_after`` in seconds."""
    parts = {"grace": rough_span(grace), "due": due, "later": rough_span(alert_after)}
    if not alert_after:
        return say(
            "Alerts when its job reports a failure, or nothing at all within {grace} of the time it is due ({due}); "
            "well again when the job reports that it is.",
            **parts,
        )
    return say(
        "Alerts, {later} later, when its job reports a failure, or nothing at all within {grace} of the time it is due "
        "({due}); well again when the job reports that it is.",
        **parts,
    )


def agreement(policy: Policy, regions: int) -> str:
    """Who has to say what before a monitor is down: "both regions fail twice in a row"."""
    return say_many(
        "{who} fails {times}",
        "{who} fail {times}",
        policy.needed(regions),
        who=_who(policy, regions),
        times=_times(policy.confirmations),
    )


def _who(policy: Policy, regions: int) -> str:
    needed = policy.needed(regions)
    if regions <= 1:
        return say("its region")
    if needed < regions:
        return say("{needed} of {regions} regions", needed=needed, regions=regions)
    return say("both regions") if regions == 2 else say("all {regions} regions", regions=regions)


def _times(count: int) -> str:
    known = {1: say("once"), 2: say("twice in a row")}
    return known.get(count) or say("{count} times in a row", count=count)


def rough_span(seconds: float) -> str:
    """A length of time as people say it: 40 s, 5 min, 2 h, 3 d; never more exact than it need be."""
    if seconds < 120:
        return say("{count} s", count=round(seconds))
    if seconds < 7_200:
        return say("{count} min", count=round(seconds / 60))
    if seconds < 172_800:
        return say("{count} h", count=round(seconds / 3_600))
    return say("{count} d", count=round(seconds / 86_400))


def _within(data: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = data.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidSpec(
            say("{name} must be a whole number from {low} to {high}", name=name, low=low, high=high), "policy"
        )
    return value


def timing_problems(*, interval: int, timeout: int, min_interval: int) -> dict[str, str]:
    """Errors by field, empty when interval and timeout (seconds) fit together."""
    problems = {}
    if not min_interval <= interval <= MAX_INTERVAL_S:
        problems["interval"] = say("must be from {least} to {most} seconds", least=min_interval, most=MAX_INTERVAL_S)
    if not 1 <= timeout <= MAX_TIMEOUT_S:
        problems["timeout"] = say("must be from {least} to {most} seconds", least=1, most=MAX_TIMEOUT_S)
    elif timeout >= interval:
        problems["timeout"] = say("must be smaller than the interval, so that one check ends before the next begins")
    return problems


def region_code_problem(code: str) -> str | None:
    if not code:
        return say("a region needs a code, like usa")
    if not REGION_CODE.fullmatch(code):
        return say(
            "{code} is no region code: use up to 31 small letters, digits and hyphens, no hyphen in front",
            code=repr(code),
        )
    if code == "heartbeat":
        return say("'heartbeat' is no region code: what jobs report is kept by that name")
    return None


def in_turn(chosen: Collection[str], enabled: Sequence[str]) -> list[str]:
    """Regions in the order in which they take their turns."""
    return [code for code in enabled if code in chosen]


def region_problem(chosen: Collection[str], enabled: Collection[str]) -> str | None:
    if not chosen:
        return say("choose at least one region")
    if missing := sorted(set(chosen) - set(enabled)):
        return say(
            "there is no region {missing}; choose from {enabled}",
            missing=repr(missing[0]),
            enabled=", ".join(sorted(enabled)) or say("none, as none is enabled"),
        )
    return None


def slowed_interval(interval: int, *, down_for: timedelta, after_hours: int) -> int | None:
    """The longer interval of a monitor that has been down for so long, in seconds; None while it keeps its own.

    Twice as long after ``after_hours`` (0: never) and again with each further day, up to the last multiple of the
    interval within the hour.
    """
    over = down_for - timedelta(hours=after_hours)
    longest = SLOWEST_S // interval * interval
    if not after_hours or over < timedelta(0) or longest <= interval:
        return None
    return min(interval << (min(over.days, 12) + 1), longest)


def is_offline(*, was_offline: bool, last_sign: datetime | None, watched_since: datetime, now: datetime) -> bool:
    """Whether a region counts as gone: no sign of life for a minute in which we were there to hear one."""
    if last_sign is not None and now - last_sign <= OFFLINE_AFTER:
        return False
    return was_offline or now - watched_since > OFFLINE_AFTER


def fallback_problem(fallbacks: Sequence[str], assigned: Collection[str], enabled: Collection[str]) -> str | None:
    """What is wrong with the regions that may stand in; ``enabled`` may be all that were ever good."""
    if len(set(fallbacks)) < len(fallbacks):
        return say("name each fallback region once")
    if doubled := sorted(set(fallbacks) & set(assigned)):
        return say("{doubled} checks this monitor already; a fallback must be another region", doubled=repr(doubled[0]))
    return region_problem(fallbacks, enabled) if fallbacks else None


def stand_ins(assigned: Sequence[str], fallbacks: Sequence[str], working: Collection[str]) -> dict[str, str]:
    """Who stands in for whom: each region that does not work gets the first fallback that is free and does."""
    free = [region for region in dict.fromkeys(fallbacks) if region in working and region not in assigned]
    away = [region for region in assigned if region not in working]
    return dict(zip(away, free, strict=False))


MAX_ANCESTORS = 10


def parent_problem(monitor: UUID, parent: UUID, family: Mapping[UUID, UUID | None]) -> str | None:
    """Why a monitor may not depend on ``parent``; ``family`` gives the parent of each of the team's monitors."""
    if parent == monitor:
        return say("a monitor cannot be its own parent")
    if parent not in family:
        return say("there is no such monitor in your team")
    ancestors, above = 1, family[parent]
    while above is not None:
        if above == monitor:
            return say("that monitor depends on this one already; a parent cannot be one of its own descendants")
        ancestors, above = ancestors + 1, family.get(above)
        if ancestors > MAX_ANCESTORS:
            return say("at most {most} monitors may depend on one another in a row", most=MAX_ANCESTORS)
    return None


def tag_problem(tags: Collection[str]) -> str | None:
    if len(tags) > MAX_TAGS:
        return say("at most {most} tags", most=MAX_TAGS)
    if any(not tag.strip() or len(tag) > MAX_TAG_LENGTH for tag in tags):
        return say("a tag has from 1 to {most} characters", most=MAX_TAG_LENGTH)
    return None


class Action(StrEnum):
    """What can be done to many monitors at once."""

    PAUSE = "pause"
    RESUME = "resume"
    SHADOW = "shadow"
    ALERT = "alert"
    TAG = "tag"
    UNTAG = "untag"
    EDIT = "edit"
    DELETE = "delete"


EDITABLE_AT_ONCE = ("interval", "timeout", "regions", "policy")


def bulk_problems(
    action: Action, *, tags: Collection[str], fields: Mapping[str, Any], monitors: int, most: int
) -> dict[str, str]:
    """What is wrong with a wish whichever monitors it is for; by field."""
    problems = {}
    if not 1 <= monitors <= most:
        problems["monitors"] = (
            say("name from 1 to {most} monitors", most=most) if monitors else say("choose at least one monitor")
        )
    if action in {Action.TAG, Action.UNTAG}:
        if problem := tag_problem(tags) if tags else say("name at least one tag"):
            problems["tags"] = problem
    elif tags:
        problems["tags"] = say("only the actions tag and untag take tags")
    if action is Action.EDIT:
        if not fields:
            problems["set"] = say("name at least one of {names}", names=", ".join(EDITABLE_AT_ONCE))
        elif unknown := sorted(set(fields) - set(EDITABLE_AT_ONCE)):
            problems["set"] = say(
                "{unknown} cannot be changed for many at once; {names} can",
                unknown=unknown[0],
                names=", ".join(EDITABLE_AT_ONCE),
            )
    elif fields:
        problems["set"] = say("only the action edit takes fields")
    return problems


def phase_of(monitor_id: UUID, interval: int) -> int:
    """The second of its interval at which a monitor is due: spread evenly, and the same for ever."""
    return monitor_id.int % interval


def region_turn(interval: int, ordinal: int, regions: int) -> int:
    """How far into the interval a region has its turn, so that regions look one after the other."""
    return interval * ordinal // max(regions, 1)


def latest_slot(*, phase: int, turn: int, interval: int, until: int) -> int:
    """The last due second (epoch) not after ``until``."""
    return until - (until - phase - turn) % interval


def slots_between(*, phase: int, turn: int, interval: int, after: int, until: int) -> range:
    """All due seconds (epoch) in (after, until]."""
    last = latest_slot(phase=phase, turn=turn, interval=interval, until=until)
    first = next_slot(phase=phase, turn=turn, interval=interval, after=after)
    return range(first, last + 1, interval)


def next_slot(*, phase: int, turn: int, interval: int, after: int) -> int:
    """The first due second (epoch) after another one."""
    return latest_slot(phase=phase, turn=turn, interval=interval, until=after) + interval


def due_phases(*, turn: int, interval: int, after: int, until: int) -> list[tuple[int, int]]:
    """Which phases have a slot in (after, until], as at most two inclusive ranges: the window may wrap around."""
    if until <= after:
        return []
    if until - after >= interval:
        return [(0, interval - 1)]
    low, high = (after + 1 - turn) % interval, (until - turn) % interval
    return [(low, high)] if low <= high else [(0, high), (low, interval - 1)]


def stale_after_s(*, interval: int, timeout: int, freshness: int = 2) -> int:
    """How long a region's last word counts: the turns it may miss and the time a check may take, in seconds."""
    return freshness * interval + timeout + 10
