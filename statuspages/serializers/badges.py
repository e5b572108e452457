"""A monitor's badges as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.serializers import StrictSerializer
from statuspages.badges import LABEL_LENGTH
from statuspages.models import MonitorBadge
from statuspages.selectors.badges import urls_of


class BadgesInput(StrictSerializer):
    enabled = serializers.BooleanField(default=True)
    label = serializers.CharField(max_length=LABEL_LENGTH, allow_blank=True, default="")  # type: ignore[assignment]


class BadgesOutput(serializers.Serializer[MonitorBadge]):
    """``urls``: by badge; add ``.svg`` for the picture or ``.json`` for shields.io. Null while nothing is shared."""

    enabled = serializers.BooleanField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes fields off the class
    urls = serializers.DictField(child=serializers.CharField(), allow_null=True)

    def to_representation(self, instance: MonitorBadge | None) -> dict[str, Any]:
        if instance is None:
            return {"enabled": False, "label": "", "urls": None}
        return {"enabled": instance.enabled, "label": instance.label, "urls": urls_of(instance)}
