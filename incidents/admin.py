"""Incidents for operators: to look at; they are made and closed by rules alone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from incidents.models import Correction, Incident, IncidentEvent, RegionTrouble


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
    fields = ["kind", "happened_at", "actor", "note"]


@admin.register(Incident)
class IncidentAdmin(ReadOnly, admin.ModelAdmin[Incident]):
    list_display = ["monitor", "started_at", "confirmed_at", "resolved_at", "flapping"]
    list_filter = [("resolved_at", admin.EmptyFieldListFilter), "flapping", "started_at"]
    list_select_related = ["monitor"]
    search_fields = ["monitor__name", "monitor__id", "cause"]
    inlines = [EventInline]
    show_full_result_count = False


@admin.register(RegionTrouble)
class RegionTroubleAdmin(ReadOnly, admin.ModelAdmin[RegionTrouble]):
    list_display = ["region", "began_at", "noticed_at", "well_at", "failing", "looked", "sites"]
    list_filter = [("well_at", admin.EmptyFieldListFilter), "region"]


@admin.register(Correction)
class CorrectionAdmin(ReadOnly, admin.ModelAdmin[Correction]):
    list_display = ["monitor", "kind", "starts_at", "ends_at", "actor", "why"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["monitor", "actor"]
    search_fields = ["monitor__name", "why"]
    show_full_result_count = False
