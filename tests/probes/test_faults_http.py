"""Every fault of HTTP has one name, and healthy oddities have none."""

from __future__ import annotations

import gzip
import socket
import zlib
from hashlib import sha256
from typing import Any

import pytest

from bench.stage.sites import black_hole
from onebox.servers import free_port
from probes.contract import Outcome, Phase, Reason
from tests.probes.conftest import Check, MakeSite
from tests.probes.lab import (
    OK,
    Behaviour,
    Diary,
    answer,
    drip,
    hold,
    path_of,
    patience_ms,
    redirect,
    request,
    reset,
    says,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def chunked(*chunks: bytes, end: bool = True) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body + (b"0\r\n\r\n" if end else b"")


def no_reply(connection: socket.socket) -> None:
    request(connection)


def reset_after_request(connection: socket.socket) -> None:
    request(connection)
    reset(connection)


def accept_and_hold(connection: socket.socket) -> None:
    hold(connection)


def packed(body: bytes, coding: str = "gzip") -> Behaviour:
    return says(answer(body, headers=f"Content-Encoding: {coding}\r\n"))


def length(value: str, body: bytes = b"ok") -> Behaviour:
    return says(HEAD + f"Content-Length: {value}\r\n\r\n".encode() + body)


GZIPPED = gzip.compress(b"hello, world; " * 50)
ABSURD = "9" * 23

HEALTHY: dict[str, Behaviour] = {
    "plain": says(OK),
    "http 1.0 without a length": says(b"HTTP/1.0 200 OK\r\n\r\nhello"),
    "no reason phrase": says(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
    "only newlines": says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    "early hints first": says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK),
    "continue first": says(b"HTTP/1.1 100 Continue\r\n\r\n" + OK),
    "no content": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "not modified": says(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "chunked": says(chunked(b"hello ", b"world")),
    "chunked with trailers": says(chunked(b"hi", end=False) + b"0\r\nX-Sum: 1\r\n\r\n"),
    "gzip": packed(GZIPPED),
    "gzip of two members": packed(GZIPPED + GZIPPED),
    "gzip with padding": packed(GZIPPED + bytes(64)),
    "gzip of nothing": packed(b""),
    "gzip twice": packed(gzip.compress(GZIPPED), "gzip, x-gzip"),
    "gzip and no content": says(b"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n"),
    "gzip and not modified": says(b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n"),
    "a coding that was not asked for": packed(b"\x0b\x02\x80hello\x03", "br"),
    "a part of something packed": says(
        answer(GZIPPED[9:20], "206 Partial Content", "Content-Encoding: gzip\r\nContent-Range: bytes 9-19/40\r\n")
    ),
    "an alphabet in place of a coding": packed(b"hello", "utf-8"),
    "the same length twice": says(HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
    "chunked, and a length": says(chunked(b"hi").replace(HEAD, HEAD + b"Content-Length: 99\r\n")),
    "an absurd length of nothing": says(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: " + ABSURD.encode() + b"\r\n\r\n"
    ),
    "small letters": says(OK.replace(b"HTTP", b"http")),
    "small letters after early hints": says(b"http/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.1, b"http" + OK[4:]),
    "more than it said": says(HEAD + b"Content-Length: 2\r\n\r\nok and more"),
    "empty": says(answer(b"")),
    "headers in pieces": says(HEAD, 0.1, b"Content-Length: 2\r\n", 0.1, b"\r\nok"),
    "latin-1 headers": says(answer(headers="X-City: K\xf6ln\r\n").decode().encode("latin-1")),
    "redirect without a location": says(answer(b"", "302 Found", "")),
    "many cookies": says(answer(headers="".join(f"Set-Cookie: c{n}=v\r\n" for n in range(60)))),
}


@pytest.mark.parametrize("behave", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_site_is_up_however_odd(behave: Behaviour, check: Check, site: MakeSite) -> None:
    result = check(site(behave).url())

    assert (result.outcome, result.reason) == (Outcome.UP, None), result.message


FAULTS: dict[str, tuple[Behaviour, Reason]] = {
    "silence": (accept_and_hold, Reason.FIRST_BYTE_TIMEOUT),
    "slow first byte": (says(3.0, OK), Reason.FIRST_BYTE_TIMEOUT),
    "header drip": (drip(HEAD), Reason.HEADER_TIMEOUT),
    "headers without an end": (says(HEAD, 30.0), Reason.HEADER_TIMEOUT),
    "early hints and no more": (says(b"HTTP/1.1 103 Early Hints\r\n\r\n", 30.0), Reason.HEADER_TIMEOUT),
    "early hints, then closed": (says(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Reason.CONNECTION_CLOSED),
    "a status of four digits": (says(b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"), Reason.PROTOCOL_ERROR),
    "body stall": (says(HEAD + b"Content-Length: 10\r\n\r\nhel", 30.0), Reason.BODY_TIMEOUT),
    "body drip": (drip(b"x" * 99, first=HEAD + b"Content-Length: 99\r\n\r\n"), Reason.BODY_TIMEOUT),
    "closed without a reply": (no_reply, Reason.CONNECTION_CLOSED),
    "closed in the headers": (says(HEAD), Reason.CONNECTION_CLOSED),
    "closed in the status line": (says(b"HTTP/1.1 2"), Reason.CONNECTION_CLOSED),
    "reset": (reset_after_request, Reason.CONNECTION_RESET),
    "truncated by length": (says(HEAD + b"Content-Length: 10\r\n\r\nhel"), Reason.BODY_TRUNCATED),
    "truncated by chunk": (says(chunked(b"hello", end=False)), Reason.BODY_TRUNCATED),
    "truncated in a chunk": (says(chunked(end=False) + b"ff\r\nhello"), Reason.BODY_TRUNCATED),
    "bad chunk": (says(chunked(end=False) + b"zz\r\nhello"), Reason.PROTOCOL_ERROR),
    "two lengths": (says(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), Reason.PROTOCOL_ERROR),
    "two lengths in one": (length("2, 3"), Reason.PROTOCOL_ERROR),
    "bad length": (length("many"), Reason.PROTOCOL_ERROR),
    "negative length": (length("-2"), Reason.PROTOCOL_ERROR),
    "no number after the length": (length(""), Reason.PROTOCOL_ERROR),
    "absurd length": (length(ABSURD), Reason.BODY_TRUNCATED),
    "absurd length, no body": (length(ABSURD, b""), Reason.BODY_TRUNCATED),
    "absurd length, stall": (says(HEAD + f"Content-Length: {ABSURD}\r\n\r\nok".encode(), 30.0), Reason.BODY_TIMEOUT),
    "garbage": (says(b"\x00\x01\x02 this is no http\r\n\r\n"), Reason.PROTOCOL_ERROR),
    "http 0.9": (says(b"<html>hello</html>"), Reason.PROTOCOL_ERROR),
    "bad status": (says(b"HTTP/1.1 OK\r\n\r\n"), Reason.PROTOCOL_ERROR),
    "a header line of a megabyte": (says(HEAD + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n"), Reason.PROTOCOL_ERROR),
    "ten thousand headers": (says(HEAD + b"X-A: b\r\n" * 10_000 + b"\r\n"), Reason.PROTOCOL_ERROR),
    "gzip that is none": (packed(b"hello"), Reason.PROTOCOL_ERROR),
    "gzip that is damaged": (packed(GZIPPED[:-8] + b"\x00" * 8), Reason.PROTOCOL_ERROR),
    "gzip that breaks off": (packed(GZIPPED[:-9]), Reason.BODY_TRUNCATED),
    "gzip that breaks off in a second member": (packed(GZIPPED + GZIPPED[:-9]), Reason.BODY_TRUNCATED),
    "gzip that breaks off, in chunks": (
        says(chunked(GZIPPED[:-9]).replace(HEAD, HEAD + b"Content-Encoding: gzip\r\n")),
        Reason.BODY_TRUNCATED,
    ),
    "deflate that breaks off": (packed(zlib.compress(b"hello")[:-2], "deflate"), Reason.BODY_TRUNCATED),
    "404": (says(answer(status="404 Not Found")), Reason.UNEXPECTED_STATUS),
    "429": (says(answer(status="429 Too Many Requests")), Reason.UNEXPECTED_STATUS),
    "500": (says(answer(status="500 Oops")), Reason.UNEXPECTED_STATUS),
    "522": (says(answer(status="522 Origin Timed Out")), Reason.UNEXPECTED_STATUS),
    "503 whose body breaks off": (
        says(b"HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\nhel"),
        Reason.UNEXPECTED_STATUS,
    ),
    "500 whose body stalls": (says(b"HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\n", 30.0), Reason.UNEXPECTED_STATUS),
    "500 whose gzip is none": (
        says(answer(b"Fatal error", "500 Oops", "Content-Encoding: gzip\r\n")),
        Reason.UNEXPECTED_STATUS,
    ),
    "999": (says(answer(status="999 Denied")), Reason.UNEXPECTED_STATUS),
}


@pytest.mark.parametrize(("behave", "reason"), FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_name(behave: Behaviour, reason: Reason, check: Check, site: MakeSite) -> None:
    result = check(site(behave).url(), timeout_ms=patience_ms(reason))

    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.timings_ms.total is not None
    assert result.timings_ms.total < patience_ms(reason) + 500
    assert result.message
    assert result.remote_ip == "127.0.0.1"


def test_nobody_listens(check: Check) -> None:
    result = check(f"http://127.0.0.1:{free_port()}/")

    assert (result.reason, result.phase) == (Reason.CONNECT_REFUSED, Phase.CONNECT)


def test_a_black_hole(check: Check) -> None:
    with black_hole() as port:
        result = check(f"http://127.0.0.1:{port}/", timeout_ms=800)

    assert (result.reason, result.phase) == (Reason.CONNECT_TIMEOUT, Phase.CONNECT)
    assert result.timings_ms.connect == pytest.approx(800, abs=400)


REDIRECTS: dict[str, tuple[str, dict[str, Any], Outcome, Reason | None]] = {
    "one hop": ("/to/ok", {}, Outcome.UP, None),
    "not followed": ("/to/missing", {"follow_redirects": False}, Outcome.UP, None),
    "five hops": ("/count/5", {}, Outcome.UP, None),
    "six hops": ("/count/6", {}, Outcome.DOWN, Reason.TOO_MANY_REDIRECTS),
    "more hops where allowed": ("/count/6", {"max_redirects": 6}, Outcome.UP, None),
    "to itself": ("/loop", {}, Outcome.DOWN, Reason.REDIRECT_LOOP),
    "back and forth": ("/ping", {}, Outcome.DOWN, Reason.REDIRECT_LOOP),
    "until a cookie sticks": ("/cookie", {}, Outcome.UP, None),
    "a cookie that never sticks": ("/cookies", {}, Outcome.DOWN, Reason.REDIRECT_LOOP),
    "to a dead host": ("/away/http://127.0.0.1:1/", {}, Outcome.DOWN, Reason.CONNECT_REFUSED),
    "to nowhere": ("/away/http://[bad/", {}, Outcome.DOWN, Reason.PROTOCOL_ERROR),
    "to a forbidden address": ("/away/http://10.0.0.1/", {}, Outcome.UNKNOWN, Reason.ADDRESS_BLOCKED),
    "to metadata": ("/away/http://169.254.169.254/", {}, Outcome.UNKNOWN, Reason.ADDRESS_BLOCKED),
    "to a file": ("/away/file:///etc/passwd", {}, Outcome.DOWN, Reason.UNSUPPORTED_SCHEME),
    "to metadata in disguise": ("/away/http:///%31%36%39.254.169.254/", {}, Outcome.UNKNOWN, Reason.ADDRESS_BLOCKED),
    "to ftp": ("/away/ftp://127.0.0.1/", {}, Outcome.DOWN, Reason.UNSUPPORTED_SCHEME),
    "to a script": ("/away/javascript:alert(1)", {}, Outcome.DOWN, Reason.UNSUPPORTED_SCHEME),
    "to a name that does not exist": ("/away/http://gone.test/", {}, Outcome.DOWN, Reason.DNS_NXDOMAIN),
}


def winding_road(connection: socket.socket) -> None:
    """Redirects of every sort, by path."""
    head = request(connection)
    path = path_of(head)
    target = {
        "/to/ok": "/ok",
        "/to/missing": "/missing",
        "/loop": "/loop",
        "/ping": "/pong",
        "/pong": "/ping",
    }.get(path)
    if path.startswith("/count/") and path != "/count/0":
        target = f"/count/{int(path.removeprefix('/count/')) - 1}"
    if path.startswith("/away/"):
        target = path.removeprefix("/away/")
    if path.startswith("/cookie") and not (path == "/cookie" and b"Cookie: seen=1" in head):
        connection.sendall(redirect(path, more="Set-Cookie: seen=1\r\n"))
    elif target is not None:
        connection.sendall(redirect(target))
    else:
        connection.sendall(OK)


@pytest.mark.parametrize(("path", "spec", "outcome", "reason"), REDIRECTS.values(), ids=REDIRECTS)
def test_redirects(
    path: str, spec: dict[str, Any], outcome: Outcome, reason: Reason | None, check: Check, site: MakeSite
) -> None:
    result = check(site(winding_road).url(path), **spec)

    assert (result.outcome, result.reason) == (outcome, reason), result.message


@pytest.mark.parametrize(
    ("sent", "asked"), [("/größe".encode(), b"/gr%C3%B6%C3%9Fe"), (b"/gr\xf6\xdfe", b"/gr%F6%DFe")]
)
def test_letters_that_were_not_encoded(sent: bytes, asked: bytes, check: Check, site: MakeSite) -> None:
    diary = Diary(b"HTTP/1.1 302 Found\r\nLocation: " + sent + b"\r\nContent-Length: 0\r\n\r\n", OK)
    result = check(site(diary).url())

    assert result.outcome is Outcome.UP
    assert diary.heads[1].split()[1] == asked


def test_an_interim_status_is_not_the_answers(check: Check, site: MakeSite) -> None:
    result = check(site(says(b"HTTP/1.1 103 Early Hints\r\n\r\n")).url())

    assert (result.http_status, result.phase) == (None, Phase.FIRST_BYTE)


BODIES_OF_REDIRECTS: dict[str, tuple[bytes, Reason]] = {
    "breaks off": (b"Content-Length: 10\r\n\r\nhel", Reason.BODY_TRUNCATED),
    "damaged": (b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nhel", Reason.PROTOCOL_ERROR),
    "never comes": (b"Content-Length: 10\r\n\r\n", Reason.BODY_TIMEOUT),
    "no end": (b"\r\nhello", Reason.BODY_TIMEOUT),
}


@pytest.mark.parametrize(("rest", "reason"), BODIES_OF_REDIRECTS.values(), ids=BODIES_OF_REDIRECTS)
def test_a_redirect_leads_on_whatever_its_body_is(rest: bytes, reason: Reason, check: Check, site: MakeSite) -> None:
    def behave(connection: socket.socket) -> None:
        if path_of(request(connection)) == "/there":
            connection.sendall(OK)
            return
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /there\r\n" + rest)
        if reason is Reason.BODY_TIMEOUT:
            hold(connection)

    url = site(behave).url()
    result = check(url)
    assert (result.outcome, len(result.redirects)) == (Outcome.UP, 1), result.message
    assert check(url, timeout_ms=patience_ms(reason), follow_redirects=False).reason is reason


def test_a_body_that_nobody_can_read_is_not_judged(check: Check, site: MakeSite) -> None:
    """Neither as good nor as bad: a browser may be able to read it."""
    url = site(packed(b"\x0b\x02\x80hello\x03", "br")).url()
    specs: list[dict[str, Any]] = [
        {"body_contains": "hello"},
        {"body_not_contains": "error"},
        {"body_matches": "hello"},
        {"json_assertions": [{"path": "a", "op": "exists"}]},
    ]
    for spec in specs:
        result = check(url, **spec)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL_ERROR)
        assert "comes as br, unasked for" in result.message
    assert check(url, expected_status="404", **specs[0]).reason is Reason.UNEXPECTED_STATUS
    assert check(site(packed(b"hello", "utf-8")).url(), **specs[0]).outcome is Outcome.UP


def test_what_we_say_that_we_can_read(check: Check, site: MakeSite) -> None:
    diary = Diary(OK)
    check(site(diary).url())
    check(site(diary).url(), headers={"accept-encoding": "identity"})

    assert [head.lower().count(b"accept-encoding") for head in diary.heads] == [1, 1]
    assert b"Accept-Encoding: gzip, deflate\r\n" in diary.heads[0]
    assert b"accept-encoding: identity\r\n" in diary.heads[1]


def test_a_body_is_neither_sent_nor_missed_after_head(check: Check, site: MakeSite) -> None:
    for headers in ("Content-Encoding: gzip\r\n", f"Content-Length: {ABSURD}\r\n"):
        url = site(says(HEAD + headers.encode() + b"\r\n")).url()
        assert check(url, method="HEAD").outcome is Outcome.UP


def test_every_hop_is_written_down(check: Check, site: MakeSite) -> None:
    result = check(site(winding_road).url("/count/2"))

    assert [(hop["status"], hop["location"]) for hop in result.redirects] == [(302, "/count/1"), (302, "/count/0")]
    assert all(hop["timings_ms"]["first_byte"] is not None for hop in result.redirects)
    hops_ms = sum(hop["timings_ms"]["total"] for hop in result.redirects)
    assert result.timings_ms.total is not None
    assert result.timings_ms.total > hops_ms


def test_secrets_stay_with_the_site_they_were_meant_for(check: Check, site: MakeSite) -> None:
    there = Diary(OK)
    here = Diary(redirect(site(there).url()))
    check(site(here).url(), headers={"Authorization": "Bearer secret", "X-Key": "secret"})

    assert b"Authorization: Bearer secret" in here.heads[0]
    assert b"X-Key: secret" in here.heads[0]
    assert b"secret" not in there.heads[0]


def test_a_form_is_not_posted_twice(check: Check, site: MakeSite) -> None:
    diary = Diary(redirect("/done"), OK)
    check(site(diary).url(), method="POST", body="a=1")

    assert [head.split(b" ")[0] for head in diary.heads] == [b"POST", b"GET"]


CONTENT: dict[str, tuple[bytes, dict[str, Any], Outcome, Reason | None]] = {
    "text is there": (b"all is well", {"body_contains": "well"}, Outcome.UP, None),
    "text is missing": (b"all is well", {"body_contains": "bad"}, Outcome.DOWN, Reason.BODY_MISSING_TEXT),
    "forbidden text": (b"fatal error", {"body_not_contains": "error"}, Outcome.DOWN, Reason.BODY_FORBIDDEN_TEXT),
    "pattern": (b"build 17", {"body_matches": r"build \d+"}, Outcome.UP, None),
    "no match": (b"build x", {"body_matches": r"build \d+"}, Outcome.DOWN, Reason.BODY_REGEX_MISMATCH),
    "empty": (b"", {"body_contains": "well"}, Outcome.DOWN, Reason.BODY_EMPTY),
    "json": (
        b'{"status": "ok", "items": [{"n": 3}]}',
        {"json_assertions": [{"path": "$.items[0].n", "op": "ge", "value": 3}]},
        Outcome.UP,
        None,
    ),
    "json differs": (
        b'{"status": "bad"}',
        {"json_assertions": [{"path": "status", "op": "eq", "value": "ok"}]},
        Outcome.DOWN,
        Reason.JSON_MISMATCH,
    ),
    "json that is a page": (
        b"<html></html>",
        {"json_assertions": [{"path": "status", "op": "eq", "value": "ok"}]},
        Outcome.DOWN,
        Reason.JSON_INVALID,
    ),
    "header": (
        b"",
        {"header_assertions": [{"name": "content-type", "op": "contains", "value": "html"}]},
        Outcome.UP,
        None,
    ),
    "header differs": (
        b"",
        {"header_assertions": [{"name": "Strict-Transport-Security", "op": "exists"}]},
        Outcome.DOWN,
        Reason.HEADER_MISMATCH,
    ),
    "status is not the one wanted": (b"", {"expected_status": "201"}, Outcome.DOWN, Reason.UNEXPECTED_STATUS),
}


@pytest.mark.parametrize(("body", "spec", "outcome", "reason"), CONTENT.values(), ids=CONTENT)
def test_content(
    body: bytes, spec: dict[str, Any], outcome: Outcome, reason: Reason | None, check: Check, site: MakeSite
) -> None:
    result = check(site(says(answer(body))).url(), **spec)

    assert (result.outcome, result.reason) == (outcome, reason), result.message


def test_a_slow_site_is_degraded(check: Check, site: MakeSite) -> None:
    result = check(site(says(0.3, OK)).url(), max_response_ms=100)

    assert (result.outcome, result.reason, result.phase) == (Outcome.DEGRADED, Reason.SLOW_RESPONSE, Phase.TOTAL)


def test_a_failure_shows_what_was_seen_but_no_secret(check: Check, site: MakeSite) -> None:
    page = answer(b"token hunter22 is wrong", "500 Oops", "Set-Cookie: session=abc\r\nX-Echo: hunter22\r\n")
    result = check(site(says(page)).url(), headers={"Authorization": "hunter22"})

    assert result.evidence is not None
    assert result.evidence["dns"] == ["127.0.0.1"]
    assert result.evidence["headers"]["Set-Cookie"] == "********"
    assert result.evidence["headers"]["X-Echo"] == "********"
    assert result.evidence["body"] == "token ******** is wrong"
    assert check(site(says(OK)).url()).evidence is None


def test_the_content_is_told_by_its_hash_where_that_is_asked_for(check: Check, site: MakeSite) -> None:
    page = site(says(answer(b"hello"))).url()
    assert check(page).content is None
    assert check(page, watch_content=True).content == sha256(b"hello").hexdigest()
    assert check(page, watch_content=True, body_contains="bye").content is None


def test_a_retry_that_succeeds_is_visible(check: Check, site: MakeSite) -> None:
    result = check(site(Diary(answer(status="503 Busy"), OK)).url(), retries=2)

    assert (result.outcome, result.attempts) == (Outcome.UP, 2)
    assert "try 2" in result.message
    assert [tried["http_status"] for tried in result.earlier_tries] == [503]


def test_retries_stay_within_the_deadline(check: Check) -> None:
    result = check(f"http://127.0.0.1:{free_port()}/", timeout_ms=1_000, retries=10)

    assert result.reason is Reason.CONNECT_REFUSED
    assert 2 <= result.attempts <= 4
