"""Signing up, in and out, and one's own name, as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import User
from common.schema import example
from common.serializers import PasswordField, StrictSerializer, TextField
from probes.sentences import say


@example({"email": "ada@example.org", "password": "three grey herons"})
class Credentials(StrictSerializer):
    email = TextField(max_length=254)
    password = PasswordField()
    cookie = serializers.BooleanField(
        default=False, help_text="Send the refresh token in an httpOnly cookie instead of the body."
    )


class Login(Credentials):
    otp = TextField(
        max_length=32,
        required=False,
        help_text="Where a second factor is on: a code of the app, or a recovery code. Both are good once.",
    )


@example({"email": "ada@example.org", "password": "three grey herons", "name": "Ada"})
class SignUp(Credentials):
    name = TextField(max_length=120, default="", allow_blank=True)


class RefreshInput(StrictSerializer):
    refresh = TextField(max_length=4096, required=False, help_text="Left out by clients that hold it in the cookie.")


@example({"email": "ada@example.org"})
class ResetInput(StrictSerializer):
    email = TextField(max_length=254)


class UserOut(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "email", "name"]
        read_only_fields = fields


class TokensOut(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField(required=False, help_text="Absent when it travels in the cookie.")


class SignedIn(TokensOut):
    user = UserOut()


class CheckMail(serializers.Serializer[Any]):
    detail = serializers.CharField(default=lambda: say("A mail says how to go on."), read_only=True)
    code = serializers.CharField(default="check_mail", read_only=True)
