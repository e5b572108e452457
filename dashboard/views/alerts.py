"""Channels, rules and deliveries: whom people have told of trouble, and what became of every message."""

from __future__ import annotations

from functools import cached_property
from math import ceil
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.generic import View

from accounts.access.throttles import ScopedThrottle
from accounts.rules import Role
from alerts import selectors
from alerts.models import Channel, Delivery, Rule
from alerts.notifiers import NOTIFIERS
from alerts.rules import State
from alerts.services import channels, confirming, rulebook, upkeep
from dashboard.alert_words import STATES
from dashboard.forms.alerts import ChannelForm, RuleForm
from dashboard.forms.base import sentence
from dashboard.selectors.alerts import delivery_list, recent_deliveries
from dashboard.spec_fields import told
from dashboard.views.base import TeamView, taken

# --- channels ---


class TryingOut(TeamView):
    """A page that can send a test message. It shares the API's limit."""

    throttle_scope = "test"

    def try_out(
        self, kind: str, settings: dict[str, Any], language: str, channel: Channel | None = None
    ) -> dict[str, Any]:
        """What came of a test message, for the template: the provider's real answer, or why none was sent."""
        throttle = ScopedThrottle()
        if not throttle.allow_request(self.request, self):
            return {"refused": _("Too many tests. Try again in %s seconds.") % ceil(throttle.wait())}
        team = self.membership.team
        try:
            sent = channels.try_out(team=team, kind=kind, settings=settings, language=language, channel=channel)
        except ValidationError as error:
            return {"refused": " ".join(sentence(message) for message in error.messages)}
        return {"sent": sent}


class ChannelList(TeamView):
    def get(self, request: HttpRequest) -> HttpResponse:
        team = self.membership.team
        channels.ensure_defaults(team)
        return self.show("dashboard/channels.html", channels=selectors.channels_of(team), kinds=NOTIFIERS)


class ChannelNew(TryingOut):
    """Choose a service, then say what it wants to know."""

    look_needs = Role.EDITOR

    @property
    def kind(self) -> str:
        return self.request.GET.get("kind", "")

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(ChannelForm(self.kind)) if self.kind in NOTIFIERS else self._choose()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if self.kind not in NOTIFIERS:
            return self._choose()
        form, team = ChannelForm(self.kind, request.POST), self.membership.team
        if "test" in request.POST:
            trial = self.try_out(self.kind, **form.trial()) if form.is_valid() else None
            return self._page(form, trial)
        channel = taken(form, lambda: channels.create_channel(team=team, **form.configuration()))
        return redirect("channel", pk=channel.pk) if channel else self._page(form)

    def _choose(self) -> HttpResponse:
        return self.show("dashboard/channel_kinds.html", kinds=NOTIFIERS)

    def _page(self, form: ChannelForm, trial: dict[str, Any] | None = None) -> HttpResponse:
        return self.show("dashboard/channel_form.html", form=form, trial=trial)


class ChannelView(TryingOut):
    """A page of one of the team's channels. Another team's does not exist here."""

    @cached_property
    def channel(self) -> Channel:
        return get_object_or_404(selectors.channels_of(self.membership.team), pk=self.kwargs["pk"])

    def channel_page(self, trial: dict[str, Any] | None = None) -> HttpResponse:
        channel = self.channel
        notifier = NOTIFIERS.get(channel.kind)
        return self.show(
            "dashboard/channel.html",
            channel=channel,
            notifier=notifier,
            told=told(notifier.settings.describe(), channel.settings) if notifier else [],
            rules=selectors.rules_of(self.membership.team).filter(steps__channel=channel).distinct(),
            deliveries=recent_deliveries(channel),
            trial=trial,
        )


