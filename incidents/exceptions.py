"""Refusals that are ours alone."""

from __future__ import annotations

from rest_framework import status
from rest_framework.exceptions import APIException


class Overtaken(APIException):
    """What was asked for made sense before something else happened."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "overtaken"
