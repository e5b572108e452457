"""What the accounts API takes and gives, and the strict base that every input of the API is built on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.examples import example
from accounts.models import Membership, User

UNKNOWN_FIELDS_NAMED = 10  # a body may hold a hundred thousand


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know: a mistyped field dropped in silence is a setting that never was."""

    def to_internal_value(self, data: Any) -> Any:
        problems = self._unknown_fields(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**problems, **error.detail}) from error  # type: ignore[dict-item]
        if problems:
            raise ValidationError(problems)
        return value

    def _unknown_fields(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        writable = {field.field_name for field in self._writable_fields}
        unknown = [str(name)[:100] for name in data if name not in writable]
        return {
            name: ["This field cannot be set." if name in self.fields else "Unknown field."]
            for name in unknown[:UNKNOWN_FIELDS_NAMED]
        }


class TextField(serializers.CharField):
    """JSON text. DRF's own field also takes a number for its digits."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class PasswordField(TextField):
    """Long enough for any pass phrase, short enough to hash; spaces at the ends belong to it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=1000, trim_whitespace=False, write_only=True, **options)


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


class ProfileChange(StrictSerializer):
    name = TextField(max_length=120, allow_blank=True, required=False)


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
    detail = serializers.CharField(default="A mail says how to go on.", read_only=True)
    code = serializers.CharField(default="check_mail", read_only=True)


class TeamOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class Profile(serializers.Serializer[Membership]):
    id = serializers.UUIDField(source="user.id")
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    team = TeamOut()
    role = serializers.CharField()
