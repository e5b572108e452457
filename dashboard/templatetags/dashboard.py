"""Words and small pictures for the templates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from accounts.exceptions import NoTeam
from accounts.models import Membership, User
from accounts.selectors import membership_of, memberships_of
from alerts.models import Delivery
from alerts.notifiers import Notifier
from alerts.words import retold
from checks.rules import Tick
from common.clock import iso
from common.languages import spoken
from dashboard import alert_words, audit_words, pictures, times, words
from dashboard.check_rows import check_rows
from dashboard.forms.maintenance import REPEATS
from dashboard.kind_words import kind_words
from dashboard.rows import rows_html
from dashboard.selectors.checks import Lane, address_of
from heartbeats.models import Ping
from heartbeats.rules import Word

register = template.Library()

register.filter("ms", words.milliseconds)
register.filter("percent", words.percent)
register.filter("reason", words.reason_in_words)
register.filter("listing", words.listing)
register.filter("either", words.either)
register.filter("grouped", words.grouped)
register.filter("thousands", words.thousands)
register.filter("check_address", address_of)
register.filter("spoken", spoken)
register.filter("why", words.why)
register.filter("span", words.span)
register.filter("status_word", words.status_word)
register.filter("outcome_word", words.outcome_word)
register.filter("without_scheme", words.without_scheme)
register.filter("event_word", alert_words.event_word)
register.filter("rule_times", alert_words.rule_times)
register.filter("state_word", alert_words.state_word)
register.filter("state_mark", alert_words.state_mark)
register.filter("health_word", alert_words.health_word)
register.filter("health_mark", alert_words.health_mark)
register.filter("verb_word", audit_words.verb_word)
register.filter("audit_kind", audit_words.kind_word)
register.simple_tag(pictures.status_icon, name="status_icon")
register.simple_tag(times.ago, name="ago")
register.simple_tag(times.lasting, name="lasting")
register.simple_tag(times.clock, name="clock")
register.simple_tag(times.of_day, name="time_of_day")
register.simple_tag(rows_html, name="rows_html")
register.simple_tag(check_rows, name="check_rows")


@register.filter
def repeats(rule: str) -> str:
    """When planned work comes round, in words where it is one of the usual rules."""
    return str(REPEATS.get(rule, rule))


@register.simple_tag
def in_zone(moment: datetime, zone: str) -> SafeString:
    """A time on the clocks of a zone, which it names."""
    local, form = moment.astimezone(ZoneInfo(zone)), gettext("D j M Y, H:i")
    return format_html('<time datetime="{}">{}</time>', iso(moment, "seconds"), f"{date_format(local, form)} ({zone})")


@register.filter
def scope_word(scope: str) -> str:
    return words.SCOPES.get(scope, scope)


@register.filter
def stage_word(stage: str) -> str:
    return words.STAGES.get(stage, stage)


@register.filter
def correction_word(kind: str) -> str:
    return words.CORRECTIONS.get(kind, kind)


@register.filter
def breaker_state(state: str) -> str:
    return words.BREAKERS.get(state, state)


@register.filter
def drop_word(why: str) -> str:
    return words.DROPS.get(why, why)


@register.filter
def subject(delivery: Delivery) -> str:
    """What a message is about, which is stored in English."""
    return retold(delivery.kind, delivery.subject)


@register.filter
def kind_title(kinds: Mapping[str, Notifier], kind: str) -> str:
    """What people call a kind of channel."""
    return spoken(kinds[kind].title) if kind in kinds else kind


@register.filter
def role_word(role: str) -> str:
    return words.ROLES.get(role, role)


@register.filter
def kind_name(kind: str) -> str:
    return kind_words(kind).name


@register.filter
def web_address(url: str) -> str:
    """The address if a browser may be sent there, else nothing: a ``javascript:`` link is no link."""
    return url if urlsplit(url).scheme in {"http", "https"} else ""


@register.filter
def until(start: datetime, end: datetime | None) -> str:
    """How long something took, or takes until now."""
    return words.span(((end or timezone.now()) - start).total_seconds())


@register.simple_tag
def teams_of(user: User) -> list[Membership]:
    """The teams that the visitor may switch between."""
    return memberships_of(user)


@register.simple_tag
def script_words() -> SafeString:
    """The words of the scripts, as data."""
    return format_html('<meta name="words" content="{}">', json.dumps(words.for_scripts(), ensure_ascii=False))


@register.simple_tag
def team_now(user: User) -> Membership | None:
    """The team that the visitor works in, and their role; None for somebody in no team."""
    try:
        return membership_of(user)
    except NoTeam:
        return None


@register.filter
def client_name(agent: str) -> str:
    """What a browser or a program calls itself, as people say it; the whole of it where we do not know it."""
    return words.client_name(agent)


@register.simple_tag
def zone() -> str:
    """Whose clocks the times of this page are told by."""
    return timezone.get_current_timezone_name()


@register.simple_tag
def ticks(region: str, shown: Sequence[Tick]) -> SafeString:
    return pictures.ticks_svg(region, shown)


@register.simple_tag
def runs(shown: Sequence[Ping]) -> SafeString:
    return pictures.runs_svg([(ping.duration_s or 0.0, ping.word != Word.FAIL) for ping in shown])


@register.filter
def runs_in_words(shown: Sequence[Ping]) -> str:
    return pictures.runs_in_words([(ping.duration_s or 0.0, ping.word != Word.FAIL) for ping in shown])


@register.simple_tag
def phases(region: str, timings_ms: Mapping[str, float | None], scale_ms: float) -> SafeString:
    return pictures.phases_svg(region, timings_ms, scale_ms=scale_ms)


@register.simple_tag
def lane(shown: Lane, scale_ms: float) -> SafeString:
    return pictures.lane_svg(shown.key, shown.start_ms, shown.took_ms, scale_ms=scale_ms)


@register.filter
def phase_list(timings_ms: Mapping[str, float | None]) -> list[tuple[str, str, float]]:
    """Key, name and length of the phases that were reached, for the legend."""
    return [(key, name, length) for key, name in pictures.PHASES.items() if (length := timings_ms.get(key)) is not None]
