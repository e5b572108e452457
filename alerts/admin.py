"""Messages and channels for operators: to look at, and to send dead ones again. Secrets are shown nowhere."""

from __future__ import annotations

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

from alerts.models import Attempt, Channel, Delivery
from alerts.rules import State
from alerts.services import upkeep
from incidents.admin import ReadOnly

MOST_COUNTED = 10_000


class UncountedPaginator(Paginator[Delivery]):
    """Counts as far as anybody leafs: a table of messages is too long to count."""

    object_list: QuerySet[Delivery]

    @cached_property
    def count(self) -> int:
        return len(self.object_list.order_by().values_list("pk", flat=True)[:MOST_COUNTED])


class AttemptInline(ReadOnly, admin.TabularInline[Attempt, Delivery]):
    model = Attempt
    fields = ["number", "at", "duration_ms", "ok", "status", "reason", "answer"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, admin.ModelAdmin[Delivery]):
    list_display = ["subject", "channel", "state", "tries", "reason", "created_at", "next_at", "settled_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["channel"]
    search_fields = ["=id", "=channel__id", "thread"]
    ordering = ["-created_at"]
    inlines = [AttemptInline]
    show_full_result_count = False
    paginator = UncountedPaginator
    actions = ["redrive"]

    @admin.action(description="Send dead messages again", permissions=["view"])
    def redrive(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        now = timezone.now()
        again = sum(upkeep.redrive(one, now=now) for one in chosen.filter(state=State.DEAD))
        self.message_user(request, f"{again} messages are sent again.")


@admin.register(Channel)
class ChannelAdmin(ReadOnly, admin.ModelAdmin[Channel]):
    list_display = ["name", "team", "kind", "enabled", "health", "failures", "broken_since", "last_error"]
    list_filter = ["kind", "enabled", ("broken_since", admin.EmptyFieldListFilter)]
    list_select_related = ["team"]
    search_fields = ["name", "=id", "team__name"]
    exclude = ["sealed"]
    show_full_result_count = False
