"""Whatever comes back, every failure is a value.

``FUZZ_INPUTS=100000 .venv/bin/python -m pytest tests/probes/test_fuzz.py`` is the campaign; a few thousand run always.
"""

from __future__ import annotations

import json
import os
import random
import socket

import dns.message
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.__main__ import read_line
from probes.certificates import facts, read_chain
from probes.contract import CheckRequest, CheckResult, Outcome, Reason
from probes.engine import Engine
from probes.resolver import _Inquiry
from tests.probes.conftest import MakeSite
from tests.probes.lab import request

INPUTS = int(os.environ.get("FUZZ_INPUTS", "3000"))
AT_ONCE = 500
SPEC = {
    "body_contains": "hello",
    "json_assertions": [{"path": "$.a[0].b", "op": "eq", "value": 1}],
    "header_assertions": [{"name": "X-A", "op": "lt", "value": 5}],
    "max_redirects": 1,
}
PIECES = [
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 \r\n", b"HTTP/2 200\r\n", b"HTTP/1.1 103 Early\r\n\r\n", b"HTTP/9.9 999\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br\r\n", b"Content-Encoding: deflate, gzip, br\r\n",
    b"Content-Type: text/html; charset=utf-7\r\n",
    b"Location: http://127.0.0.1:1/\r\n", b"Location: //\xff\r\n", b"Location: http://[::1\r\n",
    b"Set-Cookie: =;;=\r\n",
    b"X-A: 7\r\n", b"X-A\r\n", b": v\r\n", b" folded\r\n", b"\r\n", b"\n", b"\r", b"\x00", b"5\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\n", b"hello", b'{"a": [{"b": 1}]}', b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    b"HTTP/1.1 302 Found\r\n",
]  # fmt: skip


def nonsense(chance: random.Random) -> bytes:
    """Pieces of HTTP in any order, some of them damaged."""
    said = b"".join(chance.choice(PIECES) for _ in range(chance.randrange(12)))
    if chance.random() < 0.7:
        said = b"HTTP/1.1 200 OK\r\n" + said + b"\r\n" + chance.choice(PIECES)
    damaged = bytearray(said)
    for _ in range(chance.randrange(4)):
        if damaged:
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def test_any_response_at_all_gets_a_verdict(engine: Engine, site: MakeSite) -> None:
    chance = random.Random(7)

    def talk(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(nonsense(chance))

    url = site(talk).url()
    for _ in range(0, INPUTS, AT_ONCE):
        results: list[CheckResult] = []
        checks = [CheckRequest(str(n), "http", {"url": url, **SPEC}, timeout_ms=10_000) for n in range(AT_ONCE)]
        engine.run(checks, results.append)

        assert len(results) == AT_ONCE
        for result in results:
            assert result.reason is not Reason.INTERNAL_ERROR, result.message
            assert (result.reason is None) == (result.outcome is Outcome.UP)
            assert CheckResult.from_wire(json.loads(json.dumps(result.to_wire()))).reason is result.reason


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
WORDS = st.sampled_from(["id", "kind", "spec", "timeout_ms", "retries", "url", "http", "tcp", "dns", "x"])


@settings(max_examples=INPUTS // 10)
@given(
    st.dictionaries(WORDS, anything | WORDS, max_size=6).map(json.dumps)
    | st.binary(max_size=200)
    | st.text(max_size=200)
)
def test_any_line_at_all_is_a_request_or_a_result(line: str | bytes) -> None:
    found = read_line(line)

    if isinstance(found, CheckResult):
        assert found.reason is Reason.INVALID_SPEC
        json.dumps(found.to_wire()).encode()


@settings(max_examples=INPUTS // 10)
@given(st.binary(max_size=400), st.booleans())
def test_any_certificate_message_at_all(message: bytes, tls13: bool) -> None:
    chain = read_chain(b"\x0b" + len(message).to_bytes(3, "big") + message, tls13=tls13)

    json.dumps(facts(chain, protocol=None, cipher=None, now=0.0))


@settings(max_examples=INPUTS // 10)
@given(st.binary(max_size=300))
def test_any_datagram_at_all_is_an_answer_or_nothing(wire: bytes) -> None:
    query = dns.message.make_query("site.test", "A")
    inquiry = _Inquiry(None, query, [], 0.0)  # type: ignore[arg-type]
    for datagram in (wire, query.to_wire()[:2] + wire, query.to_wire()[:2] + b"\x81\x80" + query.to_wire()[4:] + wire):
        inquiry._understand(datagram)


@settings(max_examples=INPUTS // 10)
@given(st.dictionaries(st.sampled_from(["outcome", "reason", "phase", "timings_ms", "id", "kind"]), anything))
def test_any_result_from_afar_is_read_or_refused_in_three_known_ways(wire: dict[str, object]) -> None:
    try:
        CheckResult.from_wire(wire)
    except (ValueError, KeyError, TypeError):
        return
