"""What the pages know and the other parts of the API do not tell, as the API gives and takes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.schema import example
from common.serializers import ChoiceField, StrictSerializer, TextField
from dashboard.filters import Filters
from dashboard.models import SavedView
from dashboard.selectors.chart import Chart, Times
from monitors.kinds import SPECS
from monitors.serializers import MonitorMatch

# --- views that people keep ---


class ViewMatch(MonitorMatch):
    kind = ChoiceField(list(SPECS), required=False)  # type: ignore[assignment]  # fewer words than there
    failed = serializers.BooleanField(required=False, help_text="something failed in the last 24 hours")
    shadow = serializers.BooleanField(required=False, help_text="in shadow")


@example({"name": "Shop is down", "match": {"status": ["down", "partial"], "tag": ["shop"]}})
class ViewInput(StrictSerializer):
    name = TextField(max_length=60)
    match = ViewMatch(required=False, help_text="the same filters as of the list; {} is every monitor")
    is_first = serializers.BooleanField(required=False, help_text="opened when the person comes in")


class ViewOutput(serializers.ModelSerializer[SavedView]):
    match = serializers.SerializerMethodField()

    class Meta:
        model = SavedView
        fields = ["id", "name", "match", "is_first"]
        read_only_fields = fields

    @extend_schema_field(ViewMatch)
    def get_match(self, view: SavedView) -> dict[str, Any]:
        return match_of(Filters.parse(QueryDict(view.query.removeprefix("?"))))


def filters_of(match: Mapping[str, Any]) -> Filters:
    return Filters.of(
        search=match.get("search", ""),
        statuses=match.get("status", ()),
        kind=match.get("kind", ""),
        regions=match.get("region", ()),
        tags=match.get("tag", ()),
        failed=match.get("failed", False),
        shadow=match.get("shadow", False),
    )


def match_of(filters: Filters) -> dict[str, Any]:
    """The reverse of ``filters_of``, without what is not filtered by."""
    told = {
        "search": filters.search,
        "status": list(filters.statuses),
        "kind": filters.kind,
        "region": list(filters.regions),
        "tag": list(filters.tags),
        "failed": filters.failed,
        "shadow": filters.shadow,
    }
    return {name: value for name, value in told.items() if value}


# --- one monitor ---


class TimesOutput(serializers.Serializer[Any]):
    """Milliseconds: half of the checks were at least as quick, 95 % and 99 % of them, and the extremes."""

    p50 = serializers.FloatField()
    p95 = serializers.FloatField()
    p99 = serializers.FloatField()
    fastest = serializers.FloatField()
    slowest = serializers.FloatField()


class PointOutput(TimesOutput):
    at = serializers.DateTimeField(help_text="when the step begins")


class LineOutput(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="the region, or the phase")
    whole = TimesOutput(allow_null=True, help_text="of the period as one; null where no check passed")
    points = PointOutput(many=True, help_text="oldest first; steps in which no check passed are left out")


class BandOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["down", "maintenance"])
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="null while it goes on")
    incident = serializers.UUIDField(allow_null=True)


class SeriesOutput(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    step_s = serializers.IntegerField(help_text="how long a step is")
    exact = serializers.BooleanField(help_text="from single results, and not from sums with classes of latency")
    lines = LineOutput(many=True)
    bands = BandOutput(many=True, help_text="outages and planned work, in the order of time")


def series_of(chart: Chart) -> dict[str, Any]:
    lines = [
        {
            "key": line.key,
            "whole": _times(line.whole),
            "points": [
                {"at": datetime.fromtimestamp(at, UTC), **times._asdict()}
                for at, times in zip(chart.times, line.steps, strict=True)
                if times
            ],
        }
        for line in chart.lines
    ]
    told = {
        "since": chart.period.since,
        "until": chart.period.until,
        "step_s": chart.step_s,
        "exact": chart.exact,
        "lines": lines,
        "bands": chart.bands,
    }
    return dict(SeriesOutput(told).data)


def _times(times: Times | None) -> dict[str, float] | None:
    return times._asdict() if times else None


class WordOutput(serializers.Serializer[Any]):
    """What one region has to say of a monitor."""

    region = serializers.CharField(source="code")
    outcome = serializers.CharField(source="state.outcome", allow_null=True, help_text="its last word; null: none yet")
    reason = serializers.CharField(source="state.reason", allow_null=True)
    message = serializers.CharField(source="state.message")
    streak = serializers.IntegerField(source="state.streak", help_text="so often in a row")
    since = serializers.DateTimeField(source="state.since", allow_null=True, help_text="the first of these")
    slot = serializers.DateTimeField(source="state.slot", allow_null=True, help_text="the last of these")
    silence = serializers.CharField(
        source="state.silence", allow_null=True, help_text="why its latest check told nothing, if it did not"
    )
    asked = serializers.BooleanField(help_text="a check that somebody waits for is on its way")
    next_at = serializers.DateTimeField(allow_null=True, help_text="when it looks next; null while it does not")


class UptimeOutput(serializers.Serializer[Any]):
    window = serializers.CharField(source="name")
    uptime = serializers.FloatField(allow_null=True, help_text="the share of known time; null where nothing is known")
    coverage = serializers.FloatField(allow_null=True, help_text="the share of all time that is known")
