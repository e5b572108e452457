"""Monitors and regions for operators."""

from django.contrib import admin
from django.http import HttpRequest

from monitors.models import Monitor, Region, RegionEvent


@admin.register(Region)
class RegionAdmin(admin.ModelAdmin[Region]):
    list_display = ["code", "name", "state", "enabled", "by_hand", "offline_since", "ordinal"]
    readonly_fields = ["offline_since"]
    list_filter = ["enabled"]
    search_fields = ["code", "name"]


@admin.register(RegionEvent)
class RegionEventAdmin(admin.ModelAdmin[RegionEvent]):
    list_display = ["happened_at", "region", "kind", "note"]
    list_filter = ["region", "kind"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: RegionEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RegionEvent | None = None) -> bool:
        return False


@admin.register(Monitor)
class MonitorAdmin(admin.ModelAdmin[Monitor]):
    list_display = ["name", "team", "kind", "url", "interval", "status", "status_since", "paused"]
    list_filter = ["status", "kind", "paused"]
    list_select_related = ["team"]
    search_fields = ["name", "id", "spec", "team__name"]
    # What is checked changes through the API and the pages, whose rules the admin's form does not know.
    readonly_fields = [
        "team",
        "kind",
        "spec",
        "interval",
        "timeout",
        "regions",
        "policy",
        "paused",
        "id",
        "phase",
        "config_version",
        "wanted_at",
        "status",
        "status_since",
        "status_reason",
        "created_at",
    ]
    raw_id_fields = ["team"]
    show_full_result_count = False
