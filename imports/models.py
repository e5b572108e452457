"""Which monitor of ours stands for which of another tool, and imports that wait for a yes."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Self

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import models

from accounts.models import Team
from imports.plain import Export
from monitors import secrets
from monitors.models import Monitor

WAITS = timedelta(hours=1)
"""So long a preview may be answered."""


class ImportedObjectQuerySet(models.QuerySet["ImportedObject"]):
    def of(self, team: Team, source: str, origin: str) -> Self:
        return self.filter(team=team, source=source, origin=origin)


class ImportedObject(models.Model):
    """A thing of another tool and the monitor that was made of it: what makes the second import an update.

    ``origin`` tells several installations of the same tool apart, whose ids would meet; it is empty for most.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=20)
    origin = models.CharField(max_length=60, blank=True)
    foreign_id = models.CharField(max_length=500)
    monitor = models.ForeignKey(Monitor, on_delete=models.CASCADE, related_name="imported_from")
    imported_at = models.DateTimeField(help_text="when a file last said something of it")

    objects = ImportedObjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "source", "origin", "foreign_id"], name="imports_one_of_each")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.foreign_id}"


class ImportDraft(models.Model):
    """An import that was previewed on a page and waits for a yes. Encrypted: exports hold passwords."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=20)
    origin = models.CharField(max_length=60, blank=True)
    shadow = models.BooleanField(default=True)
    sealed = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="imports_drafts_by_age")]

    def __str__(self) -> str:
        return f"{self.source} of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def export(self) -> Export | None:
        """None where the keys have changed since."""
        try:
            data: dict[str, Any] = secrets.unseal(self.sealed)
        except InvalidToken:
            return None
        return Export.of(data)
