"""Subscribers as the API gives them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class SubscriberOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    address = serializers.CharField(help_text="masked for viewers")
    components = serializers.ListField(child=serializers.CharField(), help_text="names; empty: the whole page")
    confirmed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    dead = serializers.IntegerField(help_text="messages that never arrived")


class RedrivenOutput(serializers.Serializer[Any]):
    sent = serializers.IntegerField(help_text="messages")
