"""``/api/results``, ``/api/site-stats``, ``/api/monitoring``: what was found, and asking for more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.rules import Role
from accounts.selectors import membership_of, person_of
from checks.models import Fact
from checks.selectors.figures import stats_by_monitor, stats_of
from checks.selectors.health import health, monitoring_status
from checks.selectors.results import Wanted, evidence_of, latest_results, newest_results, one_result
from checks.serializers import (
    CheckingOutput,
    CleanupOutput,
    CorrectedOutput,
    CorrectionInput,
    CorrectionOutput,
    EvidenceOutput,
    FactOutput,
    HealthOutput,
    ResultDetailOutput,
    ResultOutput,
    StatsOutput,
    TrialInput,
    TrialOutput,
    TriggerOutput,
)
from checks.services import corrections, stats, storage, trial
from common.clock import database_now, read_moment
from common.paging import cut_page, page_by, read_cursor, read_id, read_limit
from common.schema import query
from common.serializers import read_body
from incidents import selectors as incident_selectors
from incidents.handling import corrections as handling
from incidents.models import Correction
from monitors import services as monitor_services
from monitors.api import monitor_of
from monitors.models import Monitor
from probes.contract import Outcome
from probes.sentences import say


class CheckingUnavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = say("The broker is away, so no region can be asked now; try again in a moment.")
    default_code = "broker_unavailable"


MAINTENANCE = "maintenance"  # the outcome of results during planned work that does not count


class ResultList(APIView):
    @extend_schema(
        parameters=[
            query("region", "from this region"),
            query("outcome", "with this outcome", one_of=(*Outcome, MAINTENANCE)),
            query("from", "due at this time or later", kind="date-time"),
            query("to", "due at this time or earlier", kind="date-time"),
        ],
        responses=ResultOutput(many=True),
    )
    def get(self, request: Request, pk: UUID) -> Response:
        """A monitor's results, newest first: ``?region= &outcome= &from= &to= &limit= &cursor=``."""
        limit = read_limit(request.query_params.get("limit"))
        found = newest_results(monitor_of(request, pk), _wanted(request), limit=limit + 1)
        page, more = cut_page(found, limit, key=lambda result: (result.slot, result.region))
        return Response({"results": ResultOutput(page, many=True).data, "next": more})


def _wanted(request: Request) -> Wanted:
    asked = request.query_params
    wanted: dict[str, Any] = {"region": asked.get("region", ""), "outcome": asked.get("outcome", "")}
    if wanted["outcome"] and wanted["outcome"] not in {*Outcome, MAINTENANCE}:
        raise ValidationError({"outcome": [say("must be one of {names}", names=", ".join((*Outcome, MAINTENANCE)))]})
    if asked.get("from"):
        wanted["since"] = _moment(asked["from"], "from")
    if asked.get("to"):
        wanted["until"] = _moment(asked["to"], "to")
    if cursor := asked.get("cursor"):
        slot, region = read_cursor(cursor, parts=2)
        wanted["after"] = _moment(slot, "cursor"), region
    return Wanted(**wanted)


