"""The ledger, the figures and the workers for operators. Results are shown with their monitor's figures: the table of
results itself is far too large to list."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from checks import selectors
from checks.models import CheckBatch, MonitorStats, RegionWorker
from checks.services import ledger
from incidents.admin import ReadOnly

SHOWN_RESULTS = 100


@admin.register(CheckBatch)
class CheckBatchAdmin(ReadOnly, admin.ModelAdmin[CheckBatch]):
    list_display = ["id", "region", "lane", "state", "attempt", "stored", "created_at", "sent_at"]
    list_filter = ["state", "region", "lane"]
    search_fields = ["id"]
    show_full_result_count = False
    actions = ["redrive"]

    @admin.action(description="Check the monitors of dead batches again, now", permissions=["view"])
    def redrive(self, request: HttpRequest, chosen: QuerySet[CheckBatch]) -> None:
        asked = ledger.redrive(chosen.filter(state=CheckBatch.State.DEAD))
        self.message_user(request, f"{asked} monitors are checked again from all their regions.")


@admin.register(MonitorStats)
class MonitorStatsAdmin(ReadOnly, admin.ModelAdmin[MonitorStats]):
    list_display = ["monitor", "uptime_1h", "uptime_24h", "uptime_30d", "coverage_24h", "refreshed_at"]
    list_select_related = ["monitor"]
    search_fields = ["monitor__name", "monitor__id"]
    readonly_fields = ["results"]
    show_full_result_count = False

    @admin.display(description=f"last {SHOWN_RESULTS} results")
    def results(self, stats: MonitorStats) -> SafeString:
        rows = selectors.newest_results(stats.monitor, selectors.Wanted(), limit=SHOWN_RESULTS)
        return format_html_join(
            "",
            "<div>{} {} {} {} {}</div>",
            ((f"{row.slot:%Y-%m-%d %H:%M:%S}", row.region, row.outcome, row.reason or "", row.message) for row in rows),
        )


@admin.register(RegionWorker)
class RegionWorkerAdmin(ReadOnly, admin.ModelAdmin[RegionWorker]):
    list_display = ["region", "worker", "version", "concurrency", "clock_offset_s", "last_seen", "last_batch_at"]
    list_filter = ["region"]
