"""The file's entries: what the API takes for the same thing, with keys where the API has ids."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from alerts.serializers import ChannelInput, EscalationField, RuleInput
from common.serializers import StrictSerializer
from maintenance.serializers import WindowInput
from monitors.serializers import MonitorInput
from statuspages.serializers.pages import ComponentInput, PageInput, SectionInput


class KeyField(serializers.Field[UUID, str, str, Any]):
    """Another object, by its key; ``context["find"]`` knows its id."""

    default_error_messages = {
        "invalid": "must be a key of {kind}",
        "unknown": "there is no {wanted!r} in {kind}: add it to the file, or use a key that is there",
    }

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", kind=self.kind)
        found: UUID | None = self.context["find"](self.kind, data)
        if found is None:
            self.fail("unknown", kind=self.kind, wanted=data[:80])
        return found


def keys(kind: str, *, most: int = 1_000) -> serializers.ListField:
    return serializers.ListField(child=KeyField(kind), required=False, max_length=most)


class Entry(StrictSerializer):
    id = serializers.UUIDField(
        required=False, help_text="of an object that was made elsewhere and is taken over under this key"
    )


class MonitorEntry(Entry, MonitorInput):
    parent = KeyField("monitors", required=False, allow_null=True)  # type: ignore[assignment]
    paused = serializers.BooleanField(required=False)


class ChannelEntry(Entry, ChannelInput):
    settings = serializers.DictField(required=False, help_text="by kind; write secrets as ${NAME}")


class EscalationEntry(EscalationField):
    channel = KeyField("channels")  # type: ignore[assignment]


class RuleEntry(Entry, RuleInput):
    monitors = keys("monitors")
    channels = keys("channels", most=50)
    escalation = EscalationEntry(many=True, required=False)


class WindowEntry(Entry, WindowInput):
    monitors = keys("monitors")


class SectionEntry(Entry, SectionInput):
    position = None  # type: ignore[assignment]  # its place in the file says it


class ComponentEntry(Entry, ComponentInput):
    position = None  # type: ignore[assignment]  # its place in the file says it
    section = KeyField("sections", required=False, allow_null=True)  # type: ignore[assignment]
    monitor = KeyField("monitors", required=False, allow_null=True)  # type: ignore[assignment]
    monitors = keys("monitors")


class PageEntry(Entry, PageInput):
    logo = None  # type: ignore[assignment]  # a picture is no text
