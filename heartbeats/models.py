"""Pings as they arrived, what they add up to for each job, and whether we were there to hear them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from heartbeats.rules import Beat, Run, Word
from heartbeats.rules import Ping as Heard
from monitors.models import Monitor
from probes.contract import Outcome


class Ping(models.Model):
    """One ping, written the moment it arrived. ``heard`` is set when its conclusions have been drawn."""

    # No constraint in the database: it would have a ping wait while somebody edits the monitor.
    monitor = models.ForeignKey(
        Monitor, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="pings"
    )
    at = models.DateTimeField()
    word = models.CharField(max_length=7, choices=[(word.value, word.value) for word in Word])
    exit_code = models.SmallIntegerField(null=True)
    run = models.UUIDField(null=True, help_text="the id that the job gave this run")
    body = models.TextField(blank=True, help_text="what the job sent along, cut after 10 KiB")
    duration_s = models.FloatField(null=True, help_text="from the start of the run that this ping ended")
    heard = models.BooleanField(default=False)

    class Meta:
        indexes = [
            # a monitor's pings, newest first; how many of late
            models.Index(fields=["monitor", "-at", "-id"], name="heartbeats_pings"),
            # the turn: what is new
            models.Index(fields=["monitor"], name="heartbeats_unheard", condition=Q(heard=False)),
            # housekeeping
            models.Index(fields=["at"], name="heartbeats_pings_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.word} {self.at:%Y-%m-%d %H:%M:%S}"

    def as_rule(self) -> Heard:
        return Heard(self.at, Word(self.word), self.exit_code, self.run.hex if self.run else "")


class Heartbeat(models.Model):
    """The stored form of ``rules.Beat``; a job has one as soon as it has been heard of."""

    monitor = models.OneToOneField(Monitor, primary_key=True, on_delete=models.CASCADE, related_name="heartbeat")
    anchor = models.DateTimeField(null=True, help_text="from when the next ping is counted")
    deadline = models.DateTimeField(null=True, help_text="when something has to be decided next")
    word = models.CharField(max_length=10, null=True)
    told_at = models.DateTimeField(null=True, help_text="the slot of the last result")
    runs = models.JSONField(default=list, help_text="id and start of the runs under way")
    config_version = models.PositiveIntegerField(help_text="of the monitor, when it was last looked at")

    class Meta:
        indexes = [
            # the turn: whose time is up
            models.Index(fields=["deadline"], name="heartbeats_by_deadline"),
        ]

    def __str__(self) -> str:
        return f"heartbeat of {self.monitor_id}"

    def as_rule(self) -> Beat:
        return Beat(
            anchor=self.anchor,
            runs=tuple(Run(run, datetime.fromisoformat(began)) for run, began in self.runs),
            word=Outcome(self.word) if self.word else None,
            told_at=self.told_at,
        )

    @classmethod
    def of(cls, monitor: Monitor, beat: Beat, *, deadline: datetime | None) -> Heartbeat:
        return cls(
            monitor=monitor,
            anchor=beat.anchor,
            deadline=deadline,
            word=beat.word,
            told_at=beat.told_at,
            runs=[[run.id, run.began.isoformat()] for run in beat.runs],
            config_version=monitor.config_version,
        )


class Ear(models.Model):
    """Somebody who would hear a ping: the web servers together, or, where those do not say, the scheduler."""

    name = models.CharField(primary_key=True, max_length=20)
    since = models.DateTimeField(help_text="listening without a break")
    last = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} since {self.since:%Y-%m-%d %H:%M:%S}"
