"""Who is subscribed to what."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.models import Team
from alerts.rules import State
from monitors import secrets
from statuspages.models import Notice, StatusPage, Subscriber
from statuspages.rules import masked


@dataclass(frozen=True, slots=True)
class SubscriberView:
    """One line of the list. ``address`` is masked for those who may only look."""

    id: UUID
    kind: str
    address: str
    components: list[str]
    confirmed_at: datetime | None
    created_at: datetime
    dead: int
    """Messages that never arrived."""


def subscriber_by_token(token: str) -> Subscriber | None:
    found = Subscriber.objects.filter(token_key=secrets.key_of(token))
    return found.select_related("page").defer("page__logo").first()


def subscribers_of(team: Team) -> QuerySet[Subscriber]:
    return Subscriber.objects.filter(page__team=team).select_related("page").defer("page__logo")


def find_subscribers(page: StatusPage) -> QuerySet[Subscriber]:
    """Oldest first, with what a list shows of each."""
    dead = Count("notices", filter=Q(notices__state=State.DEAD))
    return page.subscribers.annotate(dead=dead).prefetch_related("components").order_by("created_at", "id")


def view_of(subscriber: Subscriber, *, whole: bool) -> SubscriberView:
    return SubscriberView(
        id=subscriber.pk,
        kind=subscriber.kind,
        address=subscriber.address if whole else masked(subscriber.address),
        components=[component.name for component in subscriber.components.all()],
        confirmed_at=subscriber.confirmed_at,
        created_at=subscriber.created_at,
        dead=getattr(subscriber, "dead", 0),
    )


def dead_notices(page: StatusPage) -> QuerySet[Notice]:
    """Messages that never arrived, the newest first."""
    dead = Notice.objects.filter(page=page, state=State.DEAD)
    return dead.select_related("subscriber", "update__post").order_by("-settled_at", "id")


def as_csv(page: StatusPage) -> Iterator[str]:
    """Lines of a file that spreadsheets read; none of its cells is taken for a formula."""
    yield _line(["kind", "address", "components", "confirmed_at", "created_at"])
    for subscriber in find_subscribers(page).iterator(chunk_size=500):
        told = view_of(subscriber, whole=True)
        confirmed = told.confirmed_at.isoformat() if told.confirmed_at else ""
        yield _line([told.kind, told.address, "; ".join(told.components), confirmed, told.created_at.isoformat()])


def _line(cells: Iterable[str]) -> str:
    file = StringIO()
    csv.writer(file).writerow(f"'{cell}" if cell[:1] in FORMULA else cell for cell in cells)
    return file.getvalue()


FORMULA = ("=", "+", "-", "@", "\t", "\r")
