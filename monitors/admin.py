"""Monitors and regions for operators."""

from django.contrib import admin

from monitors.models import Monitor, Region


@admin.register(Region)
class RegionAdmin(admin.ModelAdmin[Region]):
    list_display = ["code", "name", "enabled", "ordinal"]
    list_filter = ["enabled"]
    search_fields = ["code", "name"]


@admin.register(Monitor)
class MonitorAdmin(admin.ModelAdmin[Monitor]):
    list_display = ["name", "team", "kind", "url", "interval", "status", "status_since", "paused"]
    list_filter = ["status", "kind", "paused"]
    list_select_related = ["team"]
    search_fields = ["name", "id", "spec", "team__name"]
    readonly_fields = [
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
