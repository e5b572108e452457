"""``/api/status-pages/{id}/subscribers``: who is told of a page's posts."""

from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.rules import Role
from accounts.selectors import membership_of
from common.paging import page_by
from statuspages.api.pages import page_named, team_of
from statuspages.selectors import subscribers as selectors
from statuspages.serializers.subscribers import RedrivenOutput, SubscriberOutput
from statuspages.services import subscribers


class SubscriberList(APIView):
    @extend_schema(responses=SubscriberOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """Who asked to be told, oldest first: ``?limit= &cursor=``. Who has not confirmed yet is told nothing."""
        found = selectors.find_subscribers(page_named(request, pk))
        listed, more = page_by(found, request.query_params, order=("created_at", "id"))
        whole = membership_of(request.user).allows(Role.EDITOR)
        told = [selectors.view_of(each, whole=whole) for each in listed]
        return Response({"results": SubscriberOutput(told, many=True).data, "next": more})


class SubscribersRedrive(APIView):
    @extend_schema(request=None, responses=RedrivenOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Send the page's messages again that never arrived."""
        sent = subscribers.send_dead_again(page_named(request, pk), now=timezone.now())
        return Response({"sent": sent})


class SubscriberDetail(APIView):
    @extend_schema(responses=SubscriberOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One of those who asked to be told."""
        subscriber = get_object_or_404(selectors.subscribers_of(team_of(request)), pk=pk)
        found = selectors.find_subscribers(subscriber.page).get(pk=pk)
        whole = membership_of(request.user).allows(Role.EDITOR)
        return Response(SubscriberOutput(selectors.view_of(found, whole=whole)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Remove one, with all that was still to be sent."""
        subscribers.remove(get_object_or_404(selectors.subscribers_of(team_of(request)), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
