"""Monitors and the regions that check them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone

from accounts.models import Team
from monitors import secrets
from monitors.heartbeat import HeartbeatSpec
from monitors.kinds import PASSIVE
from monitors.rules import WORST_FIRST, Policy, Status, passive_sentence, policy_sentence, stale_after_s
from probes.contract import InvalidSpec
from probes.sentences import say

FOR_EVER = timedelta(days=36_500)
"""The last word of a passive monitor counts until its next deadline, whenever that is."""


class RegionQuerySet(models.QuerySet["Region"]):
    def enabled(self) -> Self:
        return self.filter(enabled=True)

    def working(self) -> Self:
        """Regions that may be sent checks."""
        return self.filter(enabled=True, draining=False, offline_since=None)


class Region(models.Model):
    """A place to check from. Its workers read the queues ``region.<code>`` and ``region.<code>.now``."""

    code = models.CharField(primary_key=True, max_length=31)
    name = models.CharField(max_length=80)
    enabled = models.BooleanField(default=True)
    ordinal = models.PositiveSmallIntegerField(default=0, help_text="its turn inside each interval")
    by_hand = models.BooleanField(
        default=False, help_text="an operator switched it on or off against the REGIONS setting; a sync leaves it so"
    )
    draining = models.BooleanField(default=False, help_text="gets no new checks; what is out comes home")
    offline_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="since when no worker is heard of, where that is too long"
    )
    watched_since = models.DateTimeField(
        default=timezone.now, editable=False, help_text="since when the scheduler has listened without a break"
    )
    missed_since = models.DateTimeField(
        null=True, editable=False, help_text="later slots were not handed out and are still to be written down"
    )
    key_sealed = models.TextField(
        blank=True, default="", editable=False, help_text="what its workers sign with, encrypted; empty: they need not"
    )

    objects = RegionQuerySet.as_manager()

    class Meta:
        ordering = ["ordinal", "code"]

    def __str__(self) -> str:
        return self.code

    @property
    def state(self) -> str:
        """One word for operators: disabled, draining, offline or online."""
        if not self.enabled:
            return "disabled"
        if self.draining:
            return "draining"
        return "offline" if self.offline_since else "online"


class RegionEvent(models.Model):
    """What happened to a region. Rows are only ever added; they outlive the region."""

    class Kind(models.TextChoices):
        OFFLINE = "offline"
        ONLINE = "online"

    region = models.CharField(max_length=31)
    kind = models.CharField(max_length=12, choices=Kind)
    happened_at = models.DateTimeField()
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-happened_at", "-id"]
        indexes = [models.Index(fields=["region", "-happened_at"], name="monitors_events_of_region")]

    def __str__(self) -> str:
        return f"{self.region} {self.kind} {self.happened_at:%Y-%m-%d %H:%M:%S}"


class DefaultFallback(models.Model):
    """The region that stands in for a team's monitors that name none of their own."""

    team = models.OneToOneField(Team, primary_key=True, on_delete=models.CASCADE, related_name="default_fallback")
    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.region_id} for {self.team}"


def badness() -> models.Case:
    """The place of a monitor's status among all, the worst being 0."""
    return models.Case(
        *(models.When(status=status.value, then=models.Value(place)) for place, status in enumerate(WORST_FIRST)),
        default=models.Value(len(WORST_FIRST)),
        output_field=models.IntegerField(),
    )


BADNESS = "CASE {} ELSE {} END".format(
    " ".join(f"WHEN %(expressions)s = '{status}' THEN {place}" for place, status in enumerate(WORST_FIRST)),
    len(WORST_FIRST),
)
"""The same as ``badness``, from which Django takes milliseconds to make SQL each time."""


