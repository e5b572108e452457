"""Plain English for what the machine knows: statuses, reasons, spans of time, figures. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from monitors.rules import Status
from monitors.words import NOTHING as NOTHING
from monitors.words import milliseconds as milliseconds
from monitors.words import percent as percent
from probes.contract import Outcome, Reason

STATUSES: dict[Status, str] = {
    Status.PENDING: "Checking",
    Status.UP: "Up",
    Status.DEGRADED: "Degraded",
    Status.PARTIAL: "Partly down",
    Status.DOWN: "Down",
    Status.UNKNOWN: "Unknown",
    Status.MAINTENANCE: "Maintenance",
    Status.PAUSED: "Paused",
}

OUTCOMES: dict[Outcome, str] = {
    Outcome.UP: "Up",
    Outcome.DEGRADED: "Degraded",
    Outcome.DOWN: "Down",
    Outcome.UNKNOWN: "Unknown",
}

REASONS: dict[Reason, str] = {
    Reason.DNS_NXDOMAIN: "There is no such domain name.",
    Reason.DNS_SERVFAIL: "The name servers of the domain failed.",
    Reason.DNS_REFUSED: "The name server refused to answer.",
    Reason.DNS_TIMEOUT: "The name servers did not answer in time.",
    Reason.DNS_NO_ADDRESS: "The name exists but has no address.",
    Reason.DNS_UNEXPECTED_ANSWER: "DNS gave another answer than expected.",
    Reason.CONNECT_REFUSED: "The server refused the connection.",
    Reason.CONNECT_TIMEOUT: "The server did not take the connection in time.",
    Reason.CONNECTION_RESET: "The server broke the connection off.",
    Reason.CONNECTION_CLOSED: "The server closed the connection without an answer.",
    Reason.NETWORK_UNREACHABLE: "There is no way to the server's network.",
    Reason.ADDRESS_BLOCKED: "The address may not be checked: it is private or reserved.",
    Reason.RATE_LIMITED: "Skipped, to not check this domain too often.",
    Reason.TLS_HANDSHAKE: "No secure connection could be agreed on.",
    Reason.TLS_PROTOCOL_VERSION: "The server speaks no version of TLS that is safe.",
    Reason.TLS_TIMEOUT: "The secure connection was not ready in time.",
    Reason.TLS_CERT_EXPIRED: "The certificate has expired.",
    Reason.TLS_CERT_NOT_YET_VALID: "The certificate is not valid yet.",
    Reason.TLS_HOSTNAME_MISMATCH: "The certificate is for another name.",
    Reason.TLS_SELF_SIGNED: "The certificate is self-signed.",
    Reason.TLS_UNTRUSTED_ISSUER: "The certificate's issuer is not trusted.",
    Reason.TLS_INCOMPLETE_CHAIN: "The server does not send its whole certificate chain.",
    Reason.TLS_DEPRECATED: "The server uses an outdated version of TLS.",
    Reason.CERT_EXPIRING: "The certificate expires soon.",
    Reason.FIRST_BYTE_TIMEOUT: "The server took the connection but did not answer in time.",
    Reason.BODY_TIMEOUT: "The answer began but did not end in time.",
    Reason.HEADER_TIMEOUT: "The answer's headers did not end in time.",
    Reason.BODY_TRUNCATED: "The answer ended too early.",
    Reason.BODY_TOO_LARGE: "The answer is larger than we read.",
    Reason.PROTOCOL_ERROR: "The answer is not proper HTTP.",
    Reason.TOO_MANY_REDIRECTS: "Too many redirects.",
    Reason.REDIRECT_LOOP: "The redirects go round in a circle.",
    Reason.INSECURE_REDIRECT: "A redirect leads from https to http.",
    Reason.UNSUPPORTED_SCHEME: "A redirect leads to something that is not http.",
    Reason.UNEXPECTED_STATUS: "The server answered with an unexpected status.",
    Reason.HEADER_MISMATCH: "A header of the answer is not as expected.",
    Reason.BODY_MISSING_TEXT: "The page lacks the text that must be there.",
    Reason.BODY_FORBIDDEN_TEXT: "The page has text that must not be there.",
    Reason.BODY_REGEX_MISMATCH: "The page does not match the pattern.",
    Reason.BODY_EMPTY: "The answer is empty.",
    Reason.JSON_INVALID: "The answer is not JSON.",
    Reason.JSON_MISMATCH: "A value in the JSON answer is not as expected.",
    Reason.SLOW_RESPONSE: "The answer took longer than it should.",
    Reason.PING_NO_REPLY: "The host did not reply to ping.",
    Reason.HEARTBEAT_MISSED: "The expected sign of life did not come.",
    Reason.HEARTBEAT_FAILED: "The job reported that it failed.",
    Reason.HEARTBEAT_OVERLAP: "A run of the job began before the one before it had ended.",
    Reason.INVALID_SPEC: "The check is set up in a way that cannot be run.",
    Reason.LATE: "The check was not made: its time had passed.",
    Reason.BACKPRESSURE: "The check was not made: the region had too much to do.",
    Reason.SCHEDULER_GAP: "The check was not made: the scheduler was not running.",
    Reason.DEAD_LETTER: "The check was given up after several tries to run it.",
    Reason.REGION_SUSPECT: "Left out: the region itself seems to have trouble.",
    Reason.INTERNAL_ERROR: "The check failed through a mistake of ours.",
}


def reason_in_words(code: str | None) -> str:
    """A sentence; what is no reason that this page knows is shown as it is."""
    return REASONS[Reason(code)] if code in set(Reason) else code or ""


SILENCES = {"stale": "Nothing was heard for too long.", "no_result": "No result came."}
"""What the rules say of a region whose word does not count, beside the reasons."""


def why(status_reason: str, regions: Collection[str]) -> str:
    """A monitor's ``status_reason`` (``usa: late; india: late``) for people: codes in words, the same said once."""
    told: dict[str, list[str]] = {}
    for part in status_reason.split("; "):
        region, colon, text = part.partition(": ")
        if not colon or region not in regions:
            return status_reason
        told.setdefault(SILENCES.get(text) or reason_in_words(text), []).append(region)
    return "; ".join(f"{listing(who)}: {text}" for text, who in told.items())


def span(seconds: float) -> str:
    """A length of time in its two largest units: ``45 s``, ``3 min``, ``2 h 5 min``, ``4 d 1 h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return _two_units(whole, (3600, "h"), (60, "min"))
    return _two_units(whole, (86_400, "d"), (3600, "h"))


def _two_units(whole: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    rest = whole % large[0] // small[0]
    return f"{whole // large[0]} {large[1]}" + (f" {rest} {small[1]}" if rest else "")


def ago(moment: datetime, *, now: datetime) -> str:
    """The same words as ``ago`` in static/app.js, which keeps them true while the page is open."""
    seconds = (now - moment).total_seconds()
    return "just now" if seconds < 5 else f"{span(seconds)} ago"


def clock(moment: datetime) -> str:
    """By the clocks of the moment's own zone, which is named."""
    return f"{moment:%-d %b %Y, %H:%M:%S %Z}"


def listing(words: list[str]) -> str:
    """``usa``, ``usa and india``, ``usa, india and japan``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def quantity(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}".replace(",", "\u202f")


BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def client_name(agent: str) -> str:
    """``Firefox on Linux``. Browsers name each other, so the order of looking matters."""
    if not agent.startswith("Mozilla/"):
        return agent or "Unknown"
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return f"{browser} on {system}" if browser and system else browser or agent
