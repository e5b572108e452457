"""Examples in the API's description, said where the shape is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer

Shape = TypeVar("Shape")


def example(value: dict[str, Any]) -> Callable[[type[Shape]], type[Shape]]:
    """What somebody might send; the page of the API makes a call from it."""
    told: Callable[[type[Shape]], type[Shape]] = extend_schema_serializer(
        examples=[OpenApiExample("Example", value=value, request_only=True)]
    )
    return told
