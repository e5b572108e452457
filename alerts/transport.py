"""Hands over what a notifier wrote, and says what came of it. The only place in ``alerts`` that talks to the network.

Two roads out, both somebody else's: ``probes.post``, behind the address guard, for all that goes over HTTP (Apprise's
too, see ``probes/relay.py``); and the mail backend of Django to the operator's own server (``EMAIL_URL``).
"""

from __future__ import annotations

import json
import logging
import os
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from time import monotonic

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils import timezone

from alerts.notifiers import Mail, Outgoing, Relay
from probes.contract import Reason
from probes.fields import MASK
from probes.findings import Fault
from probes.post import Answer, Post, shared_poster
from probes.sentences import say

logger = logging.getLogger(__name__)

HTTP_TIMEOUT_S = 10.0
RELAY_TIMEOUT_S = 20.0
RELAY_MAY_KNOW = {"HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "SSL_CERT_DIR", "SSL_CERT_FILE"}
ANSWER_LENGTH = 500
REASON_LENGTH = 300
SHORTEST_SECRET = 4
USER_AGENT = ("User-Agent", "Uptime/0.1 (alerts)")

NEVER_AGAIN = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})
"""What they say to this message or this address for good."""

MOVED = frozenset({301, 308})
NEVER_DIALLED = frozenset({Reason.ADDRESS_BLOCKED, Reason.INVALID_SPEC, Reason.UNSUPPORTED_SCHEME})


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one try. ``permanent``: another one would say the same."""

    ok: bool
    status: int | None = None
    answer: str = ""
    reason: str = ""
    permanent: bool = False
    retry_after: timedelta | None = None
    duration_ms: float = 0.0
    blocked: bool = False
    """The guard did not let us dial."""


def hand_over(
    outgoing: Outgoing, *, complaint: Callable[[bytes], str | None] | None = None, secrets: Iterable[str] = ()
) -> Sent:
    """Never raises for what the other side does. ``secrets`` are masked in what is told of the answer."""
    began = monotonic()
    sent = _send(outgoing, complaint)
    hide = Masking(secrets)
    return replace(
        sent,
        answer=hide(sent.answer)[:ANSWER_LENGTH],
        reason=hide(sent.reason)[:REASON_LENGTH],
        duration_ms=(monotonic() - began) * 1000,
    )


def _send(outgoing: Outgoing, complaint: Callable[[bytes], str | None] | None) -> Sent:
    match outgoing:
        case Mail():
            return _mail(outgoing)
        case Relay():
            return _relay(outgoing)
        case _:
            return _post(outgoing, complaint)


class Masking:
    """Servers like to repeat what they were sent, passwords included."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted((one for one in secrets if len(one) >= SHORTEST_SECRET), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


# -- over HTTP


def _post(post: Post, complaint: Callable[[bytes], str | None] | None) -> Sent:
    try:
        answer = shared_poster().send(replace(post, headers=(USER_AGENT, *post.headers)), timeout_s=HTTP_TIMEOUT_S)
    except Fault as fault:
        return Sent(
            ok=False,
            reason=str(fault.message),
            permanent=fault.reason in NEVER_DIALLED,
            blocked=fault.reason is Reason.ADDRESS_BLOCKED,
        )
    return judge(answer, complaint=complaint, now=timezone.now())


def judge(answer: Answer, *, complaint: Callable[[bytes], str | None] | None, now: datetime) -> Sent:
    text = _readable(answer.body)
    said = Sent(ok=True, status=answer.status, answer=text)
    if 200 <= answer.status < 300:
        problem = complaint(answer.body) if complaint else None
        return said if problem is None else replace(said, ok=False, reason=problem, permanent=True)
    if 300 <= answer.status < 400:
        where = (answer.header("location") or "")[:100]
        reason = say(
            "it answered {status} and leads to {place}; redirects are not followed",
            status=answer.status,
            place=where or say("nowhere"),
        )
        return replace(said, ok=False, reason=reason, permanent=answer.status in MOVED)
    return replace(
        said,
        ok=False,
        reason=say("it answered {status}", status=answer.status),
        permanent=answer.status in NEVER_AGAIN,
        retry_after=read_retry_after(answer.header("retry-after"), now=now),
    )


def read_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Seconds or a date, as HTTP has it; what is neither does not count."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 86_400))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(timedelta(0), min(moment - now, timedelta(days=1)))


def _readable(body: bytes) -> str:
    text = body[: 4 * ANSWER_LENGTH].decode(errors="replace")
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text).strip()


# -- by Apprise


def _relay(relay: Relay) -> Sent:
    """It knows of our environment what the probes may know: neither the database nor a secret."""
    known = {name: value for name, value in os.environ.items() if name in RELAY_MAY_KNOW or name[:6] == "PROBE_"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "probes.relay"],
            input=json.dumps(asdict(relay)),
            capture_output=True,
            check=True,
            cwd=settings.BASE_DIR,
            env=known,
            text=True,
            timeout=RELAY_TIMEOUT_S,
        )
        said = json.loads(done.stdout.rpartition("\n")[2])
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        logger.warning("The relay failed: %s", type(error).__name__)
        return Sent(ok=False, reason=say("Apprise could not be used: {name}", name=type(error).__name__))
    status = said.get("status")
    return Sent(
        ok=said["ok"],
        status=status,
        answer=_readable(said.get("answer", "").encode()),
        reason=said["reason"] or ("" if said["ok"] else say("it answered {status}", status=status)),
        permanent=said["permanent"] or (not said["ok"] and status in NEVER_AGAIN),
        retry_after=read_retry_after(said.get("retry_after"), now=timezone.now()),
    )


# -- by mail


def _mail(mail: Mail) -> Sent:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        to=[mail.to],
        headers={
            "Message-ID": f"<{mail.key}@{domain}>",
            # Programs show the mails of one trouble together.
            "References": f"<{sha256(mail.thread.encode()).hexdigest()[:32]}@{domain}>",
            "Auto-Submitted": "auto-generated",
            **dict(mail.headers),
        },
        connection=get_connection(fail_silently=False),
    )
    message.attach_alternative(mail.html, "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()), (450, b"refused"))
        return _refused(code, said)
    except smtplib.SMTPAuthenticationError as error:
        return _refused(error.smtp_code, error.smtp_error, permanent=False)  # the operator will see to it
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, ssl.SSLError, OSError, ValueError) as error:
        return Sent(
            ok=False, reason=say("the mail server could not be used: {error}", error=error or type(error).__name__)
        )
    return Sent(ok=True, status=250)


def _refused(code: int, said: bytes | str, *, permanent: bool | None = None) -> Sent:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    final = 500 <= code < 600 if permanent is None else permanent
    return Sent(ok=False, status=code, answer=_readable(text.encode()), reason=say("it was refused"), permanent=final)
