"""An export changes nothing, applied where it was made, and makes the same elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator

from accounts.models import Team, User
from alerts.models import Channel
from config import document, services
from config.document import Document
from config.models import ConfigKey
from config.rules import Delete
from config.schema import schema
from monitors.models import Monitor
from statuspages.models import StatusPage
from tests.config.conftest import Hand, example, paths
from tests.tenancy.test_matrix import WRITE

pytestmark = pytest.mark.django_db


ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def exported(team: Team) -> str:
    return document.write(services.export(team, with_ids=True), schema="http://localhost/schema")


def writes(queries: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in queries if WRITE.search(query["sql"]) and "RELEASE" not in query["sql"]]


def test_an_export_applied_where_it_was_made_changes_nothing(busy: Team, hand: Hand) -> None:
    text = exported(busy)
    found = hand.apply(text, Delete.ALL)
    assert paths(found) == {}
    assert ConfigKey.objects.filter(team=busy, kind="monitors").count() == 5
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert paths(hand.apply(text, Delete.ALL)) == {}
    assert not writes(queries), "the second time there is nothing to write"
    later = exported(busy)
    assert "id:" in text
    assert "id:" not in later, "from now on the keys say it"
    assert paths(hand.plan(later, Delete.ALL)) == {}


def test_an_export_holds_no_secret(busy: Team) -> None:
    text = ID.sub("", exported(busy))  # in which any three letters may stand
    for secret in ("s3cret", "1e3", "signature", "open sesame", "a: ${b}", "pbkdf2", "md5$"):
        assert secret not in text
    assert "${MONITORS_SHOP_THE_1_HOME_YES_SPEC_HEADERS_AUTHORIZATION}" in text
    assert 'Shop: "the" #1 - ${HOME} yes' in yaml.safe_load(text)["monitors"]["shop-the-1-home-yes"]["name"]


def test_an_export_makes_the_same_for_another_team(busy: Team, stranger: User) -> None:
    other = Hand(stranger.memberships.get().team, stranger)
    whole = services.export(busy, with_ids=False)
    whole["status_pages"]["acme"]["slug"] = "acme-2"
    del whole["status_pages"]["acme"]["domain"]
    values = {"STATUS_PAGES_ACME_PASSWORD": "open sesame", "CHANNELS_HOOK_SETTINGS_HEADERS_X_KEY": "k"}
    values |= {"CHANNELS_HOOK_SETTINGS_SECRET": "signature"}
    shop = "MONITORS_SHOP_THE_1_HOME_YES_SPEC_"
    values |= {f"{shop}HEADERS_AUTHORIZATION": "Bearer s3cret", f"{shop}HEADERS_X_NUMBER": "1", f"{shop}BODY": "b"}
    other.apply(Document(whole), Delete.ALL, **values)
    copy = services.export(other.team, with_ids=True)
    assert copy == whole
    assert paths(other.plan(Document(whole), Delete.ALL, **values)) == {}
    made = Monitor.objects.for_team(other.team).get(name__startswith="Shop:")
    assert made.full_spec["headers"]["Authorization"] == "Bearer s3cret"
    assert made.parent is not None
    assert made.parent.name == "Router"


def test_the_example_of_the_documentation_is_applied(hand: Hand) -> None:
    text = example()
    planned = hand.plan(text)
    assert not Monitor.objects.exists(), "a plan changes nothing"
    assert planned == hand.apply(text)
    assert paths(hand.apply(text)) == {}
    assert Monitor.objects.get(name="Shop").parent == Monitor.objects.get(name="gateway")
    assert Monitor.objects.get(name="database").paused
    page = StatusPage.objects.get(slug="harbour")
    assert [each.name for each in page.components.order_by("section__position", "position")] == [
        *("Shop", "All for customers", "Data")
    ]
    assert Channel.objects.get(name="on-call").full_settings["secret"] == "hush-hush-1"


def test_the_schema_knows_the_example_and_what_is_exported(busy: Team) -> None:
    Draft202012Validator.check_schema(schema())
    known = Draft202012Validator(schema())
    for whole in (document.read(example()).data, document.read(exported(busy)).data):
        assert [error.message for error in known.iter_errors(whole)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"version": 1, "monitor": {}},
        {"version": 1, "monitors": {"Shop!": {}}},
        {"version": 1, "monitors": {"shop": {"interval": "often"}}},
        {"version": 1, "monitors": {"shop": {"kind": "tcp", "spec": {"hots": "x"}}}},
        {"version": 1, "channels": {"ops": {"kind": "slack", "settings": {}}}},
        {"version": 1, "rules": {"all": {"escalation": [{"channel": "ops"}]}}},
        {"version": 1, "status_pages": {"p": {"components": {"c": {"postion": 1}}}}},
    ],
)
def test_the_schema_refuses_what_the_server_does(wrong: dict[str, Any], hand: Hand) -> None:
    assert not Draft202012Validator(schema()).is_valid(wrong)

    with pytest.raises(ValidationError):
        hand.plan(Document(wrong))
