"""Messages and channels for operators: to look at, and to send dead ones again. Secrets are shown nowhere."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.desk import HeavyAdmin, ReadOnly, among, as_uuid, in_team_of
from alerts.models import Attempt, Channel, Delivery
from alerts.notifiers import NOTIFIERS
from alerts.rules import State
from alerts.services import upkeep


class AttemptInline(ReadOnly, admin.TabularInline[Attempt, Delivery]):
    model = Attempt
    fields = ["number", "at", "duration_ms", "ok", "status", "reason", "answer"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, HeavyAdmin[Delivery]):
    list_display = ["subject", "channel", "state", "tries", "reason", "created_at", "next_at", "settled_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["channel"]
    search_help_text = "the id of a delivery, of a channel or of a team"
    inlines = [AttemptInline]
    actions = ["redrive"]

    def find(self, term: str) -> Q | None:
        key = as_uuid(term)
        return Q(pk=key) | Q(channel=key) | Q(team=key) if key else None

    @admin.action(description="Send dead messages again", permissions=["view"])
    def redrive(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        now = timezone.now()
        again = sum(upkeep.redrive(one, now=now) for one in chosen.filter(state=State.DEAD))
        self.message_user(request, f"{again} messages are sent again.")


@admin.register(Channel)
class ChannelAdmin(ReadOnly, HeavyAdmin[Channel]):
    list_display = ["name", "team", "kind", "enabled", "health", "failures", "broken_since", "last_error"]
    list_filter = [
        among("kind", lambda: [(kind, kind) for kind in NOTIFIERS]),
        "enabled",
        ("broken_since", admin.EmptyFieldListFilter),
    ]
    list_select_related = ["team"]
    search_help_text = "the id of a channel or of a team, or the e-mail address of one of its members"
    exclude = ["sealed"]

    def find(self, term: str) -> Q | None:
        key = as_uuid(term)
        return Q(pk=key) | Q(team=key) if key else in_team_of(term)
