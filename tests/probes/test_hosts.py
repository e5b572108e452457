"""A URL is read once, in one way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.contract import InvalidSpec
from probes.hosts import UnsupportedScheme, follow, parse_url


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("http://example.org", "http://example.org/"),
        (" HTTPS://Example.ORG:443/A?b=C#d ", "https://example.org/A?b=C"),
        ("http://example.org:8080", "http://example.org:8080/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://faß.de/", "http://xn--fa-hia.de/"),
        ("http://例え.テスト/", "http://xn--r8jz45g.xn--zckzah/"),
        ("http://example。org/", "http://example.org/"),
        ("http://example.org./", "http://example.org/"),
        ("http://[2001:DB8::0:1]:80/", "http://[2001:db8::1]/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://0x7f000001/", "http://127.0.0.1/"),
        ("http://a_b.example.org/", "http://a_b.example.org/"),
        ("http://example.org/ä b?q=ü&r=%20", "http://example.org/%C3%A4%20b?q=%C3%BC&r=%20"),
        ("http://example.org?q", "http://example.org/?q"),
    ],
)
def test_reading(written: str, plain: str) -> None:
    assert str(parse_url(written)) == plain


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "example.org",
        "ftp://example.org",
        "file:///etc/passwd",
        "gopher://example.org",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://:80/",
        "http://user:pw@example.org/",
        "http://user@example.org/",
        "http://@example.org/",
        "http://exa mple.org/",
        "http://example.org\\@evil.test/",
        "http://exam\nple.org/",
        "http://example.org/\r\nX: y",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:http/",
        "http://[::1/",
        "http://[example.org]/",
        "http://[fe80::1%25eth0]/",
        "http://-example.org/",
        "http://a..b/",
        "http://" + "a" * 64 + ".org/",
        "http://" + ".".join(["a" * 60] * 5) + "/",
        "http://example.org/" + "a" * 9_000,
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1%2f@example.org/",
    ],
)
def test_what_is_no_web_address_is_refused_with_a_sentence(nonsense: str) -> None:
    with pytest.raises(InvalidSpec) as error:
        parse_url(nonsense)
    assert error.value.field == "url"
    assert str(error.value)


BASE = parse_url("https://example.org/a/b?c")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/x", "https://example.org/x"),
        ("x", "https://example.org/a/x"),
        ("?q", "https://example.org/a/b?q"),
        ("//other.test/y", "https://other.test/y"),
        ("http://other.test", "http://other.test/"),
        ("https://user:pw@other.test/", "https://other.test/"),
        ("https:\\\\other.test\\y", "https://other.test/y"),
        (" /x y ", "https://example.org/x%20y"),
        ("http:///other.test/y", "http://other.test/y"),
        ("///other.test/y", "https://other.test/y"),
        ("http://%6fther.test/", "http://other.test/"),
    ],
)
def test_following(location: str, target: str) -> None:
    assert str(follow(BASE, location)) == target


@pytest.mark.parametrize("location", ["ftp://x/", "file:///etc/passwd", "mailto:a@b", "javascript:alert(1)", "data:,x"])
def test_leaving_the_web(location: str) -> None:
    with pytest.raises(UnsupportedScheme):
        follow(BASE, location)


@given(st.text(max_size=200))
def test_anything_at_all_is_read_or_refused(text: str) -> None:
    for attempt in (text, "http://" + text, "http://[" + text, "http://example.org/" + text):
        try:
            url = parse_url(attempt)
        except InvalidSpec:
            continue
        assert parse_url(str(url)) == url
        assert str(url).isascii()


@given(st.text(max_size=200))
def test_any_location_is_followed_or_refused(text: str) -> None:
    try:
        url = follow(BASE, text)
    except (InvalidSpec, UnsupportedScheme):
        return
    assert parse_url(str(url)) == url
