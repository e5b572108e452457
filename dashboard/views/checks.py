"""The checks of one monitor: the list, one of them, and files to take away."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import slugify
from django.utils.translation import gettext as _

from dashboard.selectors import checks
from dashboard.selectors.checks import Filters, is_code
from dashboard.selectors.periods import in_address
from dashboard.views.monitors import MonitorView
from dashboard.words import STATUSES
from monitors.rules import Status

LATEST_S = 253_402_300_799 - 10**9
"""Seconds since the epoch that a clock may still show."""


class CheckList(MonitorView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        """``?region= &outcome= &from= &to= &cursor=``."""
        monitor = self.monitor
        found = checks.check_list(monitor, Filters.read(request.GET))
        known = dict.fromkeys([*monitor.regions, *monitor.voters, *filter(None, [found.filters.region])])
        return self.show(
            "dashboard/checks.html",
            monitor=monitor,
            list=found,
            regions=list(known),
            outcomes=[(outcome.value, STATUSES[Status(outcome)]) for outcome in checks.OUTCOMES],
            most=checks.MOST_EXPORTED,
        )


class CheckPage(MonitorView):
    def get(self, request: HttpRequest, *, region: str, slot: int, **__: Any) -> HttpResponse:
        page = checks.check_page(self.monitor, region=region, slot=moment(slot)) if is_code(region) else None
        if page is None:
            raise Http404
        return self.show("dashboard/check.html", monitor=self.monitor, page=page, result=page.result)


def moment(seconds: int) -> datetime:
    """Raises ``Http404`` for what is no time."""
    if not 0 <= seconds <= LATEST_S:
        raise Http404
    return datetime.fromtimestamp(seconds, UTC)


class CheckAt(MonitorView):
    """From a place in the chart to what was checked then: ``?region= &at=<epoch> &step=<seconds>``."""

    def get(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        query = request.GET
        try:
            since, step_s = moment(int(query.get("at", ""))), int(query.get("step", ""))
        except ValueError:
            return redirect("checks", pk=self.monitor.pk)
        until = since + timedelta(seconds=min(max(step_s, 1), 86_400))
        asked = {
            "from": in_address(since),
            "to": in_address(until),
            "region": query.get("region", ""),
        }
        found = checks.first_two(self.monitor, Filters.read(asked).wanted)
        if len(found) == 1:
            return redirect(checks.address_of(found[0]))
        return redirect(f"{reverse('checks', kwargs={'pk': self.monitor.pk})}?{urlencode(asked)}")


class Export(MonitorView):
    """The filtered checks as a file, written while it is read."""

    form: str
    content_type: str

    def get(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        filters = Filters.read(request.GET.dict() | {"cursor": ""})
        back = redirect(f"{reverse('checks', kwargs={'pk': self.monitor.pk})}?{request.GET.urlencode()}")
        if filters.problems:
            return back
        if checks.is_too_much(self.monitor, filters.wanted):
            told = _("More than %(most)d checks: choose a shorter time, or one region.")
            messages.error(request, told % {"most": checks.MOST_EXPORTED})
            return back
        rows = checks.exported(self.monitor, filters.wanted)
        name = f"{slugify(self.monitor.name)[:60] or 'monitor'}-checks.{self.form}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
        return StreamingHttpResponse(self.written(rows), content_type=self.content_type, headers=headers)

    def written(self, rows: Iterator[dict[str, Any]]) -> Iterator[str]:
        raise NotImplementedError


class _Line:
    """What csv writes to: each line is handed on at once."""

    def write(self, text: str) -> str:
        return text


class ExportCsv(Export):
    form, content_type = "csv", "text/csv; charset=utf-8"

    def written(self, rows: Iterator[dict[str, Any]]) -> Iterator[str]:
        writer = csv.writer(_Line())
        yield writer.writerow(checks.COLUMNS)
        for row in rows:
            yield writer.writerow([checks.cell(value) for value in row.values()])


class ExportJson(Export):
    form, content_type = "json", "application/json"

    def written(self, rows: Iterator[dict[str, Any]]) -> Iterator[str]:
        about = {"id": str(self.monitor.pk), "name": self.monitor.name}
        yield f'{{"monitor":{json.dumps(about)},"checks":['
        for number, row in enumerate(rows):
            yield f"{',' if number else ''}\n{json.dumps(row)}"
        yield "\n]}\n"
