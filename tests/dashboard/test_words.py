"""Plain English: complete over each vocabulary, and honest in its rounding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation
from django.utils.formats import date_format

from checks.rules import Tick
from dashboard import pictures, spec_fields, words
from monitors.rules import Status
from probes.contract import Outcome, Reason
from probes.kinds import KINDS

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_every_reason_has_a_sentence_of_its_own() -> None:
    assert set(words.REASONS) == set(Reason)
    assert len(set(words.REASONS.values())) == len(Reason)
    for sentence in words.REASONS.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert len(sentence) <= 80


def test_every_status_and_outcome_has_a_word() -> None:
    assert set(words.STATUSES) == set(Status)
    assert set(words.OUTCOMES) == set(Outcome)


def test_every_field_of_every_kind_has_a_label() -> None:
    for kind in KINDS:
        for field in spec_fields.described(kind):
            label = spec_fields.label_of(field)
            assert label[0].isupper()
            assert "_" not in label


def test_a_reason_that_is_newer_than_the_page_is_shown_as_it_is() -> None:
    assert words.reason_in_words("moon_phase") == "moon_phase"
    assert words.reason_in_words(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (2 * 3600 + 5 * 60 + 9, "2 h 5 min"),
        (86_400, "1 d"),
        (4 * 86_400 + 3700, "4 d 1 h"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("form", ["j M Y, H:i:s", "j M H:i:s", "H:i:s"])
def test_a_moment_is_written_as_django_writes_it(language: str, form: str) -> None:
    with translation.override(language):
        for hours in range(0, 8800, 731):
            moment = NOW.replace(month=1, second=7) + timedelta(hours=hours)
            assert words.dated(moment, translation.gettext(form)) == date_format(moment, translation.gettext(form))


def test_how_long_ago() -> None:
    assert words.ago(NOW - timedelta(seconds=2), now=NOW) == "just now"
    assert words.ago(NOW + timedelta(seconds=9), now=NOW) == "just now"
    assert words.ago(NOW - timedelta(minutes=3), now=NOW) == "3 min ago"


def test_exact_times_name_their_zone() -> None:
    assert words.clock(NOW) == "22 Nov 2026, 12:00:00 UTC"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),  # noqa: RUF001
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.999_99, "99.99 %"),
        (0.9987, "99.87 %"),
        (0.29, "29.00 %"),
    ],
)
def test_uptime_is_rounded_down(share: float | None, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.01, "0 ms"), (0.44, "0.4 ms"), (42.4, "42 ms"), (999.2, "999 ms"), (1234, "1.23 s")],  # noqa: RUF001
)
def test_response_times(value: float | None, text: str) -> None:
    assert words.milliseconds(value) == text


def test_a_check_that_did_not_count_is_called_so_in_every_language() -> None:
    tick: Tick = {"outcome": "maintenance", "total_ms": 1.0, "slot": "2026-11-22T12:00"}
    assert words.outcome_word("maintenance") == "Maintenance"
    with translation.override("de"):
        assert words.outcome_word("maintenance") == "Wartung"
        assert "1 wartung" in pictures.ticks_in_words("usa", [tick])


def test_figures_have_the_decimal_sign_of_the_reader() -> None:
    with translation.override("de"):
        assert (words.percent(0.9987), words.milliseconds(1234)) == ("99,87 %", "1,23 s")


@pytest.mark.parametrize(
    ("status_reason", "text"),
    [
        ("", ""),
        ("usa: late; india: late", "usa and india: The check was not made: its time had passed."),
        ("usa: stale", "usa: Nothing was heard for too long."),
        ("usa: refused; india: timed out", "usa: refused; india: timed out"),
        ("usa: odd; message: with marks", "usa: odd; message: with marks"),
    ],
)
def test_why_says_the_same_thing_once(status_reason: str, text: str) -> None:
    assert words.why(status_reason, ["usa", "india"]) == text


@pytest.mark.parametrize(
    ("many", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_listing(many: list[str], text: str) -> None:
    assert words.listing(many) == text
