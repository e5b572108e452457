"""Whatever a site or a person puts into a name, an address or a message stays text; pages obey their own policy."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from alerts.models import Channel, Delivery, Rule
from alerts.services import planning
from checks.models import CheckEvidence
from incidents.handling import outages
from incidents.models import Correction, Incident, StatusChange
from maintenance.models import Window
from maintenance.services import start_now as start_maintenance
from monitors import services
from monitors.models import Monitor
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import tell

WORDS = [
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(2)>',
    "'><script>alert(3)</script>",
    "</script><script>alert(4)</script>",
    "{{7*7}} {% include 'base.html' %} ${x} {0.__class__}",
]
PAGES = ["", "edit/", "delete/", "live/", "?range=24h"]


class Attributes(HTMLParser):
    """Collects what would run or paint outside the files that the policy allows."""

    def __init__(self) -> None:
        super().__init__()
        self.offences: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        self.offences += [f"{tag} {name}" for name in about if name == "style" or name.startswith(("on", "hx-on"))]
        if tag in {"style", "iframe", "img", "object", "embed", "base"} or (tag == "script" and not about.get("src")):
            self.offences.append(tag)
        self.links += [about["href"] or ""] if "href" in about else []


@pytest.fixture
def client(visit: Visit, owner: User) -> Client:
    return visit(owner)


@pytest.fixture(params=WORDS)
def hostile(request: pytest.FixtureRequest, make_monitor: MakeMonitor) -> tuple[str, Monitor]:
    """A monitor that is down, with these words wherever words can go."""
    words = str(request.param)
    monitor = make_monitor(name=words, tags=[words[:40]], spec={"url": "http://127.0.0.1:9/", "body_contains": words})
    Monitor.objects.filter(pk=monitor.pk).update(spec={**monitor.spec, "url": f"http://127.0.0.1:9/{words}"})
    tell(monitor, usa="..xx", india="..xx", message=words)
    Incident.objects.filter(monitor=monitor).update(cause={words: {"reason": words, "message": words}})
    planning.plan(now=timezone.now())
    _tell_the_incident(words, Incident.objects.get(monitor=monitor))
    start_maintenance(team=monitor.team, by=None, minutes=30, title=words, note=words, tags=[words[:40]])
    Channel.objects.update(name=words, settings={"to": words}, last_error=words, failures=9)
    Rule.objects.update(name=words, tags=[words[:40]], everything=False)
    Delivery.objects.update(reason=words, subject=words)
    for delivery in Delivery.objects.all():
        delivery.attempts.create(number=1, at=timezone.now(), ok=False, reason=words, answer=words)
    return words, monitor


def _tell_the_incident(words: str, incident: Incident) -> None:
    """What a site sent and what people wrote, wherever the incident's page shows such words."""
    outages.add_note(incident, text=words, actor=User.objects.get(), now=timezone.now())
    change = StatusChange.objects.filter(happened_at=incident.confirmed_at).get()
    change.votes = [vote | {"message": words, "stands_in_for": words} for vote in change.votes]
    change.save()
    slot = incident.confirmed_at.replace(microsecond=0)
    cause = {"reason": words, "message": words, "first_slot": slot.isoformat()}
    Incident.objects.filter(pk=incident.pk).update(cause={"usa": cause})
    seen = {
        "seen": {"dns": [words], "headers": {words: words}, "body": words},
        "redirects": [{"url": words, "status": words, "location": words}],
        "certificate": {"subject": words, "names": [words], "chain": [{"subject": words}]},
    }
    CheckEvidence.objects.update_or_create(monitor=incident.monitor, region="usa", slot=slot, defaults={"seen": seen})
    Correction.objects.create(
        monitor=incident.monitor, incident=incident, kind="false_alarm", starts_at=slot, ends_at=slot, why=words
    )


def offences(page: str) -> list[str]:
    parser = Attributes()
    parser.feed(page)
    return parser.offences


def addresses(monitor: Monitor) -> list[str]:
    own = [f"/monitors/{monitor.pk}/{more}" for more in PAGES]
    delivery = Delivery.objects.filter(event__monitor=monitor).first()
    told = [f"/alerts/deliveries/{delivery.pk}/", *_channel_pages(delivery)] if delivery else []
    lists = ["/monitors/", "/monitors/rows/", "/incidents/", "/alerts/", "/alerts/rules/", "/alerts/deliveries/"]
    story = [
        f"/incidents/{pk}/{more}" for pk in monitor.incidents.values_list("pk", flat=True) for more in ("", "correct/")
    ]
    windows = Window.objects.values_list("pk", flat=True)
    work = [f"/maintenance/{pk}/{more}" for pk in windows for more in ("", "edit/", "delete/")]
    lists += ["/maintenance/", "/maintenance/start/", "/maintenance/new/"]
    return [*own, *story, *told, *work, *lists, "/monitors/new/", "/alerts/channels/new/", "/alerts/rules/new/"]


def _channel_pages(delivery: Delivery) -> list[str]:
    assert delivery.rule is not None
    channel = f"/alerts/channels/{delivery.channel_id}/"
    return [channel, f"{channel}edit/", f"{channel}delete/", f"/alerts/rules/{delivery.rule.pk}/edit/"]


def test_hostile_words_stay_words_everywhere(client: Client, hostile: tuple[str, Monitor]) -> None:
    words, monitor = hostile
    for address in addresses(monitor):
        page = client.get(address).content.decode()
        assert offences(page) == [], address
        assert words not in page or "<" not in words, address


def test_template_words_are_printed_as_they_are(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(name="{{7*7}} ${x} {0.__class__}")
    assert "<h1>{{7*7}} ${x} {0.__class__}</h1>" in client.get(f"/monitors/{monitor.pk}/").content.decode()


def test_no_page_holds_inline_code_or_style(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa="..x~?", india=".....")
    services.pause(make_monitor(name="paused"))
    for address in [*addresses(monitor), "/monitors/?q=nothing"]:
        page = client.get(address).content.decode()
        assert offences(page) == [], address


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "ftp://example.com/", ""])
def test_an_address_that_no_browser_should_follow_is_no_link(
    client: Client, make_monitor: MakeMonitor, url: str
) -> None:
    monitor = make_monitor()
    Monitor.objects.filter(pk=monitor.pk).update(spec={"url": url})
    for address in (f"/monitors/{monitor.pk}/", "/monitors/"):
        parser = Attributes()
        parser.feed(client.get(address).content.decode())
        assert url == "" or url not in parser.links


def test_pages_carry_the_strict_policy(client: Client, make_monitor: MakeMonitor) -> None:
    policy = client.get(f"/monitors/{make_monitor().pk}/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_htmx_is_told_not_to_evaluate_anything(client: Client, regions: list[str]) -> None:
    page = client.get("/monitors/").content.decode()
    config = page.partition('name="htmx-config"')[2].partition(">")[0]
    assert '"allowEval": false' in config
    assert '"includeIndicatorStyles": false' in config
