"""By which key a file calls an object."""

from __future__ import annotations

from django.db import models

from accounts.models import Team


class ConfigKey(models.Model):
    """The object that stands under ``key`` in a team's file. What has no row here was made elsewhere.

    The keys of a status page's sections and components begin with that of the page: ``public/web``.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, help_text="the part of the file")
    key = models.CharField(max_length=130)
    object_id = models.UUIDField(help_text="of whatever table; a row whose object is gone counts for nothing")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "kind", "key"], name="config_one_object_by_key"),
            models.UniqueConstraint(fields=["team", "kind", "object_id"], name="config_one_key_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}.{self.key}"
