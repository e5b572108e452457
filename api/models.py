"""What a request with an ``Idempotency-Key`` was answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models.functions import Now

KEPT_FOR_H = 24


class KeptAnswerQuerySet(models.QuerySet["KeptAnswer"]):
    def too_old(self, now: datetime) -> Self:
        return self.filter(created_at__lt=now - timedelta(hours=KEPT_FOR_H))


class KeptAnswer(models.Model):
    """The answer to a POST, for whoever sends it again because the answer was lost on its way.

    Written in the same transaction as what the request did: where there is no row, nothing was done.
    """

    name = models.CharField(max_length=64, primary_key=True, help_text="digest of the caller and the key")
    asked = models.CharField(max_length=64, help_text="digest of method, address and body")
    status = models.PositiveSmallIntegerField(null=True, help_text="null while it is being done")
    content_type = models.CharField(max_length=100, default="")
    sealed = models.TextField(default="", help_text="the body, encrypted; empty where it held a secret or was large")
    shown_once = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    objects = KeptAnswerQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
