"""The rows of the list of monitors as HTML.

Written out here and not in a template: a page has fifty, each with some thirty places to fill, and a template takes
twice as long over them. ``fill`` escapes whatever is not HTML of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from dashboard import pictures, times, words
from dashboard.markup import NOTHING, fill, joined
from dashboard.selectors.listing import Row
from monitors.models import Monitor
from monitors.rules import Status

ROW = """
<li class="row" data-monitor="{pk}" data-name="{name}" data-status="{status}" data-mark="{mark}">
  <div class="row-main">
    {pick}{icon}
    <div class="row-words">
      <a class="row-name" id="monitor-{pk}" href="{address}">{name}</a>{shadow}
      <span class="row-address muted">{url}</span>
      <p class="row-status">{standing}</p>{why}{tags}
    </div>
  </div>
  <div class="row-hours">{hours}</div>
  <p class="row-figure"><span class="label">{response_label}</span> {response}</p>
  <p class="row-figure"><span class="label">{uptime_label}</span> {uptime}</p>
</li>"""

PICK = (
    '<label class="pick"><input type="checkbox" form="bulk" name="monitor" value="{pk}" id="pick-{pk}">'
    '<span class="unseen">{label}</span></label>'
)
NOBODY = UUID(int=0)


def rows_html(rows: Iterable[Row], *, can_choose: bool) -> SafeString:
    said = Said()
    return joined(_row(row, said, can_choose=can_choose) for row in rows)


class Said:
    """What every row says, looked up once."""

    def __init__(self) -> None:
        self.choose, self.lasting, self.tags = _("Choose %s"), _("for"), _("Tags")
        self.response, self.uptime = _("Response"), _("Uptime 24 h")
        self.zone = timezone.get_current_timezone()
        self.address = reverse("monitor", args=[NOBODY])

    def address_of(self, pk: str) -> str:
        return self.address.replace(str(NOBODY), pk)

    @cached_property
    def shadow(self) -> SafeString:
        return mark_safe(" " + render_to_string("dashboard/_shadow.html"))  # noqa: S308 - a template


def _row(row: Row, said: Said, *, can_choose: bool) -> SafeString:
    monitor, figures, pk = row.monitor, row.figures, str(row.monitor.pk)
    return fill(
        ROW,
        pk=pk,
        name=monitor.name,
        status=monitor.status,
        mark=row.mark,
        pick=fill(PICK, pk=pk, label=said.choose.replace("%s", monitor.name)) if can_choose else NOTHING,
        icon=pictures.status_icon(monitor.status),
        address=said.address_of(pk),
        shadow=said.shadow if monitor.shadow else NOTHING,
        url=words.without_scheme(monitor.url),
        standing=_standing(row, said),
        why=_why(monitor),
        tags=_tags(monitor, said),
        hours=pictures.hours_svg(monitor.name, row.hours, zone=said.zone),
        response_label=said.response,
        response=words.milliseconds(figures.last_response_ms),
        uptime_label=said.uptime,
        uptime=words.percent(figures.uptime_24h),
    )


def _standing(row: Row, said: Said) -> SafeString:
    """``Up for 3 d``."""
    monitor = row.monitor
    if monitor.status == Status.PENDING:
        word, rest = _("Checking"), _("from %(regions)s") % {"regions": ", ".join(monitor.regions)}
        if monitor.is_passive:
            word, rest = _("Waiting"), _("for the first report")
        return fill('<span class="word is-pending">{}</span> {}', word, rest)
    return fill(
        '<span class="word is-{}">{}</span> {} {}{}',
        monitor.status,
        words.status_word(monitor.status),
        said.lasting,
        times.lasting(monitor.status_since),
        fill(" · {}", _("checking now")) if row.waiting else NOTHING,
    )


def _why(monitor: Monitor) -> SafeString:
    if not monitor.status_reason:
        return NOTHING
    return fill('<p class="row-why">{}</p>', words.why(monitor.status_reason, monitor.regions))


def _tags(monitor: Monitor, said: Said) -> SafeString:
    if not monitor.tags:
        return NOTHING
    items = joined(fill("<li>{}</li>", tag) for tag in monitor.tags)
    return fill('<ul class="tags" role="list" aria-label="{}">{}</ul>', said.tags, items)
