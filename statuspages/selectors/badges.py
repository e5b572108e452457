"""Which monitor a badge speaks for, and what it has to say."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.core.cache import cache
from django.db.models import Sum

from checks.models import Day, MonitorStats
from checks.selectors.figures import certificates_end
from checks.services.corrections import uptime_of_days
from common.spans import Span
from monitors.models import Monitor
from monitors.rules import Status
from statuspages import badges
from statuspages.badges import Badge, Facts, Figure, Wanted
from statuspages.models import MonitorBadge

READY_UPTIME: dict[Span, str] = {span: f"uptime_{span}" for span in badges.SPANS if span is not Span.YEAR}
READY_RESPONSE: dict[Span, str] = {Span.DAY: "avg_response_time_24h", Span.WEEK: "avg_response_time_7d"}
SUMS_LAST_S = 300
"""Sums over months hardly move: they are counted this often at most, however many readers there are."""


def badge_of(monitor: Monitor) -> MonitorBadge | None:
    return MonitorBadge.objects.filter(monitor=monitor).first()


def badge_by_token(token: str) -> MonitorBadge | None:
    """None when nobody may see it: unknown, revoked and switched off are one and the same."""
    return MonitorBadge.objects.filter(token=token, enabled=True).select_related("monitor__stats").first()


def read_badge(shared: MonitorBadge, wanted: Wanted, *, now: datetime) -> Badge:
    return badges.badge(wanted, _facts(shared.monitor, wanted, now=now), label=shared.label, now=now)


def urls_of(shared: MonitorBadge) -> dict[str, str]:
    """Where each badge answers, without its ending: ``.svg`` or ``.json``."""
    return {wanted.name: f"{settings.SITE_URL}/badge/{shared.token}/{wanted.name}" for wanted in badges.EVERY}


def _facts(monitor: Monitor, wanted: Wanted, *, now: datetime) -> Facts:
    status = Status(monitor.status)
    match wanted.figure, wanted.span:
        case Figure.UPTIME, Span() as span:
            return Facts(status, share=_uptime(monitor, span, now=now))
        case Figure.RESPONSE, Span() as span:
            return Facts(status, mean_ms=_response(monitor, span, now=now))
        case Figure.CERTIFICATE, _:
            return Facts(status, certificate_until=certificates_end([monitor]).get(monitor.pk))
        case _:
            return Facts(status)


def _uptime(monitor: Monitor, span: Span, *, now: datetime) -> float | None:
    if ready := READY_UPTIME.get(span):
        return _stored(monitor, ready)
    share = cache.get_or_set(
        f"badge-uptime:{monitor.pk}:{span}",
        lambda: [uptime_of_days(monitor.pk, since=now - span.length)],
        timeout=SUMS_LAST_S,
    )
    return share[0] if share else None


def _response(monitor: Monitor, span: Span, *, now: datetime) -> float | None:
    """The mean of the checks that passed, all regions together."""
    if ready := READY_RESPONSE.get(span):
        return _stored(monitor, ready)
    mean = cache.get_or_set(
        f"badge-response:{monitor.pk}:{span}", lambda: [_mean_ms(monitor, now - span.length)], timeout=SUMS_LAST_S
    )
    return mean[0] if mean else None


def _stored(monitor: Monitor, figure: str) -> float | None:
    stats: MonitorStats | None = getattr(monitor, "stats", None)
    return getattr(stats, figure) if stats else None


def _mean_ms(monitor: Monitor, since: datetime) -> float | None:
    midnight = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    sums = Day.objects.filter(monitor=monitor, bucket__gte=midnight).aggregate(ms=Sum("sum_ms"), timed=Sum("timed"))
    return sums["ms"] / sums["timed"] if sums["timed"] else None
