"""HTTP/2 is one more way to say the same: healthy sites are up, and each fault has the name it has in HTTP/1."""

from __future__ import annotations

import gzip
import queue
import threading

import pytest
from h2.errors import ErrorCodes

from probes.contract import CheckRequest, CheckResult, Outcome, Phase, Reason
from probes.engine import Engine
from tests.probes.conftest import Check, MakeSite
from tests.probes.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    OK_HEADERS,
    Page,
    Visitor,
    frame,
    offers_h2,
    speaks_h2,
)
from tests.probes.lab import OK, Authority, patience_ms, reset


def says(status: int, body: bytes = b"ok", *headers: tuple[str, str]) -> Page:
    def page(visitor: Visitor) -> None:
        visitor.say_headers(status, *headers, ends=not body)
        visitor.say(body)
        visitor.wait()

    return page


def begins(*headers: tuple[str, str], then: Page) -> Page:
    """Half an answer."""

    def page(visitor: Visitor) -> None:
        visitor.say_headers(200, *headers)
        visitor.say(b"hel", ends=False)
        then(visitor)

    return page


def sends(raw: bytes, then: Page = Visitor.wait) -> Page:
    """Words of our own. Who waits after bad ones is told so by the visitor, and hangs up."""

    def page(visitor: Visitor) -> None:
        visitor.send(raw)
        then(visitor)

    return page


def resets(code: ErrorCodes) -> Page:
    def page(visitor: Visitor) -> None:
        visitor.h2.reset_stream(visitor.stream, code)
        visitor.send()
        visitor.wait()

    return page


def goes_away(code: ErrorCodes, last_stream: int, then: Page = Visitor.leave) -> Page:
    last, why = last_stream.to_bytes(4, "big"), int(code).to_bytes(4, "big")
    return sends(frame(GOAWAY, 0, 0, last + why), then)


def early_hints_first(visitor: Visitor) -> None:
    visitor.say_headers(103, ("link", "</a>"))
    says(200)(visitor)


def trailers(visitor: Visitor) -> None:
    visitor.say_headers(200)
    visitor.say(b"ok", ends=False)
    visitor.h2.send_headers(visitor.stream, [("x-sum", "1")], end_stream=True)
    visitor.send()
    visitor.wait()


def goodbye_after_the_answer(visitor: Visitor) -> None:
    visitor.say_headers(200)
    visitor.say(b"ok")
    visitor.h2.close_connection()
    visitor.send()
    visitor.leave()


def redirect_first(visitor: Visitor) -> None:
    if visitor.asked[":path"] == "/there":
        says(200)(visitor)
    else:
        says(302, b"", ("location", "/there"))(visitor)


def reset_the_connection(visitor: Visitor) -> None:
    reset(visitor.connection)


HEALTHY: dict[str, Page] = {
    "plain": says(200),
    "early hints first": early_hints_first,
    "no content": says(204, b""),
    "gzip": says(200, gzip.compress(b"hello"), ("content-encoding", "gzip")),
    "trailers": trailers,
    "a body of many windows": says(200, b"x" * 900_000),
    "goodbye after the answer": goodbye_after_the_answer,
    "a redirect": redirect_first,
    "only HTTP/1.1 will do": resets(ErrorCodes.HTTP_1_1_REQUIRED),
}


