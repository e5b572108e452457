"""Plans as the API takes and gives them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.serializers import ChoiceField, StrictSerializer, TextField
from config.rules import Delete, Verb

MOST_VARIABLES = 500


class ConfigInput(StrictSerializer):
    yaml = serializers.CharField(required=False, trim_whitespace=False, help_text="the file as it is")
    config = serializers.DictField(required=False, help_text="or what it says")
    delete = ChoiceField(
        [word.value for word in Delete],
        default=Delete.NONE.value,
        help_text="of the kinds in the file: nothing, what came from a file once, or all that is not in it",
    )
    variables = serializers.DictField(
        child=TextField(max_length=50_000, trim_whitespace=False, allow_blank=True),
        required=False,
        write_only=True,
        help_text="the values of ${NAME}; the server's own environment is never read",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("yaml" in attrs) == ("config" in attrs):
            raise serializers.ValidationError({"yaml": ["give either yaml or config"]})
        if len(attrs.get("variables", {})) > MOST_VARIABLES:
            raise serializers.ValidationError({"variables": [f"at most {MOST_VARIABLES}"]})
        return attrs


class ChangeOutput(serializers.Serializer[Any]):
    verb = serializers.ChoiceField([verb.value for verb in Verb])
    path = serializers.CharField()
    name = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(), help_text="before and after by name; secrets are masked"
    )
    loses = serializers.ListField(child=serializers.CharField(), help_text="what is deleted with it")


class PlanOutput(serializers.Serializer[Any]):
    changed = serializers.BooleanField()
    changes = ChangeOutput(many=True)
    notes = serializers.ListField(child=serializers.CharField())
