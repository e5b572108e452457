"""Reading and writing the file."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from config import document
from config.document import BadDocument

TEXTS = some.one_of(
    some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30),
    some.text("0123456789:.eE+-_xo~ ", max_size=8),
    some.sampled_from(["yes", "No", "on", "null", "~", "22:30", "1_0", "0x1f", "1e3", ".5", "=", "<<", "---"]),
)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers(-(10**18), 10**18) | TEXTS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(some.dictionaries(some.text(string.ascii_lowercase, min_size=1), VALUES, max_size=3))
def test_what_is_written_is_read_as_it_was(whole: dict[str, object]) -> None:
    assert document.read(document.write(whole, schema="x")).data == whole


def test_scalars_are_those_of_json() -> None:
    read = document.read("[22:30, no, 007, 1.5, 2026-03-01, ~, true, '1', 1_000, 12]").data
    assert read == ["22:30", "no", "007", 1.5, "2026-03-01", None, True, "1", "1_000", 12]


def test_everything_has_its_line() -> None:
    read = document.read("version: 1\nmonitors:\n  shop:\n    tags:\n      - a\n      - b\n")
    assert read.line_of(("monitors", "shop", "tags", "1")) == 6
    assert read.line_of(("monitors", "shop", "interval")) == 3
    assert read.line_of(("rules",)) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x [1]\nb: *x", "line 2: aliases"),
        ("a: 1\nb: 2\na: 3", "line 3: 'a' is there twice"),
        ("a: !!python/object:os.system x", "line 1: tags like"),
        ("a: !!set {x: }", "line 1: tags like"),
        ("[" * 21 + "]" * 21, "nested more than 20"),
        ("[" * 50_000, "nested more than 20"),
        ("a: 1\n---\nb: 2", "one document"),
        ("? [a]\n: b", "a name must be a text"),
        ("a:\n\t- b", "line 2: "),
        ("a: [1", "line "),
        (b"\xff\xfe\xff", "no text in UTF-8"),
        ("a: \x01", "characters"),
        ("- 1\n" * 100_001, "more than 100,000"),
        ("x" * 1_000_001, "larger than"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(text: str | bytes, words: str) -> None:
    with pytest.raises(BadDocument, match=words):
        document.read(text)
