"""Plain words, in the reader's language, for what the machine knows: statuses, reasons, spans of time, figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.utils.formats import date_format, get_format
from django.utils.translation import get_language, gettext, pgettext
from django.utils.translation import gettext_noop as _

from accounts.rules import Role, Scope
from common.languages import Words as Words
from common.languages import spoken
from drills.rules import Stage
from monitors import words as figures
from monitors.rules import Status
from monitors.words import NOTHING as NOTHING
from probes.contract import Outcome, Reason

STATUSES: Mapping[Status, str] = Words(
    {
        Status.PENDING: _("Checking"),
        Status.UP: _("Up"),
        Status.DEGRADED: _("Degraded"),
        Status.PARTIAL: _("Partly down"),
        Status.DOWN: _("Down"),
        Status.UNKNOWN: _("Unknown"),
        Status.MAINTENANCE: _("Maintenance"),
        Status.PAUSED: _("Paused"),
    }
)


def status_word(status: str) -> str:
    return STATUSES[Status(status)] if status in STATUSES else status


OUTCOMES: Mapping[Outcome, str] = Words(
    {
        Outcome.UP: _("Up"),
        Outcome.DEGRADED: _("Degraded"),
        Outcome.DOWN: _("Down"),
        Outcome.UNKNOWN: _("Unknown"),
    }
)


def outcome_word(outcome: str) -> str:
    """Of a check; of one that did not count, made during planned work, the word of that status."""
    return OUTCOMES[Outcome(outcome)] if outcome in OUTCOMES else status_word(outcome)


REASONS: Mapping[Reason, str] = Words(
    {
        Reason.DNS_NXDOMAIN: _("There is no such domain name."),
        Reason.DNS_SERVFAIL: _("The name servers of the domain failed."),
        Reason.DNS_REFUSED: _("The name server refused to answer."),
        Reason.DNS_TIMEOUT: _("The name servers did not answer in time."),
        Reason.DNS_NO_ADDRESS: _("The name exists but has no address."),
        Reason.DNS_UNEXPECTED_ANSWER: _("DNS gave another answer than expected."),
        Reason.CONNECT_REFUSED: _("The server refused the connection."),
        Reason.CONNECT_TIMEOUT: _("The server did not take the connection in time."),
        Reason.CONNECTION_RESET: _("The server broke the connection off."),
        Reason.CONNECTION_CLOSED: _("The server closed the connection without an answer."),
        Reason.NETWORK_UNREACHABLE: _("There is no way to the server's network."),
        Reason.ADDRESS_BLOCKED: _("The address may not be checked: it is private or reserved."),
        Reason.RATE_LIMITED: _("Skipped, to not check this domain too often."),
        Reason.TLS_HANDSHAKE: _("No secure connection could be agreed on."),
        Reason.TLS_PROTOCOL_VERSION: _("The server speaks no version of TLS that is safe."),
        Reason.TLS_TIMEOUT: _("The secure connection was not ready in time."),
        Reason.TLS_CERT_EXPIRED: _("The certificate has expired."),
        Reason.TLS_CERT_NOT_YET_VALID: _("The certificate is not valid yet."),
        Reason.TLS_HOSTNAME_MISMATCH: _("The certificate is for another name."),
        Reason.TLS_SELF_SIGNED: _("The certificate is self-signed."),
        Reason.TLS_UNTRUSTED_ISSUER: _("The certificate's issuer is not trusted."),
        Reason.TLS_INCOMPLETE_CHAIN: _("The server does not send its whole certificate chain."),
        Reason.TLS_DEPRECATED: _("The server uses an outdated version of TLS."),
        Reason.CERT_EXPIRING: _("The certificate expires soon."),
        Reason.FIRST_BYTE_TIMEOUT: _("The server took the connection but did not answer in time."),
        Reason.BODY_TIMEOUT: _("The answer began but did not end in time."),
        Reason.HEADER_TIMEOUT: _("The answer's headers did not end in time."),
        Reason.BODY_TRUNCATED: _("The answer ended too early."),
        Reason.BODY_TOO_LARGE: _("The answer is larger than we read."),
        Reason.PROTOCOL_ERROR: _("The answer is not proper HTTP."),
        Reason.TOO_MANY_REDIRECTS: _("Too many redirects."),
        Reason.REDIRECT_LOOP: _("The redirects go round in a circle."),
        Reason.INSECURE_REDIRECT: _("A redirect leads from https to http."),
        Reason.UNSUPPORTED_SCHEME: _("A redirect leads to something that is not http."),
        Reason.UNEXPECTED_STATUS: _("The server answered with an unexpected status."),
        Reason.HEADER_MISMATCH: _("A header of the answer is not as expected."),
        Reason.BODY_MISSING_TEXT: _("The page lacks the text that must be there."),
        Reason.BODY_FORBIDDEN_TEXT: _("The page has text that must not be there."),
        Reason.BODY_REGEX_MISMATCH: _("The page does not match the pattern."),
        Reason.BODY_EMPTY: _("The answer is empty."),
        Reason.JSON_INVALID: _("The answer is not JSON."),
        Reason.JSON_MISMATCH: _("A value in the JSON answer is not as expected."),
        Reason.SLOW_RESPONSE: _("The answer took longer than it should."),
        Reason.PING_NO_REPLY: _("The host did not reply to ping."),
        Reason.HEARTBEAT_MISSED: _("The expected sign of life did not come."),
        Reason.HEARTBEAT_FAILED: _("The job reported that it failed."),
        Reason.HEARTBEAT_OVERLAP: _("A run of the job began before the one before it had ended."),
        Reason.INVALID_SPEC: _("The check is set up in a way that cannot be run."),
        Reason.LATE: _("The check was not made: its time had passed."),
        Reason.BACKPRESSURE: _("The check was not made: the region had too much to do."),
        Reason.SCHEDULER_GAP: _("The check was not made: the scheduler was not running."),
        Reason.DEAD_LETTER: _("The check was given up after several tries to run it."),
        Reason.REGION_SUSPECT: _("Left out: the region itself seems to have trouble."),
        Reason.INTERNAL_ERROR: _("The check failed through a mistake of ours."),
    }
)


def reason_in_words(code: str | None) -> str:
    """A sentence; what is no reason that this page knows is shown as it is."""
    return REASONS[Reason(code)] if code and code in REASONS else code or ""


ROLES: Mapping[str, str] = Words(
    {Role.OWNER.value: _("owner"), Role.EDITOR.value: _("editor"), Role.VIEWER.value: _("viewer")}
)
SCOPES: Mapping[str, str] = Words(
    {Scope.READ.value: _("Read"), Scope.WRITE.value: _("Write"), Scope.ADMIN.value: _("Admin")}
)
STAGES: Mapping[str, str] = Words(
    {
        Stage.PREPARING.value: _("the target has to be found well, and then fails at a random moment"),
        Stage.DOWN.value: _("the target fails"),
        Stage.MENDED.value: _("the target works again"),
        Stage.DONE.value: _("over"),
        Stage.FAILED.value: _("did not come to its end"),
    }
)
"""How far a drill has come."""

CORRECTIONS: Mapping[str, str] = Words({"false_alarm": _("false alarm"), "maintenance": _("planned work")})
BREAKERS: Mapping[str, str] = Words(
    {"closed": _("closed"), "open": _("open"), "half-open": _("half open"), "unknown": _("unknown")}
)

DROPS: Mapping[str, str] = Words(
    {
        "forged": _("with a mark that another key made"),
        "unsigned": _("without the mark of the region's key"),
        "replayed": _("that had come before, or by a clock a month behind"),
        "foreign": _("on checks that the batch did not hold"),
        "unknown": _("of a batch or a region that there is not"),
        "malformed": _("that nobody could read"),
        "too_many_workers": _("of more workers than a region may have in a day"),
        "refused": _("for its workers that carried no mark of ours, or came twice"),
    }
)
"""Why messages between a region and the centre were not believed."""

SILENCES = Words({"stale": _("Nothing was heard for too long."), "no_result": _("No result came.")})
"""What the rules say of a region whose word does not count, beside the reasons."""


def why(status_reason: str, regions: Collection[str]) -> str:
    """A monitor's ``status_reason`` (``usa: late; india: late``) for people: codes in words, the same said once."""
    told: dict[str, list[str]] = {}
    for part in status_reason.split("; "):
        region, colon, text = part.partition(": ")
        if not colon or region not in regions:
            return spoken(status_reason)
        told.setdefault(SILENCES.get(text) or spoken(reason_in_words(text)), []).append(region)
    return "; ".join(f"{listing(who)}: {text}" for text, who in told.items())


