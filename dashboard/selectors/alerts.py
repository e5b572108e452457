"""The pages of channels, rules and deliveries."""

from __future__ import annotations

from django.core.paginator import Page, Paginator
from django.db.models import Q

from accounts.models import Team
from alerts import selectors
from alerts.models import Channel, Delivery
from alerts.rules import State

PAGE_SIZE = 50
RECENT_DELIVERIES = 10


def delivery_list(team: Team, *, state: str = "", channel: str = "", page: str = "1") -> Page[Delivery]:
    """A page of the team's messages, the newest first. Raises ``ValidationError`` for a filter that makes no sense."""
    found = selectors.find_deliveries(team, state=state if state in set(State) else "", channel=channel)
    return Paginator(found, PAGE_SIZE).get_page(page)


def recent_deliveries(channel: Channel) -> list[Delivery]:
    return list(selectors.find_deliveries(channel.team, channel=str(channel.pk))[:RECENT_DELIVERIES])


def is_tested(team: Team) -> bool:
    """Whether any channel has ever carried a message, be it a test."""
    return Channel.objects.for_team(team).filter(Q(last_sent_at__isnull=False) | Q(test_ok=True)).exists()
