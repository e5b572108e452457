"""What is a person's own, as the API takes and gives it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.models import Membership
from accounts.rules import Theme, zone_names
from common.schema import example
from common.serializers import ChoiceField, PasswordField, StrictSerializer, TextField


@example({"time_zone": "Europe/Berlin", "theme": "dark"})
class ProfileChange(StrictSerializer):
    name = TextField(max_length=120, allow_blank=True, required=False)
    time_zone = TextField(max_length=64, required=False, help_text="of the pages: `UTC`, or a place: `Europe/Berlin`")
    language = ChoiceField(
        settings.LANGUAGES, allow_blank=True, required=False, help_text="of the pages; empty: as the browser asks"
    )
    theme = ChoiceField([theme.value for theme in Theme], required=False)
    shortcuts = serializers.BooleanField(required=False, help_text="single keys act on pages")

    def validate_time_zone(self, value: str) -> str:
        if value not in zone_names():
            raise serializers.ValidationError("must be UTC or a place of the tz database, like Europe/Berlin")
        return value


class SureInput(StrictSerializer):
    password = PasswordField(help_text="the present one: that it is still you")


@example({"email": "ada@example.com", "password": "three grey herons"})
class EmailChange(SureInput):
    email = TextField(max_length=254)


@example({"password": "three grey herons", "new_password": "four grey herons"})
class PasswordChange(SureInput):
    new_password = PasswordField()


class TeamOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class Profile(serializers.Serializer[Membership]):
    id = serializers.UUIDField(source="user.id")
    email = serializers.CharField(source="user.email")
    email_confirmed_at = serializers.DateTimeField(source="user.email_confirmed_at", allow_null=True)
    name = serializers.CharField(source="user.name")
    time_zone = serializers.CharField(source="user.time_zone")
    language = serializers.CharField(source="user.language")
    theme = serializers.CharField(source="user.theme")
    shortcuts = serializers.BooleanField(source="user.shortcuts")
    team = TeamOut()
    role = serializers.CharField()


class SessionOut(serializers.Serializer[Any]):
    """A browser or a program that is signed in."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(["browser", "program"])
    address = serializers.CharField(allow_null=True, help_text="where it came from; null where nobody knows")
    client = serializers.CharField(help_text="as it called itself")
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(help_text="of a program: when it last got new tokens")
    current = serializers.BooleanField(help_text="the one that asks")


class FactorOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class FactorsOut(serializers.Serializer[Any]):
    on = serializers.BooleanField(help_text="logging in takes a second factor")
    app = FactorOut(allow_null=True, help_text="the authenticator app")
    keys = FactorOut(many=True, help_text="security keys and passkeys")
    codes_left = serializers.IntegerField(help_text="recovery codes that nobody has used")


class IdentityOut(serializers.Serializer[Any]):
    """A provider that signs the person in."""

    id = serializers.IntegerField()
    provider = serializers.CharField(help_text="as the log-in page calls it")
    issuer = serializers.CharField(help_text="as it calls itself")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()