class MonitorQuerySet(models.QuerySet["Monitor"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)

    def active(self) -> Self:
        return self.filter(paused=False)

    def dialled(self) -> Self:
        """Those that regions look at, and not the passive ones."""
        return self.exclude(kind__in=PASSIVE)

    def in_region(self, code: str) -> Self:
        return self.filter(regions__contains=[code])

    def worst_first(self) -> Self:
        """Failing ones before the others, and then by name; the index monitors_worst_first is in this order."""
        place = models.Func("status", template=BADNESS, output_field=models.IntegerField())
        return self.order_by(place, Lower("name"), "id")

    def down_since_before(self, moment: datetime) -> Self:
        return self.filter(status=Status.DOWN, status_since__lte=moment)

    def wanted(self) -> Self:
        """Somebody waits for a check: a new, changed or resumed monitor, or a person who asked."""
        return self.filter(wanted_at__isnull=False, maintenance_pauses=False)


class Monitor(models.Model):
    """What to watch, from where and how often, and what we say of it at present."""

    AUDITED: ClassVar[tuple[str, ...]] = (
        *("name", "kind", "spec", "sealed", "interval", "timeout", "regions", "fallback_regions", "tags", "policy"),
        *("parent_id", "paused", "shadow"),
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="monitors")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, default="http")
    spec = models.JSONField(default=dict, help_text="read by the kind's own spec class in probes/kinds; secrets masked")
    sealed = models.TextField(blank=True, editable=False, help_text="the spec's secrets, encrypted")
    ping_key = models.CharField(
        max_length=64, null=True, editable=False, help_text="SHA-256 of the token that a job reports by"
    )
    ping_sealed = models.TextField(blank=True, default="", editable=False, help_text="that token, encrypted")
    interval = models.PositiveIntegerField(default=60, help_text="seconds")
    timeout = models.PositiveSmallIntegerField(default=10, help_text="seconds, over all attempts of one check")
    regions = ArrayField(models.CharField(max_length=31))
    fallback_regions = ArrayField(
        models.CharField(max_length=31), default=list, blank=True, help_text="may stand in, the first one first"
    )
    stand_ins = models.JSONField(
        default=dict, blank=True, editable=False, help_text="who checks at present in the place of which region"
    )
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    policy = models.JSONField(default=dict, blank=True)
    parent = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="children",
        help_text="while this one is down, messages about the monitor are held; checks and incidents go on",
    )
    paused = models.BooleanField(default=False)
    shadow = models.BooleanField(
        default=False, db_default=False, help_text="checked and judged like any other, but nobody is told of it"
    )
    shadow_ended_at = models.DateTimeField(
        null=True, editable=False, help_text="what goes on since then is still to be told; the alerts app takes it"
    )

    phase = models.PositiveIntegerField(default=0, editable=False)
    slowed_to = models.PositiveIntegerField(
        null=True, editable=False, help_text="seconds between checks at present, while it is down for long"
    )
    judged_by = models.PositiveIntegerField(
        null=True, editable=False, help_text="seconds by which silence is judged: the longer timetable of late"
    )
    eager_since = models.DateTimeField(
        null=True, editable=False, help_text="when it last went back to its own interval: by hand or by a success"
    )
    config_version = models.PositiveIntegerField(default=1, editable=False)
    wanted_at = models.DateTimeField(null=True, blank=True, editable=False)

    maintenance_until = models.DateTimeField(
        null=True, editable=False, help_text="when the planned work that is going on ends; kept by the maintenance app"
    )
    maintenance_pauses = models.BooleanField(default=False, editable=False, help_text="and nothing is checked")
    maintenance_counts = models.BooleanField(default=True, editable=False, help_text="and what is found counts")

    status = models.CharField(max_length=12, default=Status.PENDING, choices=[(s.value, s.value) for s in Status])
    status_since = models.DateTimeField(default=timezone.now)
    status_reason = models.CharField(max_length=500, blank=True, help_text="why, in words")

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MonitorQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            # pings: whose token is it
            models.UniqueConstraint(
                fields=["ping_key"], condition=models.Q(ping_key__isnull=False), name="monitors_by_ping_key"
            )
        ]
        indexes = [
            # dispatch: whose slot lies in a window of seconds
            models.Index(
                Coalesce("slowed_to", "interval"), "phase", "id", name="monitors_due", condition=models.Q(paused=False)
            ),
            # back-off: who is down for long, who is slowed down
            models.Index(fields=["status_since"], name="monitors_down", condition=models.Q(status=Status.DOWN)),
            models.Index(fields=["id"], name="monitors_slowed", condition=models.Q(judged_by__isnull=False)),
            # dispatch_wanted: who is waited for
            models.Index(fields=["wanted_at"], name="monitors_wanted", condition=models.Q(wanted_at__isnull=False)),
            # alerts: whose shadow has just ended
            models.Index(
                fields=["shadow_ended_at"],
                name="monitors_out_of_shadow",
                condition=models.Q(shadow_ended_at__isnull=False),
            ),
            # maintenance: who is in a window
            models.Index(
                fields=["maintenance_until"],
                name="monitors_in_work",
                condition=models.Q(maintenance_until__isnull=False),
            ),
            # lists of one team
            models.Index(fields=["team", "created_at", "id"], name="monitors_of_team"),
            # the dashboard's list: a page of it is read from the index, however many there are
            models.Index("team", badness(), Lower("name"), "id", name="monitors_worst_first"),
            GinIndex(fields=["tags"], name="monitors_by_tag"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """The address a person would recognise the monitor by; empty for kinds that have none."""
        return str(self.spec.get("url", ""))

    @property
    def is_passive(self) -> bool:
        """It waits to be told: no region looks, and one word is enough."""
        return self.kind in PASSIVE

    @property
    def ping_url(self) -> str | None:
        """Where its job reports; whoever knows the address may speak for the job."""
        try:
            token = secrets.unseal(self.ping_sealed).get("token")
        except InvalidToken:  # the keys are lost; a list must not be
            return None
        return f"{settings.SITE_URL}/ping/{token}" if token else None

    @property
    def full_spec(self) -> dict[str, Any]:
        """The spec with its secrets: for the checks themselves, and for nobody's eyes."""
        spec: dict[str, Any] = self.spec | secrets.unseal(self.sealed)
        return spec

    def assigned(self, enabled: Collection[str]) -> list[str]:
        """Whose word counts: its regions that are enabled; of a passive one its own."""
        return [region for region in self.regions if region in enabled or self.is_passive]

    @property
    def voters(self) -> list[str]:
        """The regions that check it at present: its own, or who stands in for them."""
        return [self.stand_ins.get(region, region) for region in self.regions]

    @property
    def rules(self) -> Policy:
        return Policy.parse(self.policy)

    @property
    def stale_after(self) -> timedelta:
        if self.is_passive:
            return FOR_EVER
        interval = max(self.interval, self.judged_by or 0)
        freshness = self.rules.freshness
        return timedelta(seconds=stale_after_s(interval=interval, timeout=self.timeout, freshness=freshness))

    @property
    def policy_sentence(self) -> str:
        """What the present policy means, in words."""
        if self.is_passive:
            try:
                spec = HeartbeatSpec.parse(self.spec)
            except InvalidSpec as error:  # a time zone that has been abolished since
                return say("Never alerts: {error}.", error=error)
            return passive_sentence(due=spec.sentence, grace=spec.grace, alert_after=self.rules.alert_after_s)
        return policy_sentence(
            self.rules, regions=len(self.regions), interval=self.effective_interval, timeout=self.timeout
        )

    @property
    def effective_interval(self) -> int:
        """Seconds between checks at present: longer than asked for when it has been down for long."""
        return self.slowed_to or self.interval
