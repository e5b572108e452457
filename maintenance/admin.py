"""Windows for operators."""

from __future__ import annotations

from django.contrib import admin

from accounts.desk import Told
from maintenance.models import Window


@admin.register(Window)
class WindowAdmin(Told, admin.ModelAdmin[Window]):
    list_display = ["title", "team", "next_starts", "next_ends", "zone", "rule", "pauses_checks"]
    list_filter = ["pauses_checks", "everything"]
    list_select_related = ["team"]
    search_fields = ["title", "team__name"]
    raw_id_fields = ["team", "monitors"]
    readonly_fields = ["next_starts", "next_ends", "created_by", "created_at"]
    show_full_result_count = False
