"""Variants of our own around what people and machines read of us: pages, pictures, feeds, mails, messages."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team, User
from monitors.models import Monitor
from scripts import audit
from statuspages import logo, markdown
from statuspages.models import StatusPage, Subscriber
from statuspages.rules import Road
from statuspages.services import badges, pages, posts, subscribers
from tests.conftest import MakeMonitor

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]

ODD = {
    "markup": '"><svg onload=alert(1)>',
    "cdata": "]]><script>alert(1)</script>",
    "entity": "&xxe;<!ENTITY xxe SYSTEM 'file:///etc/passwd'>",
    "controls": "a\x0b\x1b[31mb\x01",
    "right-to-left": "\u202egnp.exe",
    "newlines": "one\r\nBcc: all@example.org\r\n\r\ntwo",
    "template": "{{7*7}}{% debug %}${7*7}{0.__class__}",
    "long": "W" * 60,
}


@pytest.fixture
def page(team: Team, owner: User) -> StatusPage:
    return pages.create_page(team=team, by=owner, slug="ours", title="Ours", published=True, subscriptions=True)


# --- hosts, headers, caches ---


@pytest.mark.parametrize(
    "host", ["evil.test", "testserver.evil.test", "testserver:80@evil.test", "t\u00e9stserver", ""]
)
def test_v1_a_foreign_host_is_in_no_answer(client: Client, page: StatusPage, host: str) -> None:
    """Neither directly nor by a header that caches do not know of: nothing could be kept that leads elsewhere."""
    answer = client.get("/status/ours/", headers={"Host": host})
    assert answer.status_code in {400, 404} or host == ""
    for name in ("X-Forwarded-Host", "X-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "X-Forwarded-Prefix"):
        odd = client.get("/status/ours/", headers={name: f"host={host}" if name == "Forwarded" else host})
        assert odd.status_code == 200
        assert not host or host.encode() not in odd.content, name


@pytest.mark.parametrize("verb", ["X-HTTP-Method-Override", "X-Method-Override", "_method"])
def test_v2_a_verb_is_not_overridden(
    visit_as: Callable[[User], Client], viewer: User, page: StatusPage, verb: str
) -> None:
    client = visit_as(viewer)
    client.get(f"/status-pages/{page.pk}/delete/?{verb}=POST", headers={verb: "DELETE"})
    client.post(f"/status-pages/{page.pk}/?{verb}=DELETE", headers={verb: "DELETE"})
    assert StatusPage.objects.filter(pk=page.pk).exists()


@pytest.fixture
def visit_as() -> Callable[[User], Client]:
    def visit(user: User) -> Client:
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        client.force_login(user)
        return client

    return visit


HTMX = {"HX-Request": "true", "HX-Boosted": "true", "HX-Target": "x", "HX-Current-URL": "javascript:alert(1)"}


def test_v3_htmx_headers_open_nothing(
    visit_as: Callable[[User], Client], owner: User, make_monitor: MakeMonitor
) -> None:
    """Who says to be htmx is not spared the form's mark, nor the log in, nor sent where the header says."""
    monitor = make_monitor()
    assert visit_as(owner).post(f"/monitors/{monitor.pk}/pause/", headers=HTMX).status_code == 403
    monitor.refresh_from_db()
    assert not monitor.paused
    nobody = Client().get(f"/monitors/{monitor.pk}/live/", headers=HTMX | {"HX-Current-URL": "https://evil.test/x"})
    assert str(monitor.pk).encode() not in nobody.content
    assert "evil.test" not in str(nobody.headers)


@pytest.mark.parametrize("header", ["*", 'W/"x", ' * 3_000 + '"y"', '"\x00"', '"' + "a" * 8_000, "W/" * 2_000])
def test_v4_an_odd_etag_breaks_nothing(
    visit_as: Callable[[User], Client], owner: User, regions: list[str], header: str
) -> None:
    assert visit_as(owner).get("/monitors/rows/", headers={"If-None-Match": header}).status_code in {200, 304}


@pytest.mark.parametrize(
    "slug", ["../ours", "ours%2f..", "OURS", "ours\u200b", "\u043eurs", "ours%00", ".", "ours;a=b"]
)
def test_v5_a_slug_is_itself_and_nothing_alike(client: Client, page: StatusPage, slug: str) -> None:
    assert client.get(f"/status/{slug}/").status_code == 404


@pytest.mark.parametrize("slug", ["../x", "a b", "\u043eurs", "-x", "x" * 300, "a/b", "<b>", "a\n", "ours"])
def test_v6_a_slug_that_is_none_is_refused(team: Team, owner: User, page: StatusPage, slug: str) -> None:
    with pytest.raises(ValidationError) as refused:
        pages.create_page(team=team, by=owner, slug=slug, title="X")
    assert "slug" in refused.value.message_dict


# --- pictures, feeds, JSON ---