class ChannelPage(ChannelView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self.channel_page()


class ChannelTest(ChannelView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        channel = self.channel
        trial = self.try_out(channel.kind, channel.settings, channel.language, channel)
        del self.channel  # it has been tested now
        return self.channel_page(trial)


class ChannelAsk(ChannelView):
    """Ask whoever reads there once more."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        if confirming.ask(self.channel):
            messages.success(request, gettext("The link is sent again."))
        else:
            messages.error(request, gettext("It was asked often enough today. Try again tomorrow."))
        return redirect("channel", pk=self.channel.pk)


class Confirm(View):
    """Where the link in the mail leads: whoever reads there agrees, by a button. No log-in is needed for that."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._page(confirming.channel_of(token))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        channel = confirming.channel_of(token)
        if channel is not None:
            confirming.confirm(channel)
            channel.refresh_from_db()
        return self._page(channel)

    def _page(self, channel: Channel | None) -> HttpResponse:
        status = 200 if channel else 404
        return render(self.request, "dashboard/confirm_channel.html", {"channel": channel}, status=status)


class ChannelEdit(ChannelView):
    look_needs = Role.EDITOR

    def form(self, data: Any = None) -> ChannelForm:
        if self.channel.kind not in NOTIFIERS:
            raise Http404
        return ChannelForm(self.channel.kind, data, channel=self.channel)

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self._page(self.form())

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        form = self.form(request.POST)
        if "test" in request.POST:
            mine = self.channel
            trial = self.try_out(mine.kind, **form.trial(), channel=mine) if form.is_valid() else None
            return self._page(form, trial)
        if taken(form, lambda: channels.update_channel(self.channel, **form.configuration())):
            messages.success(request, _("Saved."))
            return redirect("channel", pk=self.channel.pk)
        return self._page(form)

    def _page(self, form: ChannelForm, trial: dict[str, Any] | None = None) -> HttpResponse:
        return self.show("dashboard/channel_form.html", form=form, channel=self.channel, trial=trial)


class ChannelDelete(ChannelView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self.confirm(
            _("Delete %(title)s?") % {"title": self.channel.name},
            _("Its messages go with it, and rules that tell it tell it no more. To keep it for later, switch it off."),
            reverse("channel", kwargs={"pk": self.channel.pk}),
        )

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        name = self.channel.name
        channels.delete_channel(self.channel)
        messages.success(request, _("%s is deleted.") % name)
        return redirect("channels")


# --- rules ---


class RuleList(TeamView):
    def get(self, request: HttpRequest) -> HttpResponse:
        team = self.membership.team
        channels.ensure_defaults(team)
        return self.show("dashboard/rules.html", rules=selectors.rules_of(team))


class RuleNew(TeamView):
    look_needs = Role.EDITOR

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("dashboard/rule_form.html", form=RuleForm(self.membership.team))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        team = self.membership.team
        form = RuleForm(team, request.POST)
        if taken(form, lambda: rulebook.create_rule(team=team, **form.configuration())):
            return redirect("rules")
        return self.show("dashboard/rule_form.html", form=form)


class RuleView(TeamView):
    look_needs = Role.EDITOR

    @cached_property
    def rule(self) -> Rule:
        return get_object_or_404(selectors.rules_of(self.membership.team), pk=self.kwargs["pk"])


class RuleEdit(RuleView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self._page(RuleForm(self.membership.team, rule=self.rule))

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        form = RuleForm(self.membership.team, request.POST, rule=self.rule)
        if taken(form, lambda: rulebook.update_rule(self.rule, **form.configuration())):
            messages.success(request, _("Saved."))
            return redirect("rules")
        return self._page(form)

    def _page(self, form: RuleForm) -> HttpResponse:
        return self.show("dashboard/rule_form.html", form=form, rule=self.rule)


class RuleDelete(RuleView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self.confirm(
            _("Delete %(title)s?") % {"title": self.rule.name},
            _("Nobody is told by it from then on. What was told already is still told the end of."),
            reverse("rules"),
        )

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        name = self.rule.name
        rulebook.delete_rule(self.rule)
        messages.success(request, _("%s is deleted.") % name)
        return redirect("rules")


# --- deliveries ---


class DeliveryList(TeamView):
    def get(self, request: HttpRequest) -> HttpResponse:
        team, query = self.membership.team, request.GET
        own = {str(channel.pk): channel for channel in selectors.channels_of(team)}
        channel = own.get(query.get("channel", ""))
        state = query.get("state", "") if query.get("state") in set(State) else ""
        page = delivery_list(team, state=state, channel=str(channel.pk) if channel else "", page=query.get("page", "1"))
        return self.show(
            "dashboard/deliveries.html", page=page, states=STATES, state=state, channel=channel, channels=own.values()
        )


class DeliveryView(TeamView):
    @cached_property
    def delivery(self) -> Delivery:
        return get_object_or_404(selectors.deliveries_of(self.membership.team), pk=self.kwargs["pk"])


class DeliveryPage(DeliveryView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        delivery = self.delivery
        return self.show("dashboard/delivery.html", delivery=delivery, attempts=selectors.attempts_of(delivery))


class DeliveryRedrive(DeliveryView):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        if upkeep.redrive(self.delivery, now=timezone.now()):
            messages.success(request, _("It is sent again."))
        else:
            messages.error(request, _("Only a message that never arrived is sent again."))
        return redirect("delivery", pk=self.delivery.pk)
