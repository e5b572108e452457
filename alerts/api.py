"""``/api/channels``, ``/api/rules``, ``/api/deliveries``: serializer in, service, serializer out."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team
from accounts.selectors import membership_of
from alerts import selectors
from alerts.models import Channel, Delivery, Rule
from alerts.rules import Kind, State
from alerts.serializers import (
    ChannelInput,
    ChannelOutput,
    ChannelTrialInput,
    ChannelTrialOutput,
    DeliveryDetailOutput,
    DeliveryOutput,
    KindOutput,
    RuleInput,
    RuleOutput,
    SavedChannelTrialInput,
)
from alerts.services import channels, confirming, rulebook, upkeep
from alerts.transport import Sent
from common.paging import page_by
from common.schema import query
from common.serializers import read_body


def team_of(request: Request) -> Team:
    return membership_of(request.user).team


def channel_of(request: Request, pk: UUID) -> Channel:
    """The caller's channel; somebody else's is as unknown as one that never was."""
    return get_object_or_404(selectors.channels_of(team_of(request)), pk=pk)


def rule_of(request: Request, pk: UUID) -> Rule:
    return get_object_or_404(selectors.rules_of(team_of(request)), pk=pk)


def delivery_of(request: Request, pk: UUID) -> Delivery:
    return get_object_or_404(selectors.deliveries_of(team_of(request)), pk=pk)


class ChannelList(APIView):
    @extend_schema(responses=ChannelOutput(many=True))
    def get(self, request: Request) -> Response:
        """The team's channels with their health. The first look gives a new team its first one: mail to the owner."""
        team = team_of(request)
        channels.ensure_defaults(team)
        page, more = page_by(selectors.channels_of(team), request.query_params, order=("created_at", "id"))
        return Response({"results": ChannelOutput(page, many=True).data, "next": more})

    @extend_schema(request=ChannelInput, responses={201: ChannelOutput})
    def post(self, request: Request) -> Response:
        """Say where messages may go. `channels/kinds` tells what each kind wants to know."""
        channel = channels.create_channel(team=team_of(request), **read_body(ChannelInput, request))
        return Response(ChannelOutput(channel).data, status=status.HTTP_201_CREATED)


class ChannelKinds(APIView):
    unpaged = True

    @extend_schema(responses=KindOutput(many=True))
    def get(self, request: Request) -> Response:
        """What kinds of channel there are, and what each wants to be told."""
        return Response({"results": KindOutput(selectors.kinds(), many=True).data})