@pytest.mark.parametrize("label", ODD.values(), ids=ODD)
def test_v7_a_badge_is_a_picture_whatever_its_label(client: Client, make_monitor: MakeMonitor, label: str) -> None:
    try:
        shared = badges.share(make_monitor(), label=label)
    except ValidationError:
        return
    answer = client.get(f"/badge/{shared.token}/status.svg")
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own words
    allowed = {"svg", "g", "rect", "text", "title", "path", "circle", "clipPath", "linearGradient", "stop"}
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= allowed
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name]


@pytest.mark.parametrize("words", ODD.values(), ids=ODD)
@pytest.mark.parametrize("feed", ["feed.atom", "feed.rss", "summary.json"])
def test_v8_a_feed_is_whole_whatever_was_written(
    client: Client, page: StatusPage, owner: User, feed: str, words: str
) -> None:
    try:
        posts.write_post(page, by=owner, kind="incident", title=words[:150], text=words)
    except ValidationError:
        return
    answer = client.get(f"/status/ours/{feed}")
    if answer.status_code == 404:
        pytest.fail(f"there is no {feed}; say in this test how it is called")
    if feed.endswith("json"):
        json.loads(answer.content)
        return
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own words
    assert not [element for element in root.iter() if element.tag.rpartition("}")[2] in {"script", "svg", "img"}]
    assert b"<!ENTITY" not in answer.content


@pytest.mark.parametrize(
    "text",
    [
        *("[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](data:text/html,<script>)", "[x](vbscript:x)"),
        *(
            "[x](&#106;avascript:alert(1))",
            "[x](java\tscript:alert(1))",
            "![x](https://evil.test/spy.png)",
            "<iframe src=x>",
        ),
        *(
            '<a href="javascript:x">x</a>',
            "[x]: javascript:alert(1)\n\n[x]",
            "<javascript:alert(1)>",
            "[x](//evil.test)" * 50,
        ),
        "<svg/onload=alert(1)>",
    ],
    ids=lambda text: f"row38-{text[:24]!r}",
)
def test_what_markdown_becomes(text: str) -> None:
    from tests.attacks.test_headers import Inline

    parser, html = Inline(), markdown.render(text)
    parser.feed(html)
    assert not parser.found
    for tag in ("<script", "<img", "<svg", "<iframe"):
        assert tag not in html.lower()
    assert not re.search(r'<a [^>]*href="\s*(javascript|data|vbscript)', html, re.IGNORECASE)


