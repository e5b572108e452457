"""Incidents for operators: to look at; they are made and closed by rules alone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from incidents.models import Incident, IncidentEvent


class ReadOnly:
    """Nobody adds, changes or deletes these by hand."""

    def has_add_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return False


class EventInline(ReadOnly, admin.TabularInline[IncidentEvent, Incident]):
    model = IncidentEvent
    fields = ["kind", "happened_at", "note"]


@admin.register(Incident)
class IncidentAdmin(ReadOnly, admin.ModelAdmin[Incident]):
    list_display = ["monitor", "started_at", "confirmed_at", "resolved_at"]
    list_filter = [("resolved_at", admin.EmptyFieldListFilter), "started_at"]
    list_select_related = ["monitor"]
    search_fields = ["monitor__name", "monitor__id", "cause"]
    inlines = [EventInline]
    show_full_result_count = False
