"""What people keep of the pages for themselves."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models.functions import Lower

from accounts.models import Membership, Team, User


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def of(self, membership: Membership) -> Self:
        """A person's own in the team that they look at."""
        return self.filter(team=membership.team, user=membership.user_id)


class SavedView(models.Model):
    """A list of monitors that somebody opens again and again: filters by a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.TextField(blank=True, help_text="as dashboard.filters.Filters.query spells it; empty: all monitors")
    is_first = models.BooleanField(default=False, help_text="opened when the person comes in")

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = [Lower("name"), "id"]
        constraints = [
            models.UniqueConstraint("team", "user", Lower("name"), name="dashboard_view_by_name"),
            models.UniqueConstraint(
                fields=["team", "user"], condition=models.Q(is_first=True), name="dashboard_one_first_view"
            ),
        ]

    def __str__(self) -> str:
        return self.name