def png(width: int, height: int) -> bytes:
    """A picture of so many pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1_000))
        + chunk(b"IEND", b"")
    )


PICTURES = {
    "a-bomb-of-30k-by-30k": png(30_000, 30_000),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "20-MB": b"\x89PNG\r\n\x1a\n" + b"\0" * 20_000_000,
    "html": b"<html><script>alert(1)</script>",
    "cut-off": png(100, 100)[:60],
    "nothing": b"",
    "no-pixels": png(0, 0),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
}


@pytest.mark.parametrize("given", PICTURES.values(), ids=[f"row51-{name}" for name in PICTURES])
def test_a_picture_that_is_none_of_the_usual(given: bytes) -> None:
    with pytest.raises(logo.BadLogo):
        logo.encode(given, most_kb=900)


# --- JSON that programs send ---


def _any(client: Any) -> Any:
    """The stubs know bodies of text alone."""
    return client


BODIES = {
    "twice-the-same-name": b'{"url":"http://127.0.0.1:9/","url":"http://169.254.169.254/"}',
    "nan": b'{"url":"http://127.0.0.1:9/","interval":NaN}',
    "infinity": b'{"url":"http://127.0.0.1:9/","interval":Infinity}',
    "5,000-digits": b'{"url":"http://127.0.0.1:9/","interval":' + b"9" * 5_000 + b"}",
    "half-a-character": b'{"url":"http://127.0.0.1:9/","name":"\\ud800"}',
    "nul": b'{"url":"http://127.0.0.1:9/","name":"a\\u0000b"}',
    "100k-brackets": b"[" * 100_000,
    "100k-objects": b'{"a":' * 100_000,
    "a-list": b"[]",
    "a-text": b'"x"',
    "utf-16": '{"url":"http://127.0.0.1:9/"}'.encode("utf-16"),
    "yaml": b"url: &a [*a,*a,*a]",
    "yaml-bomb": b"a: &a [x,x]\nb: &b [*a,*a]\nurl: !!python/object/apply:os.system [id]",
    "byte-order-mark": b"\xef\xbb\xbf{}",
    "proto": b'{"url":"http://127.0.0.1:9/","__proto__":{"is_staff":true},"constructor":1,"team":"1"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=[f"v9-{name}" for name in BODIES])
def test_odd_json(api: Api, owner: User, regions: list[str], body: bytes) -> None:
    answer = _any(api(owner)).generic("POST", "/api/monitor", body, content_type="application/json")
    assert answer.status_code in {201, 400}, answer.content
    assert set(answer.json()) >= {"detail", "code"} or answer.status_code == 201
    for made in Monitor.objects.all():
        assert "169.254" not in made.url
        assert "\x00" not in made.name


@pytest.mark.parametrize(
    "form", ["application/yaml", "application/xml", "text/plain", "multipart/form-data; boundary=x", ""]
)
def test_v10_other_forms_are_not_read(api: Api, owner: User, form: str) -> None:
    body = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    assert _any(api(owner)).generic("POST", "/api/monitor", body, content_type=form).status_code in {400, 415}


# --- mail, subscribers, messages ---


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org,b@example.org",
        "a@b@c",
        "x" * 400 + "@example.org",
        "<a@b.c>",
    ],
)
def test_v11_an_address_is_one_address(page: StatusPage, address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        subscribers.ask(page, kind=Road.EMAIL, address=address, now=timezone.now())
    assert "address" in refused.value.message_dict
    assert not Subscriber.objects.exists()


def test_v12_the_form_tells_nobody_who_reads(client: Client, page: StatusPage) -> None:
    """The same words, status and headers for who is there and who is not."""

    def ask(address: str) -> tuple[int, bytes, list[str]]:
        answer = client.post("/status/ours/subscribe/", {"kind": "email", "address": address}, follow=True)
        return answer.status_code, answer.content.replace(address.encode(), b""), sorted(answer.headers)

    first = ask("ada@example.org")
    assert ask("ada@example.org")[0::2] == first[0::2]
    assert ask("bob@example.org")[0::2] == first[0::2]


# --- what is installed ---


def test_row55_a_wheel_that_is_another_is_not_installed(tmp_path: Path) -> None:
    """By the very options of the Makefile."""
    wheel = tmp_path / "innocent-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as file:
        file.writestr("innocent.py", "print('x')\n")
        file.writestr("innocent-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: innocent\nVersion: 1.0\n")
        file.writestr("innocent-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("innocent-1.0.dist-info/RECORD", "")
    right = sha256(wheel.read_bytes()).hexdigest()
    for digest, works in ((right, True), (sha256(b"another").hexdigest(), False)):
        wanted = tmp_path / "wanted.txt"
        wanted.write_text(f"innocent @ {wheel.as_uri()} --hash=sha256:{digest}\n")
        install = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--target",
            str(tmp_path / digest),
            "--no-deps",
            "--no-index",
            "--require-hashes",
        ]
        done = subprocess.run([*install, "-r", str(wanted)], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is works, done.stderr


def test_row55_every_requirement_is_pinned_by_hash() -> None:
    root = Path(__file__).parents[2]
    assert "--require-hashes" in (root / "Makefile").read_text()
    kinds = ("", "-region", "-otel", "-audit", "-dev")
    for name in [f"requirements{kind}.txt" for kind in kinds]:
        blocks = (root / name).read_text().replace("\\\n", " ").splitlines()
        loose = [line for line in blocks if line[:1].isalpha() and "--hash=sha256:" not in line]
        assert not loose, f"{name}: {loose}"


def test_v55a_ci_runs_nothing_that_can_be_exchanged() -> None:
    """A tag of an action is whatever its owner says today; a commit stays what it is."""
    found = [
        line
        for file in (Path(__file__).parents[2] / ".github").rglob("*.yml")
        for line in re.findall(r"uses:\s*(\S+)", file.read_text())
    ]
    assert found
    assert [action for action in found if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)] == []


def test_v55b_the_list_of_what_an_image_is_made_of_names_it_all(tmp_path: Path) -> None:
    root, listed = Path(__file__).parents[2], tmp_path / "region.cdx.json"
    tool = Path(sys.executable).with_name("cyclonedx-py")
    options = ["--output-reproducible", "--of", "JSON", "-o", str(listed), "requirements-region.txt"]
    subprocess.run([tool, "requirements", *options], cwd=root, check=True, capture_output=True)
    parts = json.loads(listed.read_text())["components"]
    pinned = re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", (root / "requirements-region.txt").read_text(), re.MULTILINE)
    assert {(part["name"], part["version"]) for part in parts} == set(pinned)
    # cyclonedx writes the hashes of a requirement as those of the file that may be fetched
    assert all(reference["hashes"] for part in parts for reference in part["externalReferences"][:1])


@pytest.mark.parametrize(
    ("answer", "required", "status"),
    [
        ({"version": "1", "vulns": []}, "1", 0),
        ({"version": "1", "vulns": [{"id": "CVE-2026-1"}]}, "", 1),
        ({"skip_reason": "not found there"}, "", 0),
        ({"skip_reason": "not found there"}, "1", 1),
    ],
)
def test_v55c_what_nobody_was_asked_about_is_not_sound(
    answer: dict[str, Any], required: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no network that is said; in CI it is a failure."""
    monkeypatch.setenv("CI_REQUIRE_AUDIT", required)
    assert audit.told([{"name": "one", **answer}]) == status
