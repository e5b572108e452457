"""What pages say of states, in the visitor's language."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from monitors.rules import Status
from statuspages.rules import NO_DATA, Overall, PostState

Words = str | Promise

COMPONENTS: Mapping[Status, Words] = {
    Status.UP: _("Working"),
    Status.DEGRADED: _("Degraded"),
    Status.PARTIAL: _("Partly down"),
    Status.DOWN: _("Down"),
    Status.MAINTENANCE: _("Maintenance"),
    Status.UNKNOWN: _("No data"),
}

DAYS: Mapping[str, Words] = {
    Status.UP: _("no trouble"),
    Status.DEGRADED: _("degraded"),
    Status.PARTIAL: _("short outage"),
    Status.DOWN: _("outage"),
    Status.MAINTENANCE: _("maintenance"),
    NO_DATA: _("no data"),
}

OVERALL: Mapping[Overall, Words] = {
    Overall.EMPTY: _("Nothing is shown here yet"),
    Overall.UP: _("Everything works"),
    Overall.UP_AS_KNOWN: _("All that we have data of works"),
    Overall.INCIDENT: _("We are looking into a problem"),
    Overall.MAINTENANCE: _("Planned work is under way"),
    Overall.DEGRADED: _("Something is slower or worse than it should be"),
    Overall.PARTIAL: _("Something is partly down"),
    Overall.SOME_DOWN: _("Something is down"),
    Overall.ALL_DOWN: _("Everything is down"),
    Overall.UNKNOWN: _("We cannot tell at the moment"),
}

POSTS: Mapping[PostState, Words] = {
    PostState.INVESTIGATING: _("Investigating"),
    PostState.IDENTIFIED: _("Cause found"),
    PostState.MONITORING: _("Watching the fix"),
    PostState.RESOLVED: _("Resolved"),
    PostState.SCHEDULED: _("Planned"),
    PostState.UNDER_WAY: _("Under way"),
    PostState.COMPLETED: _("Completed"),
}

POST_MARKS: Mapping[PostState, Status] = {
    PostState.INVESTIGATING: Status.DOWN,
    PostState.IDENTIFIED: Status.PARTIAL,
    PostState.MONITORING: Status.DEGRADED,
    PostState.RESOLVED: Status.UP,
    PostState.SCHEDULED: Status.PENDING,
    PostState.UNDER_WAY: Status.MAINTENANCE,
    PostState.COMPLETED: Status.UP,
}
"""Whose sign and colour stand beside the word."""
