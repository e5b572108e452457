"""The small pictures: what they draw, what they say, and that nothing gets out of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from django.utils.html import format_html

from checks.rules import Tick
from dashboard import pictures
from dashboard.markup import fill
from monitors.rules import Status

SIGNS = {".": "up", "~": "degraded", "x": "down", "?": "unknown"}
HOSTILE = '"><svg onload=alert(1)>{{7*7}}<script>'


def test_what_is_filled_in_is_escaped_unless_it_is_html_of_ours() -> None:
    assert fill("<p>{}</p>", HOSTILE) == format_html("<p>{}</p>", HOSTILE)
    assert fill('<p class="{a}">{b}</p>', a="'&", b=fill("<b>{}</b>", 7)) == '<p class="&#x27;&amp;"><b>7</b></p>'


def strip(signs: str) -> list[Tick]:
    return [
        {"outcome": SIGNS[sign], "total_ms": 50.0, "slot": f"2026-11-22T12:0{at % 10}"} for at, sign in enumerate(signs)
    ]


def parts(svg: str) -> list[str]:
    """The bars from left to right, by their class."""
    return [group.attrib["class"] for group in ET.fromstring(svg).iter("g")]  # noqa: S314


@pytest.mark.parametrize(
    ("signs", "classes"),
    [
        ("", ["none"] * 10),
        ("..x", ["none"] * 7 + ["up", "up", "down"]),
        ("..........", ["up"] * 10),
        ("xx..........", ["up"] * 10),  # the newest ten
        (".~x?", ["none"] * 6 + ["up", "degraded", "down", "unknown"]),
    ],
)
def test_ticks_are_ten_bars_newest_on_the_right(signs: str, classes: list[str]) -> None:
    assert parts(pictures.ticks_svg("usa", strip(signs))) == [f"is-{name}" for name in classes]


def test_ticks_are_told_apart_without_colour() -> None:
    shapes = pictures.BARS | {"none": pictures.NO_CHECK}
    assert len(set(shapes.values())) == len(shapes)


def test_every_status_has_an_icon_of_its_own() -> None:
    assert set(pictures.ICONS) == set(Status)
    assert len(set(pictures.ICONS.values())) == len(Status)


@pytest.mark.parametrize(
    ("signs", "text"),
    [
        ("", "usa: no checks yet"),
        (".", "usa, last 1 check, oldest first: 1 up"),
        ("........xx", "usa, last 10 checks, oldest first: 8 up, 2 down"),
        (".x.", "usa, last 3 checks, oldest first: 1 up, 1 down, 1 up"),
    ],
)
def test_ticks_in_words(signs: str, text: str) -> None:
    assert pictures.ticks_in_words("usa", strip(signs)) == text
    assert f'aria-label="{text}"' in pictures.ticks_svg("usa", strip(signs))


@pytest.mark.parametrize(
    ("timings", "bars"),
    [
        ({}, []),
        ({"dns": 25.0, "connect": 75.0}, [("dns", 0, 250), ("connect", 250, 750)]),
        ({"dns": 10.0, "tls": None, "first_byte": 40.0}, [("dns", 0, 100), ("first_byte", 100, 400)]),
        ({"dns": 0.0001, "connect": 50.0}, [("dns", 0, 3), ("connect", 0, 500)]),  # still to be seen
        ({"dns": -5.0, "connect": 50.0}, [("connect", 0, 500)]),
    ],
)
def test_phases_begin_where_the_one_before_ended(
    timings: dict[str, float | None], bars: list[tuple[str, int, int]]
) -> None:
    svg = ET.fromstring(pictures.phases_svg("usa", timings, scale_ms=100.0))  # noqa: S314
    drawn = [(rect.attrib["class"], float(rect.attrib["x"]), float(rect.attrib["width"])) for rect in svg]
    assert [(f"phase-{name}", x, width) for name, x, width in bars] == [
        (name, round(x), round(width)) for name, x, width in drawn
    ]


def test_phases_in_words() -> None:
    timings = {"dns": 4.0, "connect": None, "first_byte": 80.0, "total": 97.0}
    assert pictures.phases_in_words("usa", timings) == "usa: DNS 4.0 ms, First byte 80 ms, total 97 ms"
    assert pictures.phases_in_words("usa", {}) == "usa: nothing was measured"


def test_a_picture_without_a_scale_is_drawn_all_the_same() -> None:
    assert pictures.phases_svg("usa", {"dns": 0.0}, scale_ms=0.0)


@pytest.mark.parametrize(
    "svg",
    [
        pictures.ticks_svg(HOSTILE, [{"outcome": HOSTILE, "total_ms": None, "slot": HOSTILE}]),
        pictures.phases_svg(HOSTILE, {"dns": 1.0, "total": 1.0}, scale_ms=1.0),
        pictures.status_icon(HOSTILE),
    ],
)
def test_hostile_words_stay_words(svg: str) -> None:
    elements = {element.tag for element in ET.fromstring(svg).iter()}  # noqa: S314
    assert elements <= {"svg", "g", "title", "rect", "path"}
    assert "<script" not in svg
    assert "style=" not in svg