def span(seconds: float) -> str:
    """A length of time on pages, in its two largest units: ``45 s``, ``3 min``, ``2 h 5 min``, ``4 d 1 h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return gettext("%s s") % whole
    if whole < 3600:
        return gettext("%s min") % (whole // 60)
    if whole < 86_400:
        return _two_units(whole, (3600, gettext("h")), (60, gettext("min")))
    return _two_units(whole, (86_400, gettext("d")), (3600, gettext("h")))


def _two_units(whole: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    rest = whole % large[0] // small[0]
    return f"{whole // large[0]} {large[1]}" + (f" {rest} {small[1]}" if rest else "")


def without_scheme(url: str) -> str:
    """An address as people write it."""
    return url.partition("://")[2].removesuffix("/") or url


def ago(moment: datetime, *, now: datetime) -> str:
    """The same words as ``ago`` in static/app.js, which keeps them true while the page is open."""
    seconds = (now - moment).total_seconds()
    return gettext("just now") if seconds < 5 else gettext("%s ago") % span(seconds)


def clock(moment: datetime) -> str:
    """By the clocks of the moment's own zone, which is named."""
    form = gettext("j M Y, H:i:s")
    return f"{dated(moment, form)} {moment:%Z}"


def dated(moment: datetime, form: str) -> str:
    """``date_format`` for pages that tell dozens of times: it puts the names of a day together once for all of them."""
    return moment.strftime(_form_of(moment.date(), form, get_language()))


