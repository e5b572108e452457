"""The ledger, the figures and the workers for operators. Results are shown with their monitor's figures: the table of
results itself is far too large to list."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.desk import HeavyAdmin, ReadOnly, as_uuid
from accounts.models import Team, User
from checks.models import CheckBatch, MonitorStats, RegionWorker
from checks.selectors.figures import stats_by_monitor
from checks.selectors.results import Wanted, newest_results
from checks.services import ledger
from incidents.models import Incident
from monitors.admin import RegionFilter
from monitors.models import Monitor

SHOWN_RESULTS = 100
SHOWN_MONITORS = 200

logger = logging.getLogger(__name__)


@admin.register(CheckBatch)
class CheckBatchAdmin(ReadOnly, HeavyAdmin[CheckBatch]):
    list_display = ["id", "region", "lane", "state", "attempt", "stored", "created_at", "sent_at"]
    list_filter = ["state", RegionFilter, "lane"]
    search_help_text = "the beginning of the id of a batch"
    ordering = ["-created_at"]
    actions = ["redrive"]

    def find(self, term: str) -> Q | None:
        return Q(pk__startswith=term)

    @admin.action(description="Check the monitors of dead batches again, now", permissions=["view"])
    def redrive(self, request: HttpRequest, chosen: QuerySet[CheckBatch]) -> None:
        asked = ledger.redrive(chosen.filter(state=CheckBatch.State.DEAD))
        self.message_user(request, f"{asked} monitors are checked again from all their regions.")


@admin.register(MonitorStats)
class MonitorStatsAdmin(ReadOnly, HeavyAdmin[MonitorStats]):
    list_display = ["monitor", "uptime_1h", "uptime_24h", "uptime_30d", "coverage_24h", "refreshed_at"]
    list_select_related = ["monitor"]
    search_help_text = "the id of a monitor"
    readonly_fields = ["results"]
    change_list_template = "admin/checks/figures.html"

    def find(self, term: str) -> Q | None:
        key = as_uuid(term)
        return Q(pk=key) if key else None

    def get_urls(self) -> list[Any]:
        support = path("team/", self.admin_site.admin_view(self.look_at_team), name="checks_team")
        return [support, *super().get_urls()]

    def look_at_team(self, request: HttpRequest) -> HttpResponse:
        """A team's monitors as its members see them, for whoever helps: read, and nothing else.

        Nobody is signed in as somebody else for it, secrets are masked, and the log says who looked.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        term = request.GET.get("q", "").strip()
        team = _team(term)
        monitors = list(Monitor.objects.for_team(team).order_by("name", "pk")[:SHOWN_MONITORS]) if team else []
        if team:
            logger.info("Support view of team %s by %s", team.pk, request.user.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": str(team) if team else "Look at a team",
            "term": term,
            "team": team,
            "figures": list(stats_by_monitor(monitors).values()),
            "open": Incident.objects.open().filter(monitor__in=monitors).in_bulk(field_name="id").values(),
            "most": SHOWN_MONITORS,
        }
        return render(request, "admin/checks/team.html", context)

    @admin.display(description=f"last {SHOWN_RESULTS} results")
    def results(self, stats: MonitorStats) -> SafeString:
        rows = newest_results(stats.monitor, Wanted(), limit=SHOWN_RESULTS)
        return format_html_join(
            "",
            "<div>{} {} {} {} {}</div>",
            ((f"{row.slot:%Y-%m-%d %H:%M:%S}", row.region, row.outcome, row.reason or "", row.message) for row in rows),
        )


@admin.register(RegionWorker)
class RegionWorkerAdmin(ReadOnly, admin.ModelAdmin[RegionWorker]):
    list_display = ["region", "worker", "version", "concurrency", "clock_offset_s", "last_seen", "last_batch_at"]
    list_filter = [RegionFilter]


def _team(term: str) -> Team | None:
    """By its id, or by the address of a member."""
    if key := as_uuid(term):
        return Team.objects.filter(pk=key).first()
    return Team.objects.filter(memberships__user__email=User.objects.clean_email(term)).order_by("pk").first()
