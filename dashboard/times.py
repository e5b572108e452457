"""Times as HTML, by the clocks of whoever is looking: ``accounts.access.preferences`` sets the zone."""

from __future__ import annotations

from datetime import date, datetime

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from common.clock import iso
from dashboard import words
from dashboard.markup import fill


def ago(moment: datetime) -> SafeString:
    """``3 min ago``, with the exact time for whoever points at it; app.js keeps it true."""
    text = words.ago(moment, now=timezone.now())
    return fill('<time datetime="{}" title="{}" data-ago>{}</time>', iso(moment, "seconds"), told(moment), text)


def lasting(since: datetime) -> SafeString:
    """``3 min``: how long something has been so, likewise kept true."""
    text = words.span((timezone.now() - since).total_seconds())
    return fill(
        '<time datetime="{}" title="{}" data-for>{}</time>',
        iso(since, "seconds"),
        gettext("since %s") % told(since),
        text,
    )


def clock(moment: datetime) -> SafeString:
    """The exact time, zone included."""
    return fill('<time datetime="{}">{}</time>', iso(moment, "seconds"), told(moment))


def of_day(moment: datetime, *, today: date | None = None) -> SafeString:
    """For tables whose heading names the zone; the day appears only where it is not today."""
    local = timezone.localtime(moment)
    form = "H:i:s" if local.date() == (today or timezone.localdate()) else gettext("j M H:i:s")
    return fill(
        '<time datetime="{}" title="{}">{}</time>',
        iso(moment, "seconds"),
        words.clock(local),
        words.dated(local, form),
    )


def told(moment: datetime) -> str:
    try:
        return words.clock(timezone.localtime(moment))
    except OverflowError:  # 9999-12-31, for ever: further east that day would have the year 10000
        return words.clock(moment)
