"""Status pages as the API takes and gives them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.schema import example
from common.serializers import ChoiceField, PasswordField, StrictSerializer, TextField
from statuspages.models import Component, Post, PostUpdate, Section, StatusPage
from statuspages.rules import PostKind, PostState, Source, Visibility


@extend_schema_field({"type": "string", "contentEncoding": "base64"})
class PictureField(serializers.Field[bytes, str, str, Any]):
    """A picture in base64: PNG, JPEG, WebP or GIF. Null takes it away."""

    default_error_messages = {"invalid": "Send the picture in base64."}

    def to_internal_value(self, data: Any) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except (TypeError, ValueError, binascii.Error):
            self.fail("invalid")


@example({"title": "Shop", "slug": "shop", "published": True})
class PageInput(StrictSerializer):
    title = TextField(max_length=120)
    slug = TextField(max_length=60)
    domain = TextField(max_length=253, required=False, allow_null=True, allow_blank=True)
    description = TextField(max_length=1_000, required=False, allow_blank=True)
    logo = PictureField(required=False, allow_null=True, write_only=True)
    colours = serializers.DictField(child=TextField(max_length=7), required=False)
    languages = serializers.ListField(child=TextField(max_length=12), required=False, max_length=20)
    published = serializers.BooleanField(required=False)
    visibility = ChoiceField([word.value for word in Visibility], required=False)
    password = PasswordField(required=False, allow_blank=True)
    embeddable = serializers.BooleanField(required=False)
    lists_outages = serializers.BooleanField(required=False)
    takes_subscribers = serializers.BooleanField(required=False)


class SectionInput(StrictSerializer):
    name = TextField(max_length=120)
    position = serializers.IntegerField(required=False, min_value=0, max_value=1_000, help_text="0 is the first")


@example({"name": "Checkout", "source": "monitor", "monitor": "8a712df9-1b0c-4d3e-9f51-2a6b7c8d9e0f"})
class ComponentInput(StrictSerializer):
    name = TextField(max_length=120)
    description = TextField(max_length=300, required=False, allow_blank=True)
    section = serializers.UUIDField(required=False, allow_null=True)
    position = serializers.IntegerField(required=False, min_value=0, max_value=1_000, help_text="0 is the first")
    source = ChoiceField([word.value for word in Source], required=False)  # type: ignore[assignment]
    monitor = serializers.UUIDField(required=False, allow_null=True)
    tag = TextField(max_length=40, required=False, allow_blank=True)
    monitors = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=1_000)
    shows_chart = serializers.BooleanField(required=False)


class PostChange(StrictSerializer):
    title = TextField(max_length=200, required=False)
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    components = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=200)
    incident = serializers.UUIDField(required=False, allow_null=True)
    window = serializers.UUIDField(required=False, allow_null=True)


@example({"state": "resolved", "text": "It works again."})
class UpdateInput(StrictSerializer):
    state = ChoiceField([word.value for word in PostState])
    text = TextField(max_length=5_000, help_text="Markdown")


@example({"title": "Slow checkout", "text": "We look into it.", "state": "investigating"})
class PostInput(PostChange):
    kind = ChoiceField([word.value for word in PostKind], default=PostKind.INCIDENT.value)
    title = TextField(max_length=200)
    state = ChoiceField([word.value for word in PostState], required=False)
    text = TextField(max_length=5_000, help_text="Markdown")


class SectionOutput(serializers.ModelSerializer[Section]):
    class Meta:
        model = Section
        fields = ["id", "name", "position"]
        read_only_fields = fields


class ComponentOutput(serializers.ModelSerializer[Component]):
    monitors = serializers.PrimaryKeyRelatedField[Any](source="group", many=True, read_only=True)

    class Meta:
        model = Component
        fields = [
            "id",
            "name",
            "description",
            "section",
            "position",
            "source",
            "monitor",
            "tag",
            "monitors",
            "shows_chart",
        ]
        read_only_fields = fields


class PageOutput(serializers.ModelSerializer[StatusPage]):
    """``url`` holds the token of an unlisted page: whoever has it may look."""

    url = serializers.CharField(read_only=True)
    has_logo = serializers.BooleanField(source="logo_mark", read_only=True)
    has_password = serializers.BooleanField(source="password", read_only=True)
    sections = SectionOutput(many=True, read_only=True)
    components = ComponentOutput(many=True, read_only=True)

    class Meta:
        model = StatusPage
        fields = [
            "id",
            "title",
            "slug",
            "domain",
            "url",
            "description",
            "has_logo",
            "colours",
            "languages",
            "published",
            "visibility",
            "has_password",
            "embeddable",
            "lists_outages",
            "takes_subscribers",
            "sections",
            "components",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def to_representation(self, instance: StatusPage) -> dict[str, Any]:
        told: dict[str, Any] = super().to_representation(instance)
        return told | {"has_logo": bool(instance.logo_mark), "has_password": bool(instance.password)}


class UpdateOutput(serializers.ModelSerializer[PostUpdate]):
    class Meta:
        model = PostUpdate
        fields = ["id", "state", "text", "at"]
        read_only_fields = fields


class PostOutput(serializers.ModelSerializer[Post]):
    components = serializers.PrimaryKeyRelatedField[Any](many=True, read_only=True)
    updates = UpdateOutput(many=True, read_only=True)

    class Meta:
        model = Post
        fields = [
            "id",
            "page",
            "kind",
            "title",
            "state",
            "starts_at",
            "ends_at",
            "components",
            "incident",
            "window",
            "updates",
        ]
        read_only_fields = fields
