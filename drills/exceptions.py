"""Refusals that are ours alone."""

from __future__ import annotations

from rest_framework import status
from rest_framework.exceptions import APIException

from probes.sentences import say


class DrillRuns(APIException):
    """One at a time: two would measure each other."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = say("A drill of this team is under way; wait until it has ended.")
    default_code = "drill_runs"