def _moment(text: str, field: str) -> datetime:
    # A plus sign that was not encoded arrives as a space.
    moment = read_moment(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
    if moment is None:
        raise ValidationError({field: [say("must be a time with its zone, like 2026-01-31T12:00:00Z")]})
    return moment


class ResultDetail(APIView):
    @extend_schema(
        parameters=[query("slot", "when the check was due", kind="date-time", required=True)],
        responses=ResultDetailOutput,
    )
    def get(self, request: Request, pk: UUID, region: str) -> Response:
        """One check with what is kept of it: answer, redirects, certificate. Of a plain pass nothing more is kept."""
        monitor, slot = monitor_of(request, pk), _moment(request.query_params.get("slot", ""), "slot")
        result, seen = one_result(monitor, region=region, slot=slot)
        if result is None:
            raise Http404
        return Response(ResultOutput(result).data | {"seen": seen})


class FactList(APIView):
    @extend_schema(responses=FactOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """What each region found to be so of the site, newest first: certificates, redirects, addresses.

        The newest of a kind and a region is how it is; an older one is what it was until then.
        """
        found = Fact.objects.filter(monitor=monitor_of(request, pk))
        page, more = page_by(found, request.query_params, order=("-since", "-id"))
        return Response({"results": FactOutput(page, many=True).data, "next": more})


class LatestResults(APIView):
    unpaged = True

    @extend_schema(responses=ResultOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """The newest result of each region."""
        latest = latest_results(monitor_of(request, pk))
        return Response({"results": ResultOutput(latest, many=True).data})


class ResultCleanup(APIView):
    needed_role = Role.OWNER

    @extend_schema(
        parameters=[query("days", "older than so many, 1 to 36500; 90 unless said", kind="integer")],
        responses={200: CleanupOutput},
    )
    def delete(self, request: Request, pk: UUID) -> Response:
        """Remove a monitor's single results of long ago. Its figures by hour and day stay."""
        text = request.query_params.get("days", "90")
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 36_500:
            raise ValidationError({"days": [say("must be a whole number from {low} to {high}", low=1, high=36_500)]})
        deleted = storage.delete_results(monitor_of(request, pk), older_than_days=int(text), now=database_now())
        return Response({"deleted": deleted, "days": int(text)})


class StatsList(APIView):
    @extend_schema(responses=StatsOutput(many=True))
    def get(self, request: Request) -> Response:
        """The figures of the team's monitors: ``?limit= &cursor=``."""
        monitors = Monitor.objects.for_team(membership_of(request.user).team)
        page, more = page_by(monitors, request.query_params, order=("id",))
        figures = stats_by_monitor(page)
        return Response({"results": StatsOutput(list(figures.values()), many=True).data, "next": more})


class StatsDetail(APIView):
    @extend_schema(responses=StatsOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """A monitor's uptime and response times, and its last results by region."""
        return Response(StatsOutput(stats_of(monitor_of(request, pk))).data)


class StatsRefresh(APIView):
    @extend_schema(request=None, responses=StatsOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Compute the monitor's figures anew from rollups and raw rows."""
        monitor = monitor_of(request, pk)
        stats.compute([monitor.pk], now=database_now())
        return Response(StatsOutput(stats_of(monitor)).data)


class MonitoringStatus(APIView):
    @extend_schema(responses=CheckingOutput)
    def get(self, request: Request) -> Response:
        """How checking is going: the regions, and the team's monitors by status."""
        return Response(monitoring_status(membership_of(request.user).team, now=database_now()))


class MonitoringHealth(APIView):
    permission_classes = [AllowAny]
    authentication_classes = []
    throttle_classes = []

    @extend_schema(responses={200: HealthOutput, 503: HealthOutput}, auth=[])
    def get(self, request: Request) -> Response:
        """Whether the parts work together, for load balancers and people: the same as ``/readyz``."""
        found = health()
        return Response(found, status=200 if found["status"] == "ok" else status.HTTP_503_SERVICE_UNAVAILABLE)


class MonitoringTrigger(APIView):
    throttle_scope = "trigger"

    @extend_schema(request=None, responses={202: TriggerOutput})
    def post(self, request: Request) -> Response:
        """Check all of the team's monitors now."""
        asked = monitor_services.request_checks(team=membership_of(request.user).team)
        return Response({"triggered": asked}, status=status.HTTP_202_ACCEPTED)


class MonitoringTest(APIView):
    throttle_scope = "test"

    @extend_schema(request=TrialInput, responses=TrialOutput)
    def post(self, request: Request) -> Response:
        """Run a check from every region and give the results; nothing is stored."""
        wish = read_body(TrialInput, request)
        regions = monitor_services.regions_meant(wish.get("regions"))
        monitor_services.check_spec(wish["kind"], wish["spec"])
        try:
            results = trial.run(wish["kind"], wish["spec"], timeout_s=wish["timeout"], regions=regions)
        except trial.BrokerAway as error:
            raise CheckingUnavailable from error
        answered = {result["region"] for result in results}
        return Response({"results": results, "silent": [region for region in regions if region not in answered]})


class IncidentEvidence(APIView):
    unpaged = True

    @extend_schema(responses=EvidenceOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """What each region saw when it failed first, and what had changed since its last good check."""
        team = membership_of(request.user).team
        incident = get_object_or_404(incident_selectors.incidents_of(team), pk=pk)
        return Response({"results": EvidenceOutput(evidence_of(incident), many=True).data})


class CorrectionList(APIView):
    @extend_schema(parameters=[query("monitor", "of this monitor", kind="uuid")], responses=CorrectionOutput(many=True))
    def get(self, request: Request) -> Response:
        """What people say of the past, newest first: ``?monitor= &limit= &cursor=``."""
        found = incident_selectors.corrections_of(membership_of(request.user).team)
        if monitor := request.query_params.get("monitor"):
            found = found.filter(monitor=read_id(monitor, "monitor"))
        page, more = page_by(found, request.query_params, order=("-created_at", "-id"))
        return Response({"results": CorrectionOutput(page, many=True).data, "next": more})

    @extend_schema(request=CorrectionInput, responses={201: CorrectedOutput})
    def post(self, request: Request) -> Response:
        """Call an incident, or a span of a monitor's past, a false alarm or maintenance; or take that back."""
        asked, now = read_body(CorrectionInput, request), database_now()
        monitor, act = _correction(request, asked, now=now)
        correction, uptime = corrections.compare(monitor.pk, act, now=now)
        stats.compute([monitor.pk], now=now)
        told = {"correction": CorrectionOutput(correction).data, "uptime": uptime}
        return Response(told, status=status.HTTP_201_CREATED)


def _correction(request: Request, asked: dict[str, Any], *, now: datetime) -> tuple[Monitor, Callable[[], Correction]]:
    """Whose past it is, and how to correct it. What belongs to another team is not found."""
    team, actor, why = membership_of(request.user).team, person_of(request.user), asked["why"]
    if "withdraws" in asked:
        earlier = get_object_or_404(incident_selectors.corrections_of(team), pk=asked["withdraws"])
        return earlier.monitor, partial(handling.withdraw, earlier, why=why, actor=actor)
    if "incident" in asked:
        incident = get_object_or_404(incident_selectors.incidents_of(team), pk=asked["incident"])
        monitor, since, until = incident.monitor, incident.started_at, incident.resolved_at or now
    else:
        if missing := [name for name in ("monitor", "from", "to") if name not in asked]:
            raise ValidationError({missing[0]: [say("is required, unless an incident is named")]})
        incident = None
        monitor, since, until = monitor_of(request, asked["monitor"]), asked["from"], asked["to"]
    span = {"verdict": asked.get("kind", ""), "starts_at": since, "ends_at": until}
    return monitor, partial(handling.correct, monitor, incident=incident, why=why, actor=actor, now=now, **span)
