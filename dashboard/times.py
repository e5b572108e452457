"""Times as HTML, by the clocks of whoever is looking: ``accounts.access.preferences`` sets the zone."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from dashboard import words


def ago(moment: datetime) -> SafeString:
    """``3 min ago``, with the exact time for whoever points at it; app.js keeps it true."""
    text = words.ago(moment, now=timezone.now())
    return format_html('<time datetime="{}" title="{}" data-ago>{}</time>', iso(moment), told(moment), text)


def lasting(since: datetime) -> SafeString:
    """``3 min``: how long something has been so, likewise kept true."""
    text = words.span((timezone.now() - since).total_seconds())
    return format_html(
        '<time datetime="{}" title="{}" data-for>{}</time>',
        iso(since),
        gettext("since %s") % told(since),
        text,
    )


def clock(moment: datetime) -> SafeString:
    """The exact time, zone included."""
    return format_html('<time datetime="{}">{}</time>', iso(moment), told(moment))


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def told(moment: datetime) -> str:
    return words.clock(timezone.localtime(moment))