@pytest.mark.parametrize("page", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_site_is_up(page: Page, check: Check, site: MakeSite, authority: Authority) -> None:
    result = check(site(speaks_h2(page), tls=offers_h2(authority)).url())

    assert (result.outcome, result.reason) == (Outcome.UP, None), result.message


FAULTS: dict[str, tuple[Page, Reason]] = {
    "404": (says(404), Reason.UNEXPECTED_STATUS),
    "silence": (Visitor.wait, Reason.FIRST_BYTE_TIMEOUT),
    "goodbye, but our request shall be answered": (
        goes_away(ErrorCodes.NO_ERROR, 1, Visitor.wait),
        Reason.FIRST_BYTE_TIMEOUT,
    ),
    "headers without an end": (
        sends(frame(HEADERS, 0, 1, OK_HEADERS)),
        Reason.HEADER_TIMEOUT,
    ),
    "body stall": (begins(then=Visitor.wait), Reason.BODY_TIMEOUT),
    "closed without a reply": (Visitor.leave, Reason.CONNECTION_CLOSED),
    "reset": (reset_the_connection, Reason.CONNECTION_RESET),
    "RST_STREAM, internal error": (resets(ErrorCodes.INTERNAL_ERROR), Reason.CONNECTION_CLOSED),
    "RST_STREAM, no error": (resets(ErrorCodes.NO_ERROR), Reason.CONNECTION_CLOSED),
    "RST_STREAM, refused": (resets(ErrorCodes.REFUSED_STREAM), Reason.CONNECTION_CLOSED),
    "GOAWAY, no error": (goes_away(ErrorCodes.NO_ERROR, 0), Reason.CONNECTION_CLOSED),
    "GOAWAY, no error, in the middle": (goes_away(ErrorCodes.NO_ERROR, 1), Reason.CONNECTION_CLOSED),
    "GOAWAY, internal error": (goes_away(ErrorCodes.INTERNAL_ERROR, 0), Reason.CONNECTION_CLOSED),
    "closed in the body": (begins(then=Visitor.leave), Reason.BODY_TRUNCATED),
    "closed in the body, with a length": (begins(("content-length", "9"), then=Visitor.leave), Reason.BODY_TRUNCATED),
    "closed in a frame": (
        sends(frame(HEADERS, END_HEADERS, 1, OK_HEADERS) + frame(DATA, END_STREAM, 1, b"ok", length=9), Visitor.leave),
        Reason.BODY_TRUNCATED,
    ),
    "RST_STREAM in the body": (begins(then=resets(ErrorCodes.INTERNAL_ERROR)), Reason.BODY_TRUNCATED),
    "RST_STREAM in the body, no error": (
        begins(("content-length", "9"), then=resets(ErrorCodes.NO_ERROR)),
        Reason.BODY_TRUNCATED,
    ),
    "an end before the length": (says(200, b"hel", ("content-length", "9")), Reason.PROTOCOL_ERROR),
    "garbage": (sends(bytes(40)), Reason.PROTOCOL_ERROR),
    "HTTP/1.1 after all": (sends(OK), Reason.PROTOCOL_ERROR),
    "a frame that is too large": (sends(frame(DATA, 0, 1, b"x", length=0xFFFFFF)), Reason.PROTOCOL_ERROR),
    "headers that cannot be unpacked": (
        sends(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff" * 5)),
        Reason.PROTOCOL_ERROR,
    ),
    "headers without a status": (
        sends(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01a\x01b")),
        Reason.PROTOCOL_ERROR,
    ),
    "headers of no stream": (sends(frame(HEADERS, END_HEADERS, 0, OK_HEADERS)), Reason.PROTOCOL_ERROR),
    "a body before the headers": (sends(frame(DATA, END_STREAM, 1, b"ok")), Reason.PROTOCOL_ERROR),
}


@pytest.mark.parametrize(("page", "reason"), FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_name(
    page: Page, reason: Reason, check: Check, site: MakeSite, authority: Authority
) -> None:
    result = check(site(speaks_h2(page), tls=offers_h2(authority)).url(), timeout_ms=patience_ms(reason))

    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.certificate is not None
    assert result.timings_ms.total is not None
    assert result.timings_ms.total < patience_ms(reason) + 500


def test_all_is_seen_that_is_seen_of_http_1(check: Check, site: MakeSite, authority: Authority) -> None:
    asked: list[dict[str, str]] = []

    def page(visitor: Visitor) -> None:
        asked.append(visitor.asked)
        says(200, b"all is well", ("content-type", "text/html"))(visitor)

    result = check(
        site(speaks_h2(page), tls=offers_h2(authority)).url("/a?b=c", host="localhost"),
        body_contains="well",
        header_assertions=[{"name": "Content-Type", "op": "contains", "value": "html"}],
        headers={"X-Key": "value"},
    )

    assert (result.outcome, result.http_status, result.body_bytes) == (Outcome.UP, 200, 11), result.message
    assert result.certificate is not None
    assert result.certificate["protocol"] == "TLSv1.3"
    times = result.timings_ms
    for phase in (times.dns, times.connect, times.tls, times.first_byte, times.download, times.total):
        assert phase is not None
    assert (asked[0][":path"], asked[0]["x-key"]) == ("/a?b=c", "value")


def test_a_redirect_is_a_hop_of_its_own(check: Check, site: MakeSite, authority: Authority) -> None:
    server = site(speaks_h2(redirect_first), tls=offers_h2(authority))
    result = check(server.url())

    assert [(hop["status"], hop["location"]) for hop in result.redirects] == [(302, "/there")]
    assert result.redirects[0]["timings_ms"]["tls"] > 0
    assert server.connections == 2


def test_an_end_says_how_it_came(check: Check, site: MakeSite, authority: Authority) -> None:
    result = check(site(speaks_h2(resets(ErrorCodes.INTERNAL_ERROR)), tls=offers_h2(authority)).url())

    assert result.phase is Phase.FIRST_BYTE
    assert "INTERNAL_ERROR" in result.message


def test_checks_share_no_connection(engine: Engine, site: MakeSite, authority: Authority) -> None:
    """HTTP/2 would carry many requests over one, which would hide how it is to come anew."""
    all_here = threading.Barrier(3, timeout=10)

    def page(visitor: Visitor) -> None:
        all_here.wait()
        says(200)(visitor)

    server = site(speaks_h2(page), tls=offers_h2(authority))
    results: queue.SimpleQueue[CheckResult] = queue.SimpleQueue()
    request = CheckRequest("x", "http", {"url": server.url()}, timeout_ms=8_000)
    for _ in range(2):
        engine.run([request] * 3, results.put)

    assert [results.get().outcome for _ in range(6)] == [Outcome.UP] * 6
    assert server.connections == 6
