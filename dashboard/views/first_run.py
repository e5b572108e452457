"""After the first address: its first results, and a message to see that alerts arrive."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts.rules import Role
from alerts import selectors
from alerts.models import Channel
from alerts.services import channels
from dashboard.views.alerts import TryingOut
from dashboard.views.monitors import MonitorView


class FirstRun(MonitorView, TryingOut):
    """The second and the third step; a POST is the test message."""

    look_needs = Role.EDITOR

    @cached_property
    def channel(self) -> Channel | None:
        """The one that every team begins with, or what has become of it. Nothing for whom the monitor is not there."""
        team = self.monitor.team
        channels.ensure_defaults(team)
        own = list(selectors.channels_of(team))
        return next((channel for channel in own if channel.kind == "email"), next(iter(own), None))

    def get(self, request: HttpRequest, **__: Any) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest, **__: Any) -> HttpResponse:
        channel = self.channel
        if channel is None:
            return self._page()
        trial = self.try_out(channel.kind, channel.settings, channel.language, channel)
        channel.refresh_from_db()
        return self._page(trial)

    def _page(self, trial: dict[str, Any] | None = None) -> HttpResponse:
        return self.show(
            "dashboard/first_results.html",
            monitor=self.monitor,
            channel=self.channel,
            tested=self.channel is not None and self.channel.test_ok,
            trial=trial,
            **self.looked_at(),
        )


class FirstRunLive(MonitorView):
    def get(self, request: HttpRequest, **__: Any) -> HttpResponseBase:
        return self.show_live("dashboard/_first_results.html", monitor=self.monitor, **self.looked_at())