@lru_cache(maxsize=1024)
def _form_of(day: date, form: str, _language: str | None) -> str:
    """The times of one day, in the language of the moment, as ``strftime`` has them: ``22 Nov 2026, %H:%M:%S``."""
    escaped = {"H": r"\%\H", "i": r"\%\M", "s": r"\%\S"}
    return date_format(day, "".join(escaped.get(letter, letter) for letter in form))


def listing(words: list[str]) -> str:
    """``usa``, ``usa and india``, ``usa, india and japan``."""
    return pgettext("before the last of several", " and ").join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def grouped(cause: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """An incident's cause: who saw it, the reason in words, and what was said; what several saw is told once."""
    told: dict[tuple[str, str], list[str]] = {}
    for region, seen in sorted(cause.items()):
        told.setdefault((str(seen.get("reason") or ""), str(seen.get("message") or "")), []).append(region)
    return [(listing(who), reason_in_words(reason), spoken(said)) for (reason, said), who in told.items()]


def either(words: list[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    return pgettext("before the last of several", " or ").join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def milliseconds(value: float | None) -> str:
    """``1.25 s``, and ``1,25 s`` where people write it so."""
    return _with_own_point(figures.milliseconds(value))


def percent(share: float | None) -> str:
    """``99.95 %``, likewise."""
    return _with_own_point(figures.percent(share))


def _with_own_point(figure: str) -> str:
    return figure.replace(".", get_format("DECIMAL_SEPARATOR")) if "." in figure else figure


def thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


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
        return agent or gettext("Unknown")
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    if not (browser and system):
        return browser or agent
    return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}


def for_scripts() -> dict[str, Any]:
    """What static/app.js says; ``%s`` stands for a name, a number or a length of time."""
    return {
        "now": gettext("just now"),
        "ago": gettext("%s ago"),
        "seconds": gettext("%s s"),
        "minutes": gettext("%s min"),
        "hour_minute": [gettext("h"), gettext("min")],
        "day_hour": [gettext("d"), gettext("h")],
        "copy": gettext("Copy"),
        "copied": gettext("Copied"),
        "down": gettext("%(trouble)s down") % {"trouble": "%s"},
        "statuses": {
            "up": gettext("%s is up"),
            "down": gettext("%s is down"),
            "partial": gettext("%s is partly down"),
            "degraded": gettext("%s is degraded"),
            "unknown": gettext("%s is unknown"),
            "paused": gettext("%s is paused"),
            "pending": gettext("%s is being checked"),
            "maintenance": gettext("%s is in maintenance"),
        },
    }
