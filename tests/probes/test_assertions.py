"""The same response always gets the same verdict."""

from __future__ import annotations

import json
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.assertions import (
    Response,
    judge_certificate,
    judge_headers,
    judge_json,
    judge_text,
    read_header_assertions,
    read_json_assertions,
)
from probes.contract import Reason

DOCUMENT = {
    "status": "ok",
    "count": 3,
    "ratio": 0.5,
    "on": True,
    "nothing": None,
    "items": [{"name": "a"}, {"name": "b"}],
    "odd key.x": {"y": 1},
    "tags": ["red", "blue"],
    "flags": {"list": [1, True]},
    "$ref": "#/x",
}


def page(body: bytes, content_type: str = "text/html; charset=utf-8", *, cut: bool = False) -> Response:
    return Response(200, [("Content-Type", content_type)], body, cut)


@pytest.mark.parametrize(
    ("path", "op", "value", "holds"),
    [
        ("$.status", "eq", "ok", True),
        ("status", "eq", "OK", False),
        ("status", "ne", "bad", True),
        ("count", "eq", 3.0, True),
        ("count", "eq", "3", False),
        ("on", "eq", 1, False),
        ("on", "eq", True, True),
        ("nothing", "eq", None, True),
        ("count", "lt", 4, True),
        ("count", "le", 3, True),
        ("count", "gt", 3, False),
        ("count", "ge", 3, True),
        ("ratio", "gt", 0.4, True),
        ("status", "gt", "oa", True),
        ("status", "gt", 1, False),
        ("on", "gt", 0, False),
        ("status", "contains", "o", True),
        ("tags", "contains", "red", True),
        ("tags", "contains", "green", False),
        ("items[0]", "contains", "name", True),
        ("items", "contains", {"name": "b"}, True),
        ("count", "contains", 3, False),
        ("items[1].name", "eq", "b", True),
        ("items.1.name", "eq", "b", True),
        ("items[-1].name", "eq", "b", True),
        ("items[2].name", "eq", "b", False),
        ('$["odd key.x"].y', "eq", 1, True),
        ("$['odd key.x']['y']", "eq", 1, True),
        ("gone", "exists", None, False),
        ("gone", "exists", False, True),
        ("status", "exists", True, True),
        ("nothing", "exists", None, True),
        ("gone", "ne", "x", True),
        ("gone", "eq", None, False),
        ("status.deeper", "exists", None, False),
        ("$", "exists", None, True),
        ("flags.list", "eq", [1, True], True),
        ("flags.list", "eq", [True, True], False),
        ("flags", "eq", {"list": [1.0, True]}, True),
        ("flags", "ne", {"list": [1, 1]}, True),
        ("$.$ref", "eq", "#/x", True),
    ],
)
def test_json(path: str, op: str, value: Any, holds: bool) -> None:
    wanted = read_json_assertions([{"path": path, "op": op, "value": value}], "json_assertions")
    complaint = judge_json(wanted, page(json.dumps(DOCUMENT).encode()))

    assert (complaint is None) is holds, complaint
    assert complaint is None or complaint.reason is Reason.JSON_MISMATCH


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.BODY_EMPTY),
        (b"  \n", Reason.BODY_EMPTY),
        (b"<html>", Reason.JSON_INVALID),
        (b"{", Reason.JSON_INVALID),
        (b'{"a": NaN}', Reason.JSON_INVALID),
        (b'{"a": Infinity}', Reason.JSON_INVALID),
        (b"[" * 100_000 + b"]" * 100_000, Reason.JSON_INVALID),
        (b'{"a":' * 100_000, Reason.JSON_INVALID),
        (b"1" * 1_000_000, Reason.JSON_INVALID),
        (b"\xff\xfe\xfd", Reason.JSON_INVALID),
        (b'"\\ud800"', Reason.JSON_MISMATCH),
        (b"1e999", Reason.JSON_MISMATCH),
        (b"\xef\xbb\xbf{}", Reason.JSON_MISMATCH),
    ],
)
def test_json_that_is_none(body: bytes, reason: Reason) -> None:
    wanted = read_json_assertions([{"path": "$.a", "op": "exists"}], "json_assertions")
    complaint = judge_json(wanted, page(body))

    assert complaint is not None
    assert complaint.reason is reason
    json.dumps(complaint.message).encode()


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "shift_jis"])
def test_json_in_another_alphabet(charset: str) -> None:
    text = "日本" if charset == "shift_jis" else "größe"
    wanted = read_json_assertions([{"path": "$.a", "value": text}], "json_assertions")

    body = f'{{"a": "{text}"}}'.encode(charset)

    assert judge_json(wanted, page(body, f"application/json; charset={charset}")) is None


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ({"name": "content-type", "op": "contains", "value": "html"}, True),
        ({"name": "X-Count", "op": "ge", "value": 5}, True),
        ({"name": "X-Count", "op": "eq", "value": 7}, True),
        ({"name": "X-Count", "op": "eq", "value": "7"}, True),
        ({"name": "X-Count", "op": "lt", "value": 7}, False),
        ({"name": "Vary", "op": "contains", "value": "Cookie"}, True),
        ({"name": "X-Gone", "op": "exists", "value": False}, True),
        ({"name": "X-Gone"}, False),
        ({"name": "Vary", "value": "Accept, Cookie"}, True),
        ({"header": "vary", "value": "Accept, Cookie"}, True),
        ({"name": "X-Limit", "op": "ge", "value": 5}, False),
        ({"name": "X-Limit", "op": "eq", "value": "inf"}, True),
    ],
)
def test_headers(assertion: dict[str, Any], holds: bool) -> None:
    headers = [
        ("Content-Type", "text/html"),
        ("X-Count", "7"),
        ("Vary", "Accept"),
        ("vary", "Cookie"),
        ("X-Limit", "inf"),
    ]
    complaint = judge_headers(read_header_assertions([assertion], "header_assertions"), headers)

    assert (complaint is None) is holds


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("größe".encode(), "text/html", "größe"),
        ("größe".encode("latin-1"), "text/html; charset=ISO-8859-1", "größe"),
        ("größe".encode("cp1252"), 'text/html; charset="windows-1252"', "größe"),
        ("日本".encode("shift_jis"), "text/html; charset=Shift_JIS", "日本"),
        ("“größe” €".encode("cp1252"), "text/html; charset=iso-8859-1", "“größe” €"),
        ("“größe”".encode("cp1252"), "text/html; charset=us-ascii", "“größe”"),
        ("ağ “ş”".encode("cp1254"), "text/html; charset=ISO-8859-9", "“ş”"),
        ("①".encode("cp932"), "text/html; charset=x-sjis", "①"),
        ("똠".encode("cp949"), "text/html; charset=euc-kr", "똠"),
        ("镕".encode("gbk"), "text/html; charset=gb2312", "镕"),
        ("ไทย".encode("cp874"), "text/html; charset=windows-874", "ไทย"),
        ("ไทย".encode("cp874"), "text/html; charset=TIS-620", "ไทย"),
        ("é".encode("mac-roman"), "text/html; charset=macintosh", "é"),
        ("größe".encode(), "text/html; charset=no-such-thing", "größe"),
        ("größe".encode(), "text/html; charset=punycode", "größe"),
        ("größe".encode(), "text/html; charset=rot13", "größe"),
        (b"ok \xff", "text/html", "ok"),
        (b"\x81\x8d ok", "text/html; charset=iso-8859-1", "\ufffd\ufffd ok"),
        ("größe".encode("utf-16"), "text/html", "größe"),
        ('<meta charset="iso-8859-1">größe'.encode("latin-1"), "text/html", "größe"),
        ('<meta charset="utf-16">größe'.encode(), "text/html", "größe"),
        ('<meta charset="iso-8859-1">größe'.encode(), "text/html; charset=utf-8", "größe"),
    ],
)
def test_text_is_read_in_the_alphabet_that_the_page_declares(body: bytes, content_type: str, text: str) -> None:
    assert judge_text(page(body, content_type), contains=text, lacks=None, matches=None) is None


