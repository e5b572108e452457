"""Monitors and regions for operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.desk import HeavyAdmin, ReadOnly, among, as_uuid, in_team_of
from monitors import services
from monitors.kinds import SPECS
from monitors.models import Monitor, Region, RegionEvent

LONGEST_SEARCH = "3s"
MOST_FOUND = 200


RegionFilter = among("region", lambda: Region.objects.values_list("code", "name"))
KindFilter = among("kind", lambda: [(kind, kind) for kind in SPECS])


@admin.register(Region)
class RegionAdmin(admin.ModelAdmin[Region]):
    """A region is switched by its actions: they also rearrange who stands in for whom."""

    list_display = ["code", "name", "state", "enabled", "by_hand", "offline_since", "ordinal"]
    readonly_fields = ["code", "enabled", "by_hand", "draining", "offline_since", "ordinal"]
    list_filter = ["enabled"]
    search_fields = ["code", "name"]
    actions = ["disable", "drain", "enable"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

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
class MonitorAdmin(HeavyAdmin[Monitor]):
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

    def find(self, term: str) -> Q | None:
        key = as_uuid(term)
        if key:
            return Q(pk=key) | Q(team=key)
        return in_team_of(term) or Q(pk__in=_called(term))

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, chosen: QuerySet[Monitor]) -> None:
        self.message_user(request, f"{len([services.pause(monitor) for monitor in chosen])} monitors are paused.")

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Monitor]) -> None:
        self.message_user(request, f"{len([services.resume(monitor) for monitor in chosen])} monitors are resumed.")


def _called(part: str) -> list[Any]:
    """Monitors with this in their name or address. Nothing helps to find them, so it takes a bounded time."""
    found = Monitor.objects.filter(Q(name__icontains=part) | Q(spec__url__icontains=part)).order_by()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST_SEARCH}'")
            keys = list(found.values_list("pk", flat=True)[:MOST_FOUND])
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError:
        return []
    return keys
