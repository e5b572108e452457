"""A team that has one of everything, made by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import Team, User
from alerts.services import channels, rulebook
from config import document, services
from config.document import Document
from config.rules import Delete, Plan
from maintenance import services as maintenance
from monitors import services as monitors
from monitors.models import Monitor
from statuspages.services import pages

DOCS = Path(settings.BASE_DIR) / "docs" / "configuration-as-code.md"
SECRETS = {"SHOP_TOKEN": "tok-1", "SLACK_URL": "https://hooks.slack.com/services/T/B/x1", "HOOK_SECRET": "hush-hush-1"}


def example() -> str:
    """The file of the documentation."""
    found = re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    return found[1]


class Hand:
    """Somebody with a file for a team."""

    def __init__(self, team: Team, by: User) -> None:
        self.team, self.by = team, by

    def plan(self, text: str | Document, delete: Delete = Delete.NONE, **variables: str) -> Plan:
        return services.plan(
            team=self.team, by=self.by, document=_read(text), variables=SECRETS | variables, delete=delete
        )

    def apply(self, text: str | Document, delete: Delete = Delete.NONE, **variables: str) -> Plan:
        return services.apply(
            team=self.team, by=self.by, document=_read(text), variables=SECRETS | variables, delete=delete
        )


def _read(text: str | Document) -> Document:
    return text if isinstance(text, Document) else document.read(text)


def paths(found: Plan) -> dict[str, str]:
    return {change.path: change.verb.value for change in found.changes}


@pytest.fixture
def hand(team: Team, owner: User, regions: list[str]) -> Hand:
    return Hand(team, owner)


@pytest.fixture
def busy(team: Team, owner: User, regions: list[str]) -> Team:
    """Everything that a file may hold, of the kinds that are hard to tell by name."""
    make = monitors.create_monitor
    router = make(team=team, kind="ping", name="Router", spec={"host": "router.example.org"}, regions=["usa"])
    headers = {"Authorization": "Bearer s3cret", "X-Number": "1e3"}
    shop = make(
        team=team,
        name='Shop: "the" #1 - ${HOME} yes',
        spec={"url": "https://shop.example.org/", "headers": headers, "body": "a: ${b}", "method": "POST"},
        interval=120,
        timeout=20,
        fallback_regions=["india"],
        regions=["usa"],
        tags=["no", "22:30", "web"],
        policy={"confirmations": 3, "degraded_counts": True},
        parent=router.pk,
    )
    monitors.pause(make(team=team, name="Shop", kind="tls", spec={"host": "shop.example.org"}, parent=shop.pk))
    make(team=team, name="Shop", kind="dns", spec={"name": "shop.example.org"})
    job = make(team=team, name="Nightly", kind="heartbeat", spec={"period": 3600}, policy={"alert_after_s": 5})
    mail = channels.create_channel(team=team, kind="email", settings={"to": "somebody@example.net"})
    hook = {"url": "https://hooks.example.org/", "headers": {"X-Key": "k"}, "secret": "signature"}
    web = channels.create_channel(team=team, kind="webhook", name="Hook", settings=hook, enabled=False)
    rulebook.create_rule(
        team=team,
        name="Nights",
        monitors=[shop.pk, job.pk],
        tags=["web"],
        events=["down", "flapping"],
        severity="warning",
        channels=[mail.pk],
        escalation=[{"after_minutes": 10, "channel": web.pk}, {"after_minutes": 10, "channel": mail.pk}],
        delay_seconds=30,
        quiet_hours={"from": "22:00", "to": "06:00", "zone": "Asia/Tokyo"},
    )
    rulebook.create_rule(team=team, name="Everything", channels=[web.pk])
    maintenance.start_now(team=team, by=owner, minutes=30, title="Now", monitors=[shop.pk], pauses_checks=True)
    page = pages.create_page(
        team=team,
        by=owner,
        title="Acme",
        slug="acme",
        domain="status.acme.example",
        visibility="password",
        password="open sesame",
        languages=["en"],
    )
    front, back = pages.add_section(page, name="Front"), pages.add_section(page, name="Back")
    pages.add_component(page, name="Web", section=front.pk, monitor=shop.pk)
    pages.add_component(page, name="Tagged", section=back.pk, source="tag", tag="web")
    pages.add_component(page, name="Web", source="group", monitors=[job.pk, router.pk], shows_chart=True)
    assert Monitor.objects.for_team(team).count() == 5
    return team
