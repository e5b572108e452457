"""Incidents for operators: to look at; they are made and closed by rules alone."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q

from accounts.desk import HeavyAdmin, ReadOnly, as_uuid
from incidents.models import Correction, Incident, IncidentEvent, RegionTrouble
from monitors.admin import RegionFilter


class EventInline(ReadOnly, admin.TabularInline[IncidentEvent, Incident]):
    model = IncidentEvent
    fields = ["kind", "happened_at", "actor", "note"]


@admin.register(Incident)
class IncidentAdmin(ReadOnly, HeavyAdmin[Incident]):
    list_display = ["monitor", "started_at", "confirmed_at", "resolved_at", "flapping"]
    list_filter = [("resolved_at", admin.EmptyFieldListFilter), "flapping", "started_at"]
    list_select_related = ["monitor"]
    search_help_text = "the id of an incident or of a monitor"
    inlines = [EventInline]

    def find(self, term: str) -> Q | None:
        key = as_uuid(term)
        return Q(monitor=key) | Q(pk=key) if key else None


@admin.register(RegionTrouble)
class RegionTroubleAdmin(ReadOnly, admin.ModelAdmin[RegionTrouble]):
    list_display = ["region", "began_at", "noticed_at", "well_at", "failing", "looked", "sites"]
    list_filter = [("well_at", admin.EmptyFieldListFilter), RegionFilter]


@admin.register(Correction)
class CorrectionAdmin(ReadOnly, HeavyAdmin[Correction]):
    list_display = ["monitor", "kind", "starts_at", "ends_at", "actor", "why"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["monitor", "actor"]
    search_help_text = "the id of a monitor"

    def find(self, term: str) -> Q | None:
        key = as_uuid(term)
        return Q(monitor=key) if key else None
