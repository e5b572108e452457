"""A result in words and a picture, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from probes.contract import CheckResult, Outcome, Timings

BAR_WIDTH = 50
_COLOURS = {Outcome.UP: "32", Outcome.DEGRADED: "33", Outcome.DOWN: "31", Outcome.UNKNOWN: "35"}
_PHASES = (("dns", "d"), ("connect", "c"), ("tls", "t"), ("first_byte", "w"), ("download", "r"))


def verdict(result: CheckResult, *, colours: bool = False) -> str:
    return "\n".join(_lines(result, colours))


def _lines(result: CheckResult, colours: bool) -> Iterator[str]:
    word = str(result.outcome).upper()
    yield f"{_coloured(word, result.outcome) if colours else word}  {printable(result.id)}"
    if result.reason is not None or result.message:
        yield "  " + ": ".join(filter(None, (result.reason, printable(result.message))))
    seen = [f"HTTP {result.http_status}" if result.http_status else "", result.remote_ip or ""]
    seen.append(f"{result.body_bytes:,} bytes" if result.body_bytes is not None else "")
    if any(seen):
        yield "  " + ", ".join(filter(None, seen))
    for hop in result.redirects:
        yield f"  {hop['status']} {printable(hop['url'])} -> {printable(hop['location'])}"
    yield from _phases(result.timings_ms)
    if result.certificate is not None:
        yield from _certificate(result.certificate)
    for number, tried in enumerate(result.earlier_tries, 1):
        yield f"  try {number}: {tried['reason']}: {printable(tried['message'])}"


def _phases(timings: Timings) -> Iterator[str]:
    known = [(name, letter, getattr(timings, name)) for name, letter in _PHASES]
    spent = [(name, letter, ms) for name, letter, ms in known if ms is not None]
    total = sum(ms for _, _, ms in spent)
    if not total:
        return
    bar = "".join(letter * round(BAR_WIDTH * ms / total) for _, letter, ms in spent)
    yield f"  [{bar:<{BAR_WIDTH}}] {timings.total or total:.1f} ms"
    yield "  " + "  ".join(f"{letter}={name.replace('_', ' ')} {ms:.1f}" for name, letter, ms in spent)


def _certificate(about: dict[str, Any]) -> Iterator[str]:
    days = about.get("days_left")
    left = "" if days is None else f" ({days:.0f} days left)" if days >= 0 else f" (expired {-days:.0f} days ago)"
    subject = printable(about.get("subject") or "of nobody")
    yield f"  certificate {subject}, until {about.get('not_after')}{left}"
    yield f"    issued by {printable(about.get('issuer') or 'nobody')}"
    if about.get("protocol"):
        yield f"    {about['protocol']}, {about.get('cipher')}"


def _coloured(word: str, outcome: Outcome) -> str:
    return f"\x1b[1;{_COLOURS[outcome]}m{word}\x1b[0m"


def printable(text: str) -> str:
    """Text from a stranger, without what would move a terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in str(text))
