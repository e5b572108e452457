"""The first minute: an empty dashboard with one thing to do."""

from __future__ import annotations

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from accounts.models import User
from accounts.services.people import sign_up
from dashboard.first_run import site_of
from monitors.models import Monitor
from tests.conftest import PASSWORD
from tests.dashboard.conftest import Visit
from tests.dashboard.story import all_is_well


@pytest.fixture(autouse=True)
def _healthy_regions(regions: list[str]) -> None:
    all_is_well(*regions)


def test_the_front_door_leads_where_one_belongs(visit: Visit, owner: User) -> None:
    assert visit().get("/").headers["Location"] == "/login/"
    assert visit(owner).get("/").headers["Location"] == "/monitors/"


def test_an_empty_dashboard_asks_for_an_address(visit: Visit, owner: User) -> None:
    page = visit(owner).get("/monitors/").content.decode()
    assert "What should we watch?" in page
    assert "checked from usa and india" in page
    assert '<label for="id_url">Website address</label>' in page
    assert "autofocus" in page
    assert "Watch the demo site on this box" in page
    assert 'href="http://127.0.0.1:8001/control"' in page


@pytest.mark.parametrize(
    ("email", "site"),
    [
        ("ann@shop.io", "https://shop.io"),
        ("ann@gmail.com", ""),
        ("ann@yahoo.co.uk", ""),
        ("ann@example.com", ""),
        ("ann@box.local", ""),
        ("ann@localhost", ""),
        ("ann@[192.0.2.1]", ""),
    ],
)
def test_the_site_is_guessed_from_the_mail_address(email: str, site: str) -> None:
    assert site_of(email) == site


def test_the_first_three_steps(visit: Visit, regions: list[str], mailoutbox: list[EmailMessage]) -> None:
    ann = sign_up(email="ann@shop.io", password=PASSWORD)
    client = visit(ann)
    assert 'value="https://shop.io"' in client.get("/monitors/").content.decode()
    page = client.post("/monitors/", {"url": "http://127.0.0.1:9/"}, follow=True)
    address = page.redirect_chain[-1][0]
    assert "Would an alert reach you?" in page.content.decode()
    assert client.get(f"{address}live/", headers={"HX-Request": "true"}).status_code == 200
    told = client.post(address).content.decode()
    assert "The test message was taken." in told
    assert "You will be told" in told
    assert [mail.to for mail in mailoutbox] == [["ann@shop.io"]]
    second = client.post("/monitors/", {"url": "http://127.0.0.1:10/"})
    assert "/first/" not in second.headers["Location"], "the second one needs no lesson"


def test_without_a_demo_site_none_is_offered(visit: Visit, owner: User, settings: Settings) -> None:
    settings.DEMO_SITE_URL = ""
    assert "demo site" not in visit(owner).get("/monitors/").content.decode()


def test_a_viewer_of_an_empty_team_is_told_whom_to_ask(visit: Visit, viewer: User) -> None:
    page = visit(viewer).get("/monitors/").content.decode()
    assert "Ask an editor" in page
    assert "id_url" not in page


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8001/"),
        ("  https://example.com/a?b=c ", "https://example.com/a?b=c"),
        ("example.com", "https://example.com"),
        ("example.com:8443/x", "https://example.com:8443/x"),
    ],
)
def test_an_address_is_all_it_takes(visit: Visit, owner: User, typed: str, address: str) -> None:
    client = visit(owner)
    answer = client.post("/monitors/", {"url": typed})
    monitor = Monitor.objects.get()
    assert answer.headers["Location"] == f"/monitors/{monitor.pk}/first/"
    assert monitor.url == address
    page = client.get(answer.headers["Location"]).content.decode()
    assert "Checking from usa, india" in page
    assert 'data-poll="1"' in page
    assert page.count("Waiting for the first result") == 2


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "Give an address."),
        ("ftp://example.com/", "http"),
        ("javascript:alert(1)", ""),
        ("http://user:secret@example.com/", "password"),
        ("http://169.254.169.254/", ""),
        ("http://", ""),
        ("x" * 3000, "2048"),
    ],
)
def test_a_bad_address_is_refused_beside_the_field_and_kept(
    visit: Visit, owner: User, typed: str, complaint: str
) -> None:
    answer = visit(owner).post("/monitors/", {"url": typed})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="id_url_error"' in page
    assert 'aria-invalid="true"' in page
    assert complaint in page
    assert not typed or f'value="{typed}"' in page
    assert not Monitor.objects.exists()
