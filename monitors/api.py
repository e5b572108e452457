"""``/api/monitor``, ``/api/regions``: serializer in, service, serializer out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.permissions import may_change
from accounts.models import Team
from accounts.selectors import membership_of
from common.paging import page_by, read_order
from common.schema import order, query
from common.serializers import read_body
from monitors import selectors, services
from monitors.kinds import SPECS
from monitors.models import Monitor
from monitors.rules import Action, Status
from monitors.serializers import (
    BulkInput,
    BulkOutput,
    CloneInput,
    DefaultFallbackInput,
    MonitorInput,
    MonitorOutput,
    RegionOutput,
    TagOutput,
)
from probes.sentences import say


def monitor_of(request: Request, pk: UUID) -> Monitor:
    """The caller's monitor; somebody else's is as unknown as one that never was."""
    return get_object_or_404(Monitor.objects.for_team(membership_of(request.user).team), pk=pk)


def shown(found: Monitor | list[Monitor], request: Request, *, many: bool = False) -> Any:
    """As the caller may see it."""
    return MonitorOutput(found, many=many, context={"may_change": may_change(request)}).data


def _known(words: list[str], field: str, known: Collection[str]) -> list[str]:
    """What was said of a closed list of words. What is none of them is no filter, but a mistake."""
    said = [word for word in words if word]
    if any(word not in set(known) for word in said):
        raise ValidationError({field: [say("must be one of {names}", names=", ".join(known))]})
    return said


class MonitorList(APIView):
    orders = [minus + name for name in ("created_at", "name", "status_since", "updated_at") for minus in ("", "-")]

    @extend_schema(
        parameters=[
            query("status", "one of these", one_of=Status, many=True),
            query("kind", "what kind of check", one_of=SPECS),
            query("region", "checked from one of these", many=True),
            query("tag", "has all of these", many=True),
            query("search", "part of the name or the address"),
            order(orders),
        ],
        responses=MonitorOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        """The team's monitors, oldest first: ``?status= &kind= &region= &tag= &search= &order= &limit= &cursor=``."""
        asked = request.query_params
        found = selectors.find_monitors(
            membership_of(request.user).team,
            search=asked.get("search", ""),
            statuses=_known(asked.getlist("status"), "status", Status),
            kind=next(iter(_known([asked.get("kind", "")], "kind", SPECS)), ""),
            regions=[region for region in asked.getlist("region") if region],
            tags=[tag for tag in asked.getlist("tag") if tag],
        )
        wanted = read_order(asked, self.orders)
        tie = "-id" if wanted.startswith("-") else "id"
        page, more = page_by(found, asked, order=(wanted, tie))
        return Response({"results": shown(page, request, many=True), "next": more})

    @extend_schema(request=MonitorInput, responses={201: MonitorOutput})
    def post(self, request: Request) -> Response:
        """Watch something new; its first check runs at once."""
        fields = read_body(MonitorInput, request)
        monitor = services.create_monitor(team=membership_of(request.user).team, **fields)
        return Response(shown(monitor, request), status=status.HTTP_201_CREATED)


class MonitorBulk(APIView):
    @extend_schema(request=BulkInput, responses=BulkOutput)
    def post(self, request: Request) -> Response:
        """Do the same to many: those that are named, or all that match. Who refuses is named with the reason."""
        said, team = read_body(BulkInput, request), membership_of(request.user).team
        changed = services.change_many(
            team=team,
            monitors=_meant(team, said),
            action=Action(said["action"]),
            tags=said.get("tags", []),
            **said.get("set", {}),
        )
        return Response(BulkOutput(changed).data)


def _meant(team: Team, said: dict[str, Any]) -> list[UUID]:
    if "monitors" in said:
        return list(said["monitors"])
    match = said["match"]
    found = selectors.find_monitors(
        team,
        search=match.get("search", ""),
        statuses=match.get("status", []),
        kind=match.get("kind", ""),
        regions=match.get("region", []),
        tags=match.get("tag", []),
    )
    return list(found.order_by().values_list("pk", flat=True))


class MonitorDetail(APIView):
    @extend_schema(responses=MonitorOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One monitor with its configuration and its status."""
        return Response(shown(monitor_of(request, pk), request))

    @extend_schema(request=MonitorInput, responses=MonitorOutput)
    def put(self, request: Request, pk: UUID) -> Response:
        """Replace the whole configuration: what is left out gets its default."""
        monitor = monitor_of(request, pk)
        fields = services.defaults() | read_body(MonitorInput, request)
        return Response(shown(services.update_monitor(monitor, **fields), request))

    @extend_schema(request=MonitorInput, responses=MonitorOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change what is named."""
        fields = read_body(MonitorInput, request, partial=True)
        return Response(shown(services.update_monitor(monitor_of(request, pk), **fields), request))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a monitor; its figures and incidents go at once."""
        services.delete_monitor(monitor_of(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MonitorPause(APIView):
    @extend_schema(request=None, responses=MonitorOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Stop checking; an open incident is closed."""
        return Response(shown(services.pause(monitor_of(request, pk)), request))


class MonitorResume(APIView):
    @extend_schema(request=None, responses=MonitorOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Check again; the first check runs at once."""
        return Response(shown(services.resume(monitor_of(request, pk)), request))


class MonitorCheck(APIView):
    throttle_scope = "trigger"

    @extend_schema(request=None, responses={202: MonitorOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Check now from every region; the results appear as they arrive."""
        monitor = monitor_of(request, pk)
        services.request_check(monitor)
        return Response(shown(monitor, request), status=status.HTTP_202_ACCEPTED)


class MonitorClone(APIView):
    @extend_schema(request=CloneInput, responses={201: MonitorOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Make another monitor with the same settings, secrets included. It is paused until somebody resumes it."""
        monitor = monitor_of(request, pk)
        name = read_body(CloneInput, request).get("name") or f"{monitor.name} (copy)"
        return Response(shown(services.clone_monitor(monitor, name=name), request), status=status.HTTP_201_CREATED)


class TagList(APIView):
    unpaged = True

    @extend_schema(responses=TagOutput(many=True))
    def get(self, request: Request) -> Response:
        """The tags that the team's monitors have, the 200 commonest of them, by name."""
        return Response({"results": [{"tag": tag} for tag in selectors.tags_of(membership_of(request.user).team)]})


class RegionList(APIView):
    unpaged = True

    @extend_schema(responses=RegionOutput(many=True))
    def get(self, request: Request) -> Response:
        """The regions that checks come from, and how each does."""
        return Response({"results": RegionOutput(selectors.enabled_regions(), many=True).data})


class DefaultFallbackView(APIView):
    @extend_schema(responses=DefaultFallbackInput)
    def get(self, request: Request) -> Response:
        """The region that stands in for the team's monitors that name no fallback of their own."""
        team = membership_of(request.user).team
        return Response({"region": next(iter(selectors.default_fallbacks([team.pk]).get(team.pk, [])), None)})

    @extend_schema(request=DefaultFallbackInput, responses=DefaultFallbackInput)
    def put(self, request: Request) -> Response:
        """Choose it; null: none."""
        chosen = read_body(DefaultFallbackInput, request)
        services.choose_default_fallback(membership_of(request.user).team, chosen["region"])
        return Response(chosen)
