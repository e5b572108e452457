"""What a file changes, what it leaves alone, and how it is refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Team, User
from alerts.models import Channel, Rule
from config import rules
from config.models import ConfigKey
from config.rules import Delete, Verb
from incidents.models import Incident
from monitors import services as monitors
from monitors.models import Monitor
from statuspages.models import Component, StatusPage
from tests.config.conftest import Hand, paths
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

FILE = """\
version: 1
monitors:
  shop:
    url: https://shop.example.org/
    spec:
      headers: {Authorization: "Bearer ${SHOP_TOKEN}"}
  api: {url: https://api.example.org/, interval: 300, parent: shop}
channels:
  ops: {kind: slack, settings: {url: "${SLACK_URL}"}}
rules:
  all: {monitors: [shop, api], channels: [ops]}
status_pages:
  public:
    title: Acme
    components:
      shop: {monitor: shop}
      api: {monitor: api}
"""


CIRCLE = ("monitors.a.parent", "depends on this one already")


def refusals(hand: Hand, text: str, saved: str = "tok-1") -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        hand.apply(text, SHOP_TOKEN=saved)
    found: dict[str, list[str]] = caught.value.message_dict
    return found


def test_what_is_renamed_stays_the_same_thing(hand: Hand) -> None:
    hand.apply(FILE)
    before = {monitor.name: monitor.pk for monitor in Monitor.objects.all()}
    text = FILE.replace("  shop:\n", "  shop:\n    name: The shop\n    interval: 120\n", 1)
    found = hand.apply(text)
    assert paths(found) == {"monitors.shop": "update"}
    assert found.changes[0].fields == {"name": ("shop", "The shop"), "interval": (60, 120)}
    assert Monitor.objects.get(name="The shop").pk == before["shop"]
    assert list(rules.lines_of(found)) == [
        *("~ monitors.shop  The shop", "    name: shop -> The shop", "    interval: 60 -> 120"),
        "Plan: 0 to create, 1 to update, 0 to delete.",
    ]


def test_the_regions_are_asked_for_once_however_many_monitors_there_are(hand: Hand) -> None:
    """A file of two thousand that says nothing of regions must not ask two thousand times."""
    many = "version: 1\nmonitors:\n" + "".join(f"  m{n}: {{url: 'https://m{n}.example.org/'}}\n" for n in range(4))
    hand.apply(many)
    with CaptureQueriesContext(connection) as asked:
        assert not hand.apply(many).changes
    assert sum('FROM "monitors_region"' in query["sql"] for query in asked) == 1


def test_what_somebody_changed_by_hand_is_set_back_or_made_again(hand: Hand) -> None:
    hand.apply(FILE)
    shop, api = Monitor.objects.get(name="shop"), Monitor.objects.get(name="api")
    monitors.update_monitor(shop, tags=["by hand"])
    monitors.delete_monitor(api)
    found = hand.apply(FILE)
    assert paths(found) == {
        "monitors.shop": "update",
        "monitors.api": "create",
        "rules.all": "update",
        "status_pages.public.components.api": "create",
    }
    assert {monitor.name for monitor in Rule.objects.get(name="all").monitors.all()} == {"shop", "api"}
    assert paths(hand.plan(FILE)) == {}


def test_nothing_is_deleted_unless_somebody_asks(hand: Hand, make_monitor: MakeMonitor) -> None:
    hand.apply(FILE)
    mine = make_monitor(name="By hand")
    shop = Monitor.objects.get(name="shop")
    began = shop.created_at
    Incident.objects.create(monitor=shop, started_at=began, confirmed_at=began, cause={})
    smaller = "version: 1\nmonitors:\n  api: {url: https://api.example.org/, interval: 300}\nrules: {}\n"

    kept = hand.apply(smaller)
    assert paths(kept) == {"monitors.api": "update"}, "only the parent that is no longer said"
    assert any("monitors.shop is no longer in the file" in note for note in kept.notes)

    found = hand.plan(smaller, Delete.KEYED)
    assert paths(found) == {"rules.all": "delete", "monitors.shop": "delete"}
    assert found.changes[-1].loses == ("incidents: 1", "components of status pages: 1", "places in rules: 1")
    assert Monitor.objects.count() == 3

    found = hand.apply(smaller, Delete.ALL)
    assert paths(found)["monitors.by-hand"] == "delete"
    assert not Monitor.objects.filter(pk=mine.pk).exists()
    assert Channel.objects.filter(name="ops").exists(), "of channels the file says nothing"
    assert StatusPage.objects.exists()


def test_all_or_nothing_with_every_refusal_at_its_line(hand: Hand, regions: list[str]) -> None:
    text = FILE.replace("interval: 300", "interval: 3, colour: red").replace("channels: [ops]", "channels: [opps]")
    text = text.replace("title: Acme", "title: Acme\n    slug: Not good") + "monitor: {}\n"
    found = refusals(hand, text)
    assert found["monitor"] == [
        "is not known; a file has version, monitors, channels, rules, maintenance, status_pages (line 19)"
    ]
    found = refusals(hand, text.replace("monitor: {}\n", ""))
    assert found.keys() == {"monitors.api.colour", "rules.all.channels.0", "status_pages.public.slug"}
    assert found["monitors.api.colour"] == ["Unknown field. (line 7)"]
    assert "there is no 'opps' in channels" in found["rules.all.channels.0"][0]
    assert "(line 11)" in found["rules.all.channels.0"][0]
    assert refusals(hand, text.replace(", colour: red", "").replace("monitor: {}\n", ""))["monitors.api.interval"] == [
        "must be from 60 to 86400 seconds (line 7)"
    ]
    assert not Monitor.objects.exists()
    assert not ConfigKey.objects.exists()
    assert not AuditEntry.objects.filter(kind="monitor").exists()


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("[]", "", "must be an object"),
        ("version: 3", "version", "must be 1"),
        ("monitors: [1]", "monitors", "must be an object with a key"),
        ("monitors: {a b: {}}", "monitors.a b", "is no key"),
        ("monitors: {a: 1}", "monitors.a", "must be an object"),
        ("monitors: {a: {kind: gopher}}", "monitors.a.kind", "must be one of"),
        ("monitors: {a: {url: http://10.0.0.1/}}", "monitors.a.url", "not on the public internet"),
        ("monitors: {a: {url: http://a.example/, parent: a}}", "monitors.a.parent", "its own parent"),
        ("monitors: {a: {url: http://a.example/, parent: 1}}", "monitors.a.parent", "must be a key"),
        ("monitors: {a: {kind: heartbeat, spec: {period: 60}, interval: 60}}", "monitors.a.interval", "no meaning"),
        ("monitors: {a: {url: http://a.example/, parent: b}, b: {url: http://b.example/, parent: a}}", *CIRCLE),
        ("rules: {a: {parent: b}}", "rules.a.parent", "Unknown field"),
        ("channels: {a: {}}", "channels.a.kind", "required"),
        ("channels: {a: {kind: slack, settings: {url: '${NO}'}}}", "channels.a.settings.url", "NO is not set"),
        ("maintenance: {a: {starts: 2020-01-01, minutes: 5, everything: true}}", "maintenance.a.starts", "is over"),
        ("status_pages: {a: {components: {b: {section: c}}}}", "status_pages.a.components.b.section", "no 'c'"),
        ("rules: {a: {escalation: [{after_minutes: 5, channel: x}]}}", "rules.a.escalation.0.channel", "no 'x'"),
    ],
)
def test_nonsense_is_refused_by_path(hand: Hand, text: str, path: str, words: str) -> None:
    found = refusals(hand, text if text.startswith(("[", "version")) else f"version: 1\n{text}")
    assert words in " ".join(found[path])


def test_another_teams_things_are_unknown(hand: Hand, stranger: User) -> None:
    theirs = stranger.memberships.get().team
    monitor = monitors.create_monitor(team=theirs, url="https://theirs.example/")
    ConfigKey.objects.create(team=theirs, kind="monitors", key="theirs", object_id=monitor.pk)
    mine = f"version: 1\nmonitors:\n  mine: {{id: {monitor.pk}, url: https://mine.example/}}\n"
    assert "no such object" in refusals(hand, mine)["monitors.mine.id"][0]
    named = "version: 1\nmonitors:\n  mine: {url: https://mine.example/, parent: theirs}\n"
    assert "there is no 'theirs'" in refusals(hand, named)["monitors.mine.parent"][0]
    hand.apply("version: 1\nmonitors: {}\n", Delete.ALL)
    monitor.refresh_from_db()
    assert monitor.name == "theirs.example"


def test_secrets_are_compared_and_never_shown(hand: Hand) -> None:
    hand.apply(FILE)
    found = hand.plan(FILE, SHOP_TOKEN="tok-2")
    assert paths(found) == {"monitors.shop": "update"}
    shown = "\n".join(rules.lines_of(found))
    assert "spec.headers.Authorization: changed (secret)" in shown
    assert "tok-" not in shown + repr(found)

    unset = hand.plan(FILE, SHOP_TOKEN="")
    assert paths(unset) == {}
    assert unset.notes == ("SHOP_TOKEN is not set: the saved secret of monitors.shop stays",)

    moved = FILE.replace("https://shop.example.org/", "https://evil.example.org/")
    problem = refusals(hand, moved, saved="")["monitors.shop.spec"][0]
    assert "holds only a mask" in problem, "what was given for one site is not sent to another"
    hand.apply(moved)
    assert Monitor.objects.get(name="shop").full_spec["headers"] == {"Authorization": "Bearer tok-1"}


def test_a_family_is_turned_round_in_one_go(hand: Hand) -> None:
    line = "  {}: {{url: https://{}.example/{}}}\n"
    first = "version: 1\nmonitors:\n" + line.format("a", "a", "") + line.format("b", "b", ", parent: a")
    hand.apply(first + line.format("c", "c", ", parent: b"))
    turned = line.format("a", "a", ", parent: b") + line.format("b", "b", ", parent: c") + line.format("c", "c", "")
    found = hand.apply("version: 1\nmonitors:\n" + turned)
    assert {change.path: change.fields["parent"] for change in found.changes} == {
        "monitors.a": (None, "b"),
        "monitors.b": ("a", "c"),
        "monitors.c": ("b", None),
    }
    ring = turned.replace("c.example/}", "c.example/, parent: a}")
    assert "depends on this one already" in str(refusals(hand, "version: 1\nmonitors:\n" + ring))


def test_the_order_of_a_page_is_that_of_the_file(hand: Hand) -> None:
    hand.apply(FILE)
    swapped = FILE.replace("      shop: {monitor: shop}\n", "") + "      shop: {monitor: shop}\n"
    found = hand.apply(swapped)
    assert [(change.path, change.fields) for change in found.changes] == [
        ("status_pages.public", {"order": (["shop", "api"], ["api", "shop"])})
    ]
    assert [each.name for each in Component.objects.all()] == ["api", "shop"]
    assert paths(hand.plan(swapped)) == {}


def test_what_was_made_elsewhere_is_taken_over_by_its_id(hand: Hand, make_monitor: MakeMonitor) -> None:
    mine = make_monitor(name="Old", url="https://old.example/", regions=["usa", "india"])
    text = "version: 1\nmonitors:\n  fresh: {id: %s, name: Old, url: https://old.example/}\n"
    assert paths(hand.apply(text % mine.pk)) == {}
    without = text.replace("id: %s, ", "").replace("name: Old", "name: New")
    assert paths(hand.apply(without)) == {"monitors.fresh": "update"}
    mine.refresh_from_db()
    assert mine.name == "New"
    renamed = (text % mine.pk).replace("fresh:", "other:").replace("name: Old", "name: New")
    assert paths(hand.apply(renamed)) == {}
    assert list(ConfigKey.objects.values_list("key", flat=True)) == ["other"]
    twice = f"{renamed}  more: {{id: {mine.pk}, url: https://old.example/}}\n"
    assert "stands under" in str(refusals(hand, twice))


def test_the_audit_log_says_what_the_file_changed(hand: Hand, team: Team) -> None:
    hand.apply(FILE)
    found = {(entry.verb, entry.kind, entry.name) for entry in AuditEntry.objects.filter(team_id=team.pk)}
    assert {("created", "monitor", "shop"), ("created", "channel", "ops"), ("created", "rule", "all")} <= found
    entry = AuditEntry.objects.get(verb="configuration applied")
    assert entry.actor == "olga@example.com"
    assert entry.changes["created"] == [None, 7]
    assert "monitors.shop" in entry.changes["created_first"][1]
    count = AuditEntry.objects.count()
    hand.apply(FILE)
    assert AuditEntry.objects.count() == count


def test_a_channels_question_is_asked_after_an_application_only(
    hand: Hand, mailbox: Any, django_capture_on_commit_callbacks: Any
) -> None:
    text = "version: 1\nchannels:\n  out: {kind: email, settings: {to: out@example.net}}\n"
    with django_capture_on_commit_callbacks(execute=True):
        assert hand.plan(text).count(Verb.CREATE) == 1
    assert not mailbox.mails
    with django_capture_on_commit_callbacks(execute=True):
        hand.apply(text)
    assert len(mailbox.mails) == 1


def test_a_page_takes_its_parts_along_to_another_key(hand: Hand) -> None:
    hand.apply(FILE)
    page = StatusPage.objects.get()
    ids = set(Component.objects.values_list("pk", flat=True))
    text = FILE.replace("  public:\n", f"  world:\n    id: {page.pk}\n    slug: public\n")
    assert paths(hand.apply(text)) == {}
    assert set(Component.objects.values_list("pk", flat=True)) == ids
    assert set(ConfigKey.objects.filter(kind="components").values_list("key", flat=True)) == {"world/shop", "world/api"}


def test_names_are_made_into_keys() -> None:
    ids = [UUID(int=number) for number in range(4)]
    found = rules.keys_for(dict(zip(ids, ["My Shop!", "my shop", "日本", ""], strict=True)), {"my-shop"})
    assert list(found.values()) == ["my-shop-2", "my-shop-3", "unnamed", "unnamed-2"]
