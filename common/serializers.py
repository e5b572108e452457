"""Reading the body of a request: the strict base of every input, and its usual fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.settings import api_settings

from common.flaws import flaw_of
from probes.sentences import say

UNKNOWN_FIELDS_NAMED = 10  # a body may hold a hundred thousand


class StrictJSONParser(JSONParser):
    """JSON that can be written out again: by whoever refuses a field by its name, keeps a value or sends it on."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        data = super().parse(*args, **kwargs)
        if found := flaw_of(data):
            name, why = found
            raise ValidationError({name or api_settings.NON_FIELD_ERRORS_KEY: [why]})
        return data


class StrictSerializer(serializers.Serializer[Any]):
    # Refuses what it does not know: a mistyped field dropped in silence is a setting that never was. No docstring says
    # so, since every input without one of its own would carry it into the API's description.

    def to_internal_value(self, data: Any) -> Any:
        problems = self._unknown_fields(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**problems, **error.detail}) from error  # type: ignore[dict-item]
        if problems := problems | self._left_out(data):
            raise ValidationError(problems)
        return value

    def _left_out(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        """A PATCH may leave out a part, and of a part that it names nothing that is needed."""
        needed = [field for field in self._writable_fields if field.required] if self.parent else []
        return {
            str(field.field_name): [str(field.error_messages["required"])]
            for field in needed
            if field.field_name not in data
        }

    def _unknown_fields(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        writable = {str(field.field_name) for field in self._writable_fields}
        unknown = [str(name)[:100] for name in data if name not in writable]
        return {
            name: [say("This field cannot be set.") if name in self.fields else _unknown(name, writable)]
            for name in unknown[:UNKNOWN_FIELDS_NAMED]
        }


def _unknown(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return say("Unknown field. Did you mean {near}?", near=near[0]) if near else say("Unknown field.")


class TextField(serializers.CharField):
    """JSON text. DRF's own field also takes a number for its digits."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ChoiceField(serializers.ChoiceField):
    """One of some words, which a refusal names."""

    def fail(self, key: str, **values: Any) -> NoReturn:
        if key == "invalid_choice":
            raise ValidationError(say("must be one of {names}", names=", ".join(filter(None, self.choices))), code=key)
        super().fail(key, **values)


class MomentField(serializers.DateTimeField):
    """A point in time."""

    def fail(self, key: str, **values: Any) -> NoReturn:
        if key == "invalid":
            raise ValidationError(say("must be a time like 2026-01-31T12:00:00Z"), code=key)
        super().fail(key, **values)


class PasswordField(TextField):
    """Long enough for any pass phrase, short enough to hash; spaces at the ends belong to it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=1000, trim_whitespace=False, write_only=True, **options)


def read_body(kind: type[serializers.Serializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """The body's fields, as this serializer checks them. Raises ``ValidationError`` with the problems by field."""
    given = kind(data=request.data, partial=partial)
    given.is_valid(raise_exception=True)
    fields: dict[str, Any] = given.validated_data
    return fields
