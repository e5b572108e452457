"""Windows for operators."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.desk import Told
from maintenance import services
from maintenance.models import Window

PLANNED = (
    *("team", "everything", "tags", "chosen", "day", "time", "minutes", "zone", "rule", "pauses_checks"),
    *("counts_as_uptime", "next_starts", "next_ends", "created_by", "created_at"),
)


@admin.register(Window)
class WindowAdmin(Told, admin.ModelAdmin[Window]):
    list_display = ["title", "team", "next_starts", "next_ends", "zone", "rule", "pauses_checks"]
    list_filter = ["pauses_checks", "everything"]
    list_select_related = ["team"]
    search_fields = ["title", "team__name"]
    # What is planned changes through the API and the pages, whose rules the admin's form does not know.
    fields = ("title", "note", *PLANNED)
    readonly_fields = PLANNED
    actions = ["stop"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="End what is under way", permissions=["change"])
    def stop(self, request: HttpRequest, chosen: QuerySet[Window]) -> None:
        now = timezone.now()
        ended = [services.stop(window) for window in chosen if window.is_under_way(now)]
        self.message_user(request, f"{len(ended)} windows are ended.")
