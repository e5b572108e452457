"""Imports as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.serializers import ChoiceField, StrictSerializer
from imports.rules import Action
from imports.sources import SOURCES


class FileInput(StrictSerializer):
    """The export as an uploaded ``file`` (multipart), or as text in ``content``."""

    # Declared fields leave the class, so DRF's own attribute of this name stays what it is.
    source = ChoiceField(choices=list(SOURCES))  # type: ignore[assignment]
    origin = serializers.CharField(
        max_length=60,
        required=False,
        allow_blank=True,
        default="",
        help_text="which installation, where there are several",
    )
    file = serializers.FileField(required=False, allow_empty_file=True)
    content = serializers.CharField(required=False, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("file" in attrs) == ("content" in attrs):
            raise serializers.ValidationError({"file": ["Give either a file or its content."]})
        return attrs

    @property
    def data_of_file(self) -> bytes:
        said = self.validated_data
        content: bytes = said["file"].read() if "file" in said else said["content"].encode()
        return content


class ImportInput(FileInput):
    apply = serializers.BooleanField(default=False, help_text="false: only say what would be done")
    shadow = serializers.BooleanField(default=True, help_text="new monitors tell nobody until that is switched on")


class ImportItemOutput(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=list(Action))
    foreign_id = serializers.CharField()
    name = serializers.CharField()
    monitor = serializers.UUIDField(allow_null=True, help_text="of a preview that would create it: null")
    kind = serializers.CharField()
    reason = serializers.CharField(help_text="why it is skipped; else empty")
    changes = serializers.DictField(help_text="{field: [before, after]}")
    losses = serializers.ListField(child=serializers.CharField(), help_text="what of it is not taken over")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if instance.action is Action.CREATE and not self.context.get("applied"):
            shown["monitor"] = None  # its id was made for the preview alone
        return shown


class ImportPlanOutput(serializers.Serializer[Any]):
    applied = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField())
    items = ImportItemOutput(many=True)
    losses = serializers.ListField(child=serializers.CharField())
    channels = serializers.ListField(child=serializers.CharField(), help_text="whom the other tool told")


class DisagreementOutput(serializers.Serializer[Any]):
    begins = serializers.DateTimeField()
    ends = serializers.DateTimeField()
    ours_up = serializers.BooleanField()
    ours_why = serializers.CharField()
    theirs_why = serializers.CharField()
    brief = serializers.BooleanField(help_text="no longer than two timetables explain")


class ComparedOutput(serializers.Serializer[Any]):
    monitor = serializers.UUIDField(source="monitor.pk")
    name = serializers.CharField(source="monitor.name")
    foreign_id = serializers.CharField()
    agreement = serializers.FloatField(source="parity.agreement", allow_null=True)
    compared_s = serializers.FloatField(source="parity.compared_s")
    since = serializers.DateTimeField(source="parity.since", allow_null=True)
    until = serializers.DateTimeField(source="parity.until", allow_null=True)
    disagreements = DisagreementOutput(source="parity.disagreements", many=True)


class ParityOutput(serializers.Serializer[Any]):
    results = ComparedOutput(many=True)
