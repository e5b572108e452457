"""The list: what it says of each monitor, in which order, and what finds it."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Team, User
from checks.selectors.figures import Figures, figures_by_monitor
from dashboard.filters import Filters
from dashboard.selectors import listing
from dashboard.selectors.listing import displaced, monitor_list
from monitors import services
from monitors.models import Monitor
from monitors.rules import WORST_FIRST, Status
from monitors.selectors import commonest
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.dashboard.story import all_is_well, tell

TEN = "." * 10
STATIC = Path(__file__).resolve().parents[2] / "static"


@pytest.fixture
def client(visit: Visit, owner: User, regions: list[str]) -> Client:
    all_is_well(*regions)
    return visit(owner)


def names(page: str) -> list[str]:
    return [part.partition('"')[0] for part in page.split('data-name="')[1:]]


def shown(client: Client, address: str = "/monitors/") -> str:
    return client.get(address).content.decode()


def test_a_row_says_how_it_is_since_when_and_how_fast(client: Client, make_monitor: MakeMonitor) -> None:
    tell(make_monitor(name="Shop", tags=["prod"]), usa=TEN, india="......" + "x" + "...")
    page = shown(client)
    assert ">Up</span> for <time" in page
    assert "Shop, last 24 hours: " in page
    assert "1 with failures" in page
    assert re.search(r"<title>\d\d:00 UTC: \d+ up, 1 down</title>", page)
    assert "</span> 50 ms</p>" in page
    assert "</span> 95.00 %</p>" in page
    assert "<li>prod</li>" in page


def test_the_response_is_of_the_last_check_that_was_made(client: Client, make_monitor: MakeMonitor) -> None:
    tell(make_monitor(name="Shed of late"), usa=".????", india="?" * 12)
    tell(make_monitor(name="Shed for long"), usa="." + "?" * 12)
    page = shown(client)
    rows = dict(zip(names(page), page.split('<li class="row"')[1:], strict=True))
    assert "</span> 50 ms</p>" in rows["Shed of late"]
    assert "</span> 50 ms</p>" not in rows["Shed for long"]


def test_a_new_monitor_says_from_where_it_is_being_checked(client: Client, make_monitor: MakeMonitor) -> None:
    make_monitor(wanted=True)
    page = shown(client)
    assert ">Checking</span> from usa, india" in page
    assert 'data-poll="1"' in page


def test_the_tags_that_stand_most_often_are_offered_by_name() -> None:
    assert commonest([(["prod", "B"], 3), (["old"], 1), (["a", "old"], 1), ([], 9)], most=3) == ["B", "old", "prod"]


def test_the_worst_first_is_the_order_of_the_index(make_monitor: MakeMonitor) -> None:
    for status in Status:
        Monitor.objects.filter(pk=make_monitor(name=f"Z {status}").pk).update(status=status)
    found = Monitor.objects.for_team(Team.objects.get()).worst_first()
    assert [monitor.status for monitor in found] == list(WORST_FIRST)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off")
    plan = found.explain()
    assert "monitors_worst_first" in plan
    assert "Sort" not in plan


def test_a_monitor_that_is_deleted_while_the_list_is_read_is_left_out(
    client: Client, make_monitor: MakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_monitor(name="here")
    gone = make_monitor(name="gone")

    def after_a_deletion(monitors: list[UUID]) -> dict[UUID, Figures]:
        services.delete_monitor(gone)
        return figures_by_monitor(monitors)

    monkeypatch.setattr(listing, "figures_by_monitor", after_a_deletion)
    assert names(shown(client)) == ["here"]


def test_failing_ones_come_first_and_say_why(client: Client, make_monitor: MakeMonitor) -> None:
    tell(make_monitor(name="A is well"), usa=TEN, india=TEN)
    tell(make_monitor(name="Z is down"), usa="....xx", india="....xx")
    tell(make_monitor(name="M is partly down"), usa="....xx", india=TEN)
    services.pause(make_monitor(name="P is paused"))
    page = shown(client)
    assert names(page) == ["Z is down", "M is partly down", "A is well", "P is paused"]
    assert "usa and india: connection refused" in page
    assert "<title>(2 down) Monitors · Uptime</title>" in page
    assert 'href="/static/favicon-down.svg"' in page
    assert 'data-poll="10"' in page


def test_rows_keep_their_places_while_somebody_reads(client: Client, make_monitor: MakeMonitor) -> None:
    well, down = tell(make_monitor(name="A"), usa=TEN, india=TEN), tell(make_monitor(name="B"), usa="xx", india="xx")
    gone = make_monitor(name="C")
    reading = {"X-Shown": f"{well.pk},{down.pk},{gone.pk.hex},nonsense"}
    gone.delete()
    held = client.get("/monitors/rows/", headers=reading).content.decode()
    assert names(held) == ["A", "B"]
    assert "1 changed: refresh the order" in held
    fresh = client.get("/monitors/rows/").content.decode()
    assert names(fresh) == ["B", "A"]
    assert "refresh the order" not in fresh


def test_a_row_that_fits_no_more_stays_until_the_order_is_refreshed(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(name="A"), usa=TEN, india=TEN)
    held = client.get("/monitors/rows/?status=down", headers={"X-Shown": str(monitor.pk)}).content.decode()
    assert names(held) == ["A"]
    assert names(client.get("/monitors/rows/?status=down").content.decode()) == []


def test_nobody_is_shown_the_rows_of_another_team(visit: Visit, stranger: User, make_monitor: MakeMonitor) -> None:
    page = visit(stranger).get("/monitors/rows/", headers={"X-Shown": str(make_monitor(name="Olga's").pk)})
    assert names(page.content.decode()) == []


@pytest.mark.parametrize(
    ("shown", "wanted", "moved"),
    [
        ("abc", "abc", 0),
        ("abc", "cab", 1),  # one has come to the top
        ("abc", "xab", 1),  # one has come in
        ("abc", "bca", 1),
        ("abc", "cba", 2),
        ("abc", "ab", 0),
        ("", "ab", 2),
    ],
)
def test_only_those_that_have_to_move_are_counted(shown: str, wanted: str, moved: int) -> None:
    ids = {letter: uuid4() for letter in "abcx"}
    assert displaced([ids[letter] for letter in shown], [ids[letter] for letter in wanted]) == moved


def test_the_title_is_calm_when_all_is_well(client: Client, make_monitor: MakeMonitor) -> None:
    tell(make_monitor(), usa=TEN, india=TEN)
    assert "<title>Monitors · Uptime</title>" in shown(client)


def test_search_knows_the_capitals_of_all_letters(client: Client, make_monitor: MakeMonitor) -> None:
    make_monitor(name="Übersicht")
    assert names(shown(client, "/monitors/?q=ÜBER")) == ["Übersicht"]


def test_search_and_status_are_in_the_address(client: Client, make_monitor: MakeMonitor) -> None:
    tell(make_monitor(name="Shop", url="http://127.0.0.1:9/cart"), usa="xx", india="xx")
    tell(make_monitor(name="Blog"), usa=TEN, india=TEN)
    assert names(shown(client, "/monitors/?q=CART")) == ["Shop"]
    assert names(shown(client, "/monitors/?status=up")) == ["Blog"]
    assert names(shown(client, "/monitors/?status=up&q=shop")) == []
    assert "No monitor fits" in shown(client, "/monitors/?status=up&q=shop")
    assert names(shown(client, "/monitors/?status=nonsense")) == ["Shop", "Blog"]
    assert 'hx-get="/monitors/rows/?q=bl&amp;status=up"' in shown(client, "/monitors/?q=bl&status=up")


def test_filters_hold_together_and_are_taken_away_one_by_one(
    client: Client, team: Team, make_monitor: MakeMonitor
) -> None:
    make_monitor(name="Shop", tags=["prod", "eu"], regions=["usa"])
    make_monitor(name="Blog", tags=["prod"])
    services.create_monitor(
        team=team, name="Port", kind="tcp", spec={"host": "127.0.0.1", "port": 9}, tags=["prod", "eu"]
    )
    assert names(shown(client, "/monitors/?tag=prod&tag=eu")) == ["Port", "Shop"]
    assert names(shown(client, "/monitors/?tag=prod&tag=eu&kind=tcp")) == ["Port"]
    assert names(shown(client, "/monitors/?region=india")) == ["Blog", "Port"]
    page = shown(client, "/monitors/?tag=prod&tag=eu&kind=http&failed=24h&q=x&status=down&status=up&region=")
    assert names(page) == []
    without_tag = "?q=x&amp;status=down&amp;status=up&amp;kind=http&amp;tag=eu&amp;failed=24h"
    assert f'href="/monitors/{without_tag}"><span class="unseen">Remove the filter</span>' in page
    assert names(shown(client, "/monitors/?kind=nonsense&tag=" + "x" * 99)) == ["Blog", "Port", "Shop"]


def test_statuses_are_counted_among_those_that_fit(client: Client, make_monitor: MakeMonitor) -> None:
    tell(make_monitor(name="Shop", tags=["prod"]), usa="xx", india="xx")
    tell(make_monitor(name="Shop of tests"), usa="xx", india="xx")
    tell(make_monitor(name="Blog", tags=["prod"]), usa=TEN, india=TEN)
    found = monitor_list(Team.objects.get(), now=timezone.now(), filters=Filters(search="shop", tags=("prod",)))
    assert [(chip.name, chip.count) for chip in found.counts] == [("Down", 1)]
    assert (found.matching, found.total, found.failing) == (1, 3, 2)


def test_those_in_shadow_are_found(client: Client, make_monitor: MakeMonitor) -> None:
    make_monitor(name="Shop")
    make_monitor(name="Tried out", shadow=True)
    page = shown(client, "/monitors/?shadow=yes")
    assert names(page) == ["Tried out"]
    assert '<span class="chip-words">In shadow</span>' in page


def test_what_failed_lately_is_found_though_it_is_well(client: Client, make_monitor: MakeMonitor) -> None:
    tell(make_monitor(name="Shaky"), usa="xx......", india="xx......")
    tell(make_monitor(name="Steady"), usa=TEN, india=TEN)
    tell(make_monitor(name="Fresh"), usa="xx", india="xx")
    assert names(shown(client, "/monitors/?failed=24h")) == ["Fresh", "Shaky"]


def test_the_page_is_light_on_the_wire(client: Client, make_monitor: MakeMonitor) -> None:
    """HTML, styles and scripts of a full page, packed: the budget is 150 kB."""
    template = tell(make_monitor(name="m000", tags=["prod"]), usa=TEN, india="....xx....")
    Monitor.objects.bulk_create(
        Monitor(
            team=template.team,
            name=f"m{at:03} {uuid4()}",
            spec={"url": f"https://{uuid4()}.example/"},
            regions=["usa", "india"],
        )
        for at in range(1, 100)
    )
    page = client.get("/monitors/", headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    assert len(names(gzip.decompress(page.content).decode())) == 50
    files = ["style.css", "app.js", "keys.js", "list.js", "vendor/htmx/htmx.min.js"]
    static = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in files)
    assert len(page.content) + static < 150_000


def test_long_lists_have_pages(client: Client, make_monitor: MakeMonitor) -> None:
    template = make_monitor(name="m000")
    Monitor.objects.bulk_create(
        Monitor(team=template.team, name=f"m{at:03}", spec=template.spec, regions=["usa"]) for at in range(1, 61)
    )
    first, second = shown(client), shown(client, "/monitors/?page=2&q=m0")
    assert (len(names(first)), len(names(second))) == (50, 11)
    assert "Page 1 of 2" in first
    assert 'href="/monitors/?page=1&amp;q=m0"' in second
    assert "Page 2 of 2" in shown(client, "/monitors/?page=999")
    assert shown(client, "/monitors/?page=x")


def test_the_live_part_is_sent_again_only_when_it_changed(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = tell(make_monitor(), usa=TEN, india=TEN)
    first = client.get("/monitors/rows/", headers={"HX-Request": "true"})
    assert first.headers["Cache-Control"] == "private, no-store"
    known = {"HX-Request": "true", "If-None-Match": first.headers["ETag"]}
    again = client.get("/monitors/rows/", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    services.pause(monitor)
    assert client.get("/monitors/rows/", headers=known).status_code == 200


def test_the_page_and_its_live_part_carry_the_same_mark(client: Client, make_monitor: MakeMonitor) -> None:
    tell(make_monitor(), usa=TEN, india=TEN)
    mark = client.get("/monitors/rows/").headers["ETag"].strip('"')
    assert f'data-etag="{mark}"' in shown(client)


@pytest.mark.parametrize(
    ("heard", "handed_out", "words"),
    [
        (timedelta(seconds=20), timedelta(seconds=3), None),
        (timedelta(minutes=3), timedelta(seconds=3), "Region usa has not been heard of since"),
        (timedelta(seconds=5), timedelta(seconds=40), "Checks from region usa are handed out late"),
    ],
)
def test_a_banner_tells_when_checking_is_delayed(
    client: Client, make_monitor: MakeMonitor, heard: timedelta, handed_out: timedelta, words: str | None
) -> None:
    make_monitor()
    all_is_well("usa", heard=heard, handed_out=handed_out)
    page = shown(client)
    assert ("Checking is delayed" in page) == (words is not None)
    assert words is None or words in page
    assert "Region india" not in page


def test_a_delayed_page_does_not_hurry(client: Client, make_monitor: MakeMonitor) -> None:
    monitor = make_monitor(wanted=True)
    all_is_well("usa", heard=timedelta(minutes=3))
    for address in ("/monitors/", f"/monitors/{monitor.pk}/"):
        assert 'data-poll="3"' in shown(client, address)


def test_a_region_that_never_spoke_is_named(visit: Visit, owner: User, make_monitor: MakeMonitor) -> None:
    make_monitor()
    assert "Region india has not been heard of yet" in shown(visit(owner))


def test_no_monitor_of_another_team_is_listed_or_counted(
    visit: Visit, stranger: User, make_monitor: MakeMonitor
) -> None:
    make_monitor(name="Olga's own")
    page = shown(visit(stranger))
    assert "Olga" not in page
    assert "What should we watch?" in page