class ChannelDetail(APIView):
    @extend_schema(responses=ChannelOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One channel with its health; its secrets are masked."""
        return Response(ChannelOutput(channel_of(request, pk)).data)

    @extend_schema(request=ChannelInput, responses=ChannelOutput)
    def put(self, request: Request, pk: UUID) -> Response:
        """Replace the whole channel: what is left out gets its default."""
        channel = channel_of(request, pk)
        fields = {"name": "", "language": "", "enabled": True} | read_body(ChannelInput, request)
        return Response(ChannelOutput(channels.update_channel(channel, **fields)).data)

    @extend_schema(request=ChannelInput, responses=ChannelOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change what is named. ``settings`` are replaced as a whole; masks in them keep their secrets."""
        channel = channel_of(request, pk)
        return Response(
            ChannelOutput(channels.update_channel(channel, **read_body(ChannelInput, request, partial=True))).data
        )

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Remove a channel with its messages; rules lose it."""
        channels.delete_channel(channel_of(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ChannelTrial(APIView):
    throttle_scope = "test"

    @extend_schema(request=ChannelTrialInput, responses=ChannelTrialOutput)
    def post(self, request: Request) -> Response:
        """Send a test message by settings that are not saved, and give the real answer.

        Saved within the hour, they count as tested.
        """
        return _trial(channels.try_out(team=team_of(request), **read_body(ChannelTrialInput, request)))


class SavedChannelTrial(APIView):
    throttle_scope = "test"

    @extend_schema(operation_id="channels_test_saved", request=SavedChannelTrialInput, responses=ChannelTrialOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """The same by a saved channel, or by a change of its settings that is not saved yet."""
        channel = channel_of(request, pk)
        settings = read_body(SavedChannelTrialInput, request).get("settings", channel.settings)
        sent = channels.try_out(
            team=channel.team, kind=channel.kind, settings=settings, language=channel.language, channel=channel
        )
        return _trial(sent)


class ChannelConfirmation(APIView):
    throttle_scope = "test"

    @extend_schema(request=None, responses={202: ChannelOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Ask whoever reads there once more; an address is asked a few times a day at most."""
        channel = channel_of(request, pk)
        confirming.ask(channel)
        return Response(ChannelOutput(channel).data, status=status.HTTP_202_ACCEPTED)


def _trial(sent: Sent) -> Response:
    return Response(ChannelTrialOutput(asdict(sent)).data)


class RuleList(APIView):
    @extend_schema(responses=RuleOutput(many=True))
    def get(self, request: Request) -> Response:
        """The team's rules: which messages go where."""
        team = team_of(request)
        channels.ensure_defaults(team)
        page, more = page_by(selectors.rules_of(team), request.query_params, order=("created_at", "id"))
        return Response({"results": RuleOutput(page, many=True).data, "next": more})

    @extend_schema(request=RuleInput, responses={201: RuleOutput})
    def post(self, request: Request) -> Response:
        """Say which messages go to which channels."""
        rule = rulebook.create_rule(team=team_of(request), **read_body(RuleInput, request))
        return Response(RuleOutput(rule).data, status=status.HTTP_201_CREATED)


class RuleDetail(APIView):
    @extend_schema(responses=RuleOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One rule."""
        return Response(RuleOutput(rule_of(request, pk)).data)

    @extend_schema(request=RuleInput, responses=RuleOutput)
    def put(self, request: Request, pk: UUID) -> Response:
        """Replace the whole rule: what is left out gets its default."""
        rule = rule_of(request, pk)
        return Response(RuleOutput(rulebook.replace_rule(rule, **read_body(RuleInput, request))).data)

    @extend_schema(request=RuleInput, responses=RuleOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change what is named."""
        rule = rule_of(request, pk)
        return Response(RuleOutput(rulebook.update_rule(rule, **read_body(RuleInput, request, partial=True))).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a rule; what it has sent stays in the list of messages."""
        rulebook.delete_rule(rule_of(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DeliveryList(APIView):
    @extend_schema(
        parameters=[
            query("state", "in this state", one_of=State),
            query("kind", "of this kind", one_of=Kind),
            *(query(name, f"of this {name}", kind="uuid") for name in ("channel", "monitor", "incident")),
        ],
        responses=DeliveryOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        """The team's messages, newest first: ``?state= &kind= &channel= &monitor= &incident= &limit= &cursor=``."""
        asked = request.query_params
        wanted = {name: asked.get(name, "") for name in ("state", "kind", "channel", "monitor", "incident")}
        found = selectors.find_deliveries(team_of(request), **wanted)
        page, more = page_by(found, asked, order=("-created_at", "-id"))
        return Response({"results": DeliveryOutput(page, many=True).data, "next": more})


class DeliveryDetail(APIView):
    @extend_schema(responses=DeliveryDetailOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One message with every try: time, status and reason."""
        return _detail(delivery_of(request, pk))


class DeliveryRedrive(APIView):
    @extend_schema(request=None, responses=DeliveryDetailOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """Send a dead message again."""
        delivery = delivery_of(request, pk)
        if not upkeep.redrive(delivery, now=timezone.now()):
            raise ValidationError({"state": [f"only a dead message is sent again; this one is {delivery.state}"]})
        return _detail(delivery_of(request, pk))


def _detail(delivery: Delivery) -> Response:
    return Response(DeliveryDetailOutput(delivery, context={"attempts": selectors.attempts_of(delivery)}).data)
