"""What people see on pages and programs would miss: views that are kept, times over time, a region's word.

It is here and not with the monitors because the pages' own selectors answer it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.rules import Role
from accounts.selectors import membership_of
from checks.selectors.figures import stats_of
from common.schema import query
from common.serializers import read_body
from common.spans import Span
from dashboard.models import SavedView
from dashboard.selectors.chart import Measure, chart
from dashboard.selectors.monitor import region_words, windows
from dashboard.selectors.periods import period_of
from dashboard.serializers import (
    SeriesOutput,
    UptimeOutput,
    ViewInput,
    ViewOutput,
    WordOutput,
    filters_of,
    series_of,
)
from dashboard.services import change_view, save_view
from monitors.api import monitor_of

# --- one monitor ---


class MonitorSeries(APIView):
    @extend_schema(
        parameters=[
            query("range", f"so far back from now; {Span.HOUR} unless said", one_of=Span),
            query("from", "the beginning, instead of a range; UTC where no zone is named", kind="date-time"),
            query("to", "the end, instead of a range; now unless said", kind="date-time"),
            query("phases", "the phases of this region's checks instead of a line for each region"),
        ],
        responses=SeriesOutput,
    )
    def get(self, request: Request, pk: UUID) -> Response:
        """Response times in equal steps, by region: percentiles of the checks that passed.

        A step is as long as the time asked for wants it: ten seconds and more where single results are kept, an hour or
        a day otherwise. Phases are ``dns``, ``connect``, ``tls``, ``first_byte`` and ``download``, of single results
        only: there are none where ``exact`` is false.
        """
        monitor, asked, now = monitor_of(request, pk), request.query_params, timezone.now()
        if asked.get("range", Span.HOUR) not in set(Span):
            raise ValidationError({"range": [f"must be one of {', '.join(Span)}"]})
        period = period_of(asked, now=now)
        if period.problems:
            raise ValidationError({name: [text] for name, text in period.problems.items()})
        phases_of = asked.get("phases", "")
        if phases_of and phases_of not in monitor.regions:
            raise ValidationError({"phases": [f"must be one of {', '.join(monitor.regions)}"]})
        return Response(series_of(chart(monitor, period, measure=Measure.HALF, phases_of=phases_of, now=now)))


class MonitorRegions(APIView):
    unpaged = True

    @extend_schema(responses=WordOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """What each region has to say at present, and when it looks next."""
        words = region_words(monitor_of(request, pk), now=timezone.now())
        return Response({"results": WordOutput(words, many=True).data})


class MonitorWindows(APIView):
    unpaged = True

    @extend_schema(responses=UptimeOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """Uptime from the last hour to the last year, and how much of each is known."""
        monitor = monitor_of(request, pk)
        found = windows(monitor, stats_of(monitor), now=timezone.now())
        return Response({"results": UptimeOutput(found, many=True).data})


# --- views that people keep ---


class OwnViews(APIView):
    needed_role = Role.VIEWER
    people_only = True

    def view_named(self, pk: UUID) -> SavedView:
        return get_object_or_404(SavedView.objects.of(membership_of(self.request.user)), pk=pk)


class ViewList(OwnViews):
    unpaged = True

    @extend_schema(responses=ViewOutput(many=True))
    def get(self, request: Request) -> Response:
        """The caller's own views of the team's monitors, by name."""
        found = SavedView.objects.of(membership_of(request.user))
        return Response({"results": ViewOutput(found, many=True).data})

    @extend_schema(request=ViewInput, responses={201: ViewOutput})
    def post(self, request: Request) -> Response:
        """Keep a view by a name. A name that is there already gets the new filters."""
        given = read_body(ViewInput, request)
        view = save_view(
            membership_of(request.user),
            name=given["name"],
            filters=filters_of(given.get("match", {})),
            is_first=given.get("is_first", False),
        )
        return Response(ViewOutput(view).data, status=status.HTTP_201_CREATED)


class ViewDetail(OwnViews):
    @extend_schema(responses=ViewOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One view."""
        return Response(ViewOutput(self.view_named(pk)).data)

    @extend_schema(request=ViewInput, responses=ViewOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change what is named."""
        view, given = self.view_named(pk), read_body(ViewInput, request, partial=True)
        changes: dict[str, Any] = {name: given[name] for name in ("name", "is_first") if name in given}
        if "match" in given:
            changes["filters"] = filters_of(given["match"])
        return Response(ViewOutput(change_view(membership_of(request.user), view, **changes)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Forget a view; the monitors are as they were."""
        self.view_named(pk).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
