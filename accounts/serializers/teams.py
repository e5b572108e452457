"""Teams, keys and the audit log as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import ApiKey, AuditEntry, Invitation
from accounts.rules import Role, Scope
from common.schema import example
from common.serializers import ChoiceField, MomentField, StrictSerializer, TextField

ROLES = [role.value for role in Role]
SCOPES = [scope.value for scope in Scope]


class TeamInput(StrictSerializer):
    name = TextField(max_length=120)


class OwnTeamOutput(serializers.Serializer[Any]):
    """A team as one of its members sees it."""

    id = serializers.UUIDField(source="team.id")
    name = serializers.CharField(source="team.name")
    role = serializers.CharField(help_text="the caller's")
    created_at = serializers.DateTimeField(source="team.created_at")


class MemberOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="user.id", help_text="of the person")
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.CharField()
    joined_at = serializers.DateTimeField(source="created_at")


class RoleInput(StrictSerializer):
    role = ChoiceField(choices=ROLES)


class TransferInput(StrictSerializer):
    user = serializers.UUIDField(help_text="a member, who becomes the owner; the caller becomes an editor")


@example({"email": "grace@example.org", "role": "editor"})
class InvitationInput(StrictSerializer):
    email = TextField(max_length=254)
    role = ChoiceField(choices=ROLES, default=Role.EDITOR.value)


class InvitationOutput(serializers.ModelSerializer[Invitation]):
    invited_by = serializers.CharField(source="invited_by.email", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "invited_by", "created_at", "expires_at", "sent_at"]
        read_only_fields = fields


@example({"name": "CI", "scope": "write"})
class KeyInput(StrictSerializer):
    name = TextField(max_length=120)
    scope = ChoiceField(choices=SCOPES, default=Scope.READ.value)
    expires_at = MomentField(required=False, allow_null=True, help_text="left out: it does not expire")


class KeyOutput(serializers.ModelSerializer[ApiKey]):
    created_by = serializers.CharField(source="created_by.email", default=None, allow_null=True, read_only=True)

    class Meta:
        model = ApiKey
        fields = ["id", "name", "scope", "prefix", "created_by", "created_at", "expires_at", "last_used_at"]
        read_only_fields = fields


class NewKeyOutput(KeyOutput):
    secret = serializers.CharField(read_only=True, help_text="shown this once, and never again")

    class Meta(KeyOutput.Meta):
        fields = [*KeyOutput.Meta.fields, "secret"]
        read_only_fields = fields


class AuditQuery(serializers.Serializer[Any]):
    """``?who= &kind= &verb= &since= &until=``."""

    who = serializers.CharField(required=False, max_length=254, help_text="part of an address or a key's name")
    kind = serializers.CharField(required=False, max_length=40, help_text="what was changed: monitor, for example")
    verb = serializers.CharField(required=False, max_length=40, help_text="created, changed, deleted, ...")
    since = MomentField(required=False, help_text="at this time or later")
    until = MomentField(required=False, help_text="before this time")


class AuditOutput(serializers.ModelSerializer[AuditEntry]):
    class Meta:
        model = AuditEntry
        fields = [
            *("id", "at", "by", "actor_id", "actor", "verb", "kind", "object_id", "name", "changes"),
            *("address", "user_agent", "request_id"),
        ]
        read_only_fields = fields