def test_a_byte_order_mark_is_no_text() -> None:
    assert judge_text(page(b"\xef\xbb\xbfhello"), contains=None, lacks=None, matches="^hello$") is None


def test_text_beyond_what_was_read_is_not_called_missing() -> None:
    complaint = judge_text(page(b"a" * 100, cut=True), contains="b", lacks=None, matches=None)

    assert complaint is not None
    assert complaint.reason is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize("pattern", [r"^(a+)+$", r"(a|a)*b", r"(.*)*x", r"(a{1,100}){1,9}b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    began = thread_time()
    judge_text(page(b"a" * 1_048_576 + b"!"), contains=None, lacks=None, matches=pattern)

    assert thread_time() - began < 2.0  # a backtracking matcher would take longer than the universe lasts


@pytest.mark.parametrize(
    ("days_left", "days_valid", "warn", "complains"),
    [(13, 90, None, True), (15, 90, None, False), (3, 6, None, False), (1, 6, None, True), (20, 90, 30, True),
     (1, 90, 0, False), (-1, 90, 0, True)],
)  # fmt: skip
def test_certificates_near_their_end(days_left: int, days_valid: int, warn: int | None, complains: bool) -> None:
    complaint = judge_certificate(warn, {"days_left": days_left, "days_valid": days_valid})

    assert (complaint is not None) is complains


@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_body_at_all_gets_a_verdict(body: bytes, charset: str) -> None:
    response = page(body, f"text/html; charset={charset}")
    judge_text(response, contains="a", lacks="b", matches="c+")
    judge_json(read_json_assertions([{"path": "a[0].b", "op": "eq", "value": 1}], "json_assertions"), response)
