"""What badges say, in which colour, and how they are drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from monitors.rules import Status
from statuspages import badges
from statuspages.badges import BAD, CALM, EVERY, FAIR, GOOD, NEUTRAL, POOR, Badge, Facts, Wanted

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>",
    "\"/><image href='http://evil.example/x'/>",
    "]]>&entity;<!--",
    "a\x00b\x1b\ud800\ufffe\u202egnp.exe",
    "&#60;b&#62;",
    "日本語のモニター",
    "x" * 5_000,
    "🙂" * 70,
    "",
]


def said(name: str, **facts: Any) -> tuple[str, str]:
    wanted = Wanted.parse(name)
    assert wanted is not None
    found = badges.badge(wanted, Facts(**{"status": Status.UP, **facts}), label="", now=NOW)
    return found.message, found.colour


@pytest.mark.parametrize(
    ("name", "facts", "expected"),
    [
        ("status", {"status": Status.UP}, ("up", GOOD)),
        ("status", {"status": Status.DEGRADED}, ("degraded", POOR)),
        ("status", {"status": Status.PARTIAL}, ("partly down", POOR)),
        ("status", {"status": Status.DOWN}, ("down", BAD)),
        ("status", {"status": Status.UNKNOWN}, ("unknown", NEUTRAL)),
        ("status", {"status": Status.PENDING}, ("checking", NEUTRAL)),
        ("status", {"status": Status.PAUSED}, ("paused", NEUTRAL)),
        ("status", {"status": Status.MAINTENANCE}, ("maintenance", CALM)),
        ("uptime-30d", {"share": 1.0}, ("100 %", GOOD)),
        ("uptime-30d", {"share": 0.99999}, ("99.99 %", GOOD)),  # never rounded up to what is not true
        ("uptime-7d", {"share": 0.9989}, ("99.89 %", FAIR)),
        ("uptime-1y", {"share": 0.98}, ("98.00 %", POOR)),
        ("uptime-90d", {"share": 0.5}, ("50.00 %", BAD)),
        ("uptime-24h", {"share": 0.0}, ("0 %", BAD)),
        ("uptime-24h", {"share": None}, ("unknown", NEUTRAL)),  # nothing known is neither up nor down
        ("response-24h", {"mean_ms": 84.4}, ("84 ms", GOOD)),
        ("response-24h", {"mean_ms": 999.0}, ("999 ms", FAIR)),
        ("response-7d", {"mean_ms": 1500.0}, ("1.50 s", POOR)),
        ("response-7d", {"mean_ms": 2000.0}, ("2.00 s", BAD)),
        ("response-1y", {"mean_ms": None}, ("unknown", NEUTRAL)),
        ("certificate", {"certificate_until": NOW + timedelta(days=80, hours=5)}, ("80 days", GOOD)),
        ("certificate", {"certificate_until": NOW + timedelta(days=20)}, ("20 days", FAIR)),
        ("certificate", {"certificate_until": NOW + timedelta(days=8)}, ("8 days", POOR)),
        ("certificate", {"certificate_until": NOW + timedelta(days=1)}, ("1 day", BAD)),
        ("certificate", {"certificate_until": NOW + timedelta(hours=3)}, ("less than a day", BAD)),
        ("certificate", {"certificate_until": NOW}, ("expired", BAD)),
        ("certificate", {"certificate_until": None}, ("unknown", NEUTRAL)),
    ],
)
def test_what_a_badge_says(name: str, facts: dict[str, Any], expected: tuple[str, str]) -> None:
    assert said(name, **facts) == expected


@pytest.mark.parametrize("name", ["", "uptime", "uptime-2d", "status-30d", "certificate-24h", "STATUS", "status.svg"])
def test_what_is_no_badge(name: str) -> None:
    assert Wanted.parse(name) is None


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("status", "", "status"),
        ("status", "Shop", "Shop"),
        ("uptime-30d", "", "uptime 30d"),
        ("uptime-30d", " Shop\n", "Shop uptime 30d"),
        ("certificate", "Shop", "Shop certificate"),
    ],
)
def test_its_label(name: str, label: str, expected: str) -> None:
    wanted = Wanted.parse(name)
    assert wanted is not None
    assert badges.badge(wanted, Facts(Status.UP), label=label, now=NOW).label == expected


@pytest.mark.parametrize("colour", [GOOD, FAIR, POOR, BAD, CALM, NEUTRAL, badges.LABEL_GROUND])
def test_its_text_can_be_read_on_every_colour(colour: str) -> None:
    light, dark = sorted((_luminance(badges.INK), _luminance(colour)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name(name: str) -> None:
    badge = badges.badge(EVERY[0], Facts(Status.DOWN), label=name, now=NOW)
    root = ElementTree.fromstring(badges.draw(badge))  # noqa: S314 - our own words

    allowed = {f"{SVG}{tag}" for tag in ("svg", "title", "clipPath", "rect", "g", "text")}
    assert {element.tag for element in root.iter()} <= allowed
    assert not [one for element in root.iter() for one in element.attrib if one.startswith("on") or "href" in one]
    assert root.findtext(f"{SVG}title") == badge.sentence == root.get("aria-label")
    assert badge.sentence.isprintable()
    assert len(badge.label) <= badges.LABEL_LENGTH


@pytest.mark.parametrize("label", ["Shop", "WWWWWWWWWW", "iiiiiiiiii", "日本語のモニター", "e\u0301te\u0301", "🙂🙂"])
def test_its_boxes_are_as_wide_as_their_texts(label: str) -> None:
    root = ElementTree.fromstring(badges.draw(Badge(label, "up", GOOD)))  # noqa: S314 - our own words
    left, right = (int(one.get("width", 0)) for one in root.findall(f"{SVG}g/{SVG}rect"))
    texts = root.findall(f"{SVG}g/{SVG}text")
    assert left + right == int(root.get("width", 0))
    for box, start, text in zip((left, right), (0, left), texts, strict=True):
        length = int(text.get("textLength", 0))
        assert int(text.get("x", 0)) - start == badges.PADDING
        assert box == length + 2 * badges.PADDING
    assert badges.width_of("WWWW") > 2 * badges.width_of("iiii")
    assert badges.width_of("e\u0301") == badges.width_of("e")
