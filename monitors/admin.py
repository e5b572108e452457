"""Monitors and regions for operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts import audit
from accounts.desk import HeavyAdmin, ReadOnly, Told, among, as_uuid, found_in_time, in_team_of
from monitors import services
from monitors.kinds import SPECS
from monitors.models import Monitor, Region, RegionEvent

RegionFilter = among("region", lambda: Region.objects.values_list("code", "name"))
KindFilter = among("kind", lambda: [(kind, kind) for kind in SPECS])


@admin.register(Region)
class RegionAdmin(Told):
    """A region is switched by its actions: they also rearrange who stands in for whom."""

    list_display = ["code", "name", "state", "enabled", "by_hand", "offline_since", "ordinal"]
    readonly_fields = ["code", "enabled", "by_hand", "draining", "offline_since", "ordinal"]
    list_filter = ["enabled"]
    search_fields = ["code", "name"]
    actions = ["disable", "drain", "enable"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Region | None = None) -> bool:
        """None is forgotten: what was stored names it."""
        return False

    def tell(self, thing: Region, verb: str, **facts: Any) -> None:
        audit.operated(thing, verb, **facts)

    @admin.action(description="Disable: no checks, and no voice", permissions=["change"])
    def disable(self, request: HttpRequest, chosen: QuerySet[Region]) -> None:
        self._each(request, chosen, services.disable_region)

    @admin.action(description="Drain: no new checks", permissions=["change"])
    def drain(self, request: HttpRequest, chosen: QuerySet[Region]) -> None:
        self._each(request, chosen, services.drain_region)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, chosen: QuerySet[Region]) -> None:
        self._each(request, chosen, services.enable_region)

    def _each(self, request: HttpRequest, chosen: QuerySet[Region], act: Callable[[str], Region]) -> None:
        for code in chosen.values_list("code", flat=True):
            try:
                self.message_user(request, f"{code} is {act(code).state} now.")
            except ValidationError as error:
                self.message_user(request, "; ".join(error.messages), messages.ERROR)


@admin.register(RegionEvent)
class RegionEventAdmin(ReadOnly, admin.ModelAdmin[RegionEvent]):
    list_display = ["happened_at", "region", "kind", "note"]
    list_filter = [RegionFilter, "kind"]
    show_full_result_count = False


@admin.register(Monitor)
class MonitorAdmin(Told, HeavyAdmin[Monitor]):
    list_display = ["name", "team", "kind", "url", "interval", "status", "status_since", "paused"]
    list_filter = ["status", KindFilter, "paused"]
    list_select_related = ["team"]
    search_help_text = (
        "the id of a monitor or of a team, the e-mail address of a member, or a part of a name or an address"
    )
    actions = ["pause", "resume"]
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Monitor | None = None) -> bool:
        """It is the team's; whoever must stop it pauses it."""
        return False

    def find(self, term: str) -> Q | None:
        key = as_uuid(term)
        if key:
            return Q(pk=key) | Q(team=key)
        called = Monitor.objects.filter(Q(name__icontains=term) | Q(spec__url__icontains=term))
        return in_team_of(term) or found_in_time(called)

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, chosen: QuerySet[Monitor]) -> None:
        self.message_user(request, f"{len([services.pause(monitor) for monitor in chosen])} monitors are paused.")

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Monitor]) -> None:
        self.message_user(request, f"{len([services.resume(monitor) for monitor in chosen])} monitors are resumed.")
