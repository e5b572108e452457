"""A spec is read, explained or refused; it never crashes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.contract import CheckRequest, InvalidSpec
from probes.engine import read_spec
from probes.kinds import KINDS
from probes.kinds.http import HttpSpec

URL = "https://example.org/"

BAD: list[tuple[str, Any]] = [
    ("url", None),
    ("url", 7),
    ("url", "ftp://example.org/"),
    ("method", "BREW"),
    ("method", 7),
    ("headers", ["a"]),
    ("headers", {"a b": "c"}),
    ("headers", {"": "c"}),
    ("headers", {"X": "a\r\nY: b"}),
    ("headers", {"X": "a\x00"}),
    ("headers", {"X\r\nY": "b"}),
    ("headers", {"X": 7}),
    ("headers", {"Host": "b"}),
    ("headers", {"content-length": "1"}),
    ("headers", {"Transfer-Encoding": "chunked"}),
    ("headers", {"Connection": "close"}),
    ("headers", {"TE": "x"}),
    ("headers", {"Upgrade": "h2c"}),
    ("headers", {"Proxy-Authorization": "x"}),
    ("headers", {"Expect": "100-continue"}),
    ("headers", {f"X-{n}": "" for n in range(51)}),
    ("headers", {"X": "a" * 5_000}),
    ("body", 7),
    ("body", "a" * 200_000),
    ("follow_redirects", "yes"),
    ("max_redirects", -1),
    ("max_redirects", True),
    ("verify_tls", 1),
    ("ip_family", "5"),
    ("expected_status", ""),
    ("expected_status", "abc"),
    ("expected_status", "399-200"),
    ("expected_status", "20"),
    ("expected_status", {}),
    ("body_contains", 7),
    ("body_matches", "("),
    ("body_matches", "(?=a)"),
    ("body_matches", r"(a)\1"),
    ("body_matches", "a{100000}"),
    ("body_matches", "a" * 2_000),
    ("json_assertions", {}),
    ("json_assertions", [7]),
    ("json_assertions", [{}]),
    ("json_assertions", [{"path": "a", "op": "like", "value": 1}]),
    ("json_assertions", [{"path": "a", "op": "eq"}]),
    ("json_assertions", [{"path": "a[", "op": "exists"}]),
    ("json_assertions", [{"path": "", "op": "exists"}]),
    ("json_assertions", [{"path": "a", "op": "exists", "more": 1}]),
    ("json_assertions", [{"path": "a", "op": "exists"}] * 60),
    ("header_assertions", [{"path": "a", "op": "exists"}]),
    ("max_response_ms", 0),
    ("max_response_ms", "100"),
    ("max_response_ms", True),
    ("max_response_ms", float("nan")),
    ("max_response_ms", 300_000.5),
    ("cert_expiry_days", -1),
    ("cert_expiry_days", 1.5),
    ("retries", 1),
    ("no_such_field", 1),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_value_is_refused_with_the_fields_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidSpec) as error:
        HttpSpec.parse({"url": URL} | {field: value})
    assert error.value.field.partition("[")[0] == field
    assert len(str(error.value)) > 10


def test_a_url_is_enough() -> None:
    spec = HttpSpec.parse({"url": URL})

    assert str(spec.url) == URL
    assert (spec.method, spec.max_redirects, spec.ip_family) == ("GET", 5, "any")
    assert str(spec.expected_status) == "200-399"
    assert (spec.default_name, spec.dialled_host, spec.dialled_port) == ("example.org", "example.org", 443)


@pytest.mark.parametrize(("kind", "spec"), [("http", {"url": URL}), ("tcp", {"host": "example.org", "port": 25})])
def test_a_text_left_empty_is_not_set(kind: str, spec: dict[str, Any]) -> None:
    left_out = KINDS[kind].spec.parse(spec)
    texts = {"http": ("body_contains", "body_not_contains", "body_matches"), "tcp": ("banner_contains",)}[kind]

    assert KINDS[kind].spec.parse(spec | dict.fromkeys(texts, "")) == left_out


@pytest.mark.parametrize("limit", [1, 100.5, 300_000.0])
def test_milliseconds_need_not_be_whole(limit: float) -> None:
    assert HttpSpec.parse({"url": URL, "max_response_ms": limit}).max_response_ms == limit


@pytest.mark.parametrize(
    ("given_set", "inside", "outside"),
    [
        ("200-399", [200, 302, 399], [199, 400]),
        ("200,204,300-399", [200, 204, 301], [201, 203, 400]),
        ("2xx, 404", [200, 299, 404], [300, 405]),
        (200, [200], [201]),
        ([200, "500-503"], [200, 502], [404]),
    ],
)
def test_status_sets(given_set: Any, inside: list[int], outside: list[int]) -> None:
    expected = HttpSpec.parse({"url": URL, "expected_status": given_set}).expected_status

    assert all(status in expected for status in inside)
    assert not any(status in expected for status in outside)


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        HttpSpec.parse({"url": URL}).method = "POST"  # type: ignore[misc]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_describes_itself(kind: str) -> None:
    spec = KINDS[kind].spec
    described = spec.describe()

    assert [item.name for item in described] == [item.name for item in dataclasses.fields(spec)]  # type: ignore[arg-type]
    assert all(item.help and item.type for item in described)
    assert any(item.required for item in described)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=20,
)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_any_spec_at_all_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    names = [item.name for item in KINDS[kind].spec.describe()]
    spec = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=10), anything, max_size=6))
    try:
        read_spec(CheckRequest("x", kind, {"url": URL, **spec} if kind == "http" else spec))
    except InvalidSpec:
        return
