"""The OpenAPI document is whole, is the committed one, and can be read as a page."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from api.description import document
from api.reading import sections_of

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


PLAIN = {"GET /api/schema"}  # drf-spectacular's own parameters


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{verb.upper()} {path}", operation)
        for path, verbs in document()["paths"].items()
        for verb, operation in verbs.items()
    ]


def test_the_committed_document_is_what_the_code_says() -> None:
    document.cache_clear()
    said = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=said)
    assert said.getvalue() == COMMITTED.read_text(), "make openapi writes it anew"


@pytest.mark.parametrize(("shape", "field"), [("Invitation", "invited_by"), ("Key", "created_by")])
def test_what_may_be_nobodys_is_described_so(shape: str, field: str) -> None:
    """A key invites, and the person who made a key may be gone."""
    assert "null" in document()["components"]["schemas"][f"{shape}Output"]["properties"][field]["type"]


def test_every_operation_says_what_it_does() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(set(names)) == len(names)
    for name, operation in operations():
        assert operation["tags"], name
        assert 3 <= len(operation.get("summary", "")) <= 120, f"{name}: the first sentence of its docstring"
        assert "\n" not in operation["summary"], name
        good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        assert good, name
        assert all(answer["description"] for answer in good), name
        for parameter in operation.get("parameters", []):
            assert "$ref" in parameter or parameter["in"] == "path" or parameter.get("description") or name in PLAIN, (
                name,
                parameter,
            )


def test_the_page_tells_every_operation() -> None:
    answer = Client().get("/api/docs")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", text)
    for name, operation in operations():
        assert f'id="{operation["operationId"]}"' in text, name
    assert "curl -s $SITE/api/monitor \\" in text


@pytest.mark.parametrize(
    ("words", "found"), [("pause monitor", "monitor_pause_create"), ("Heartbeats pings", "monitor_pings_list")]
)
def test_the_page_can_be_searched(words: str, found: str) -> None:
    text = Client().get("/api/docs", {"q": words}).content.decode()
    assert f'id="{found}"' in text
    assert 'id="auth_login_create"' not in text


def test_what_is_searched_for_is_text() -> None:
    text = Client().get("/api/docs", {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in text
    assert "No operation has all of these words." in text


def test_a_call_can_be_copied() -> None:
    calls = {one.id: one.call for section in sections_of(document()) for one in section.operations}
    assert calls["monitor_pause_create"].startswith("curl -s -X POST $SITE/api/monitor/$ID/pause")
    assert "Authorization" not in calls["auth_login_create"]
    assert '"email"' in calls["auth_login_create"]
