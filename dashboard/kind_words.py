"""Plain English for the kinds of monitor, and how a job reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _


@dataclass(frozen=True, slots=True)
class KindWords:
    english_name: str
    english_about: str

    @property
    def name(self) -> str:
        return gettext(self.english_name)

    @property
    def about(self) -> str:
        return gettext(self.english_about) if self.english_about else ""


KINDS: Mapping[str, KindWords] = {
    "http": KindWords(_("Website"), _("Asks for an address and looks at the answer.")),
    "tcp": KindWords(_("Port"), _("Connects to a port; a mail server or a database, say.")),
    "dns": KindWords(_("DNS record"), _("Asks for a record and compares the answer.")),
    "tls": KindWords(_("Certificate"), _("Looks at a certificate, also of mail servers.")),
    "ping": KindWords(_("Ping"), _("Sends an echo request to a host.")),
    "heartbeat": KindWords(_("Job"), _("Waits for a job of yours to report, and misses it when it does not.")),
}


def kind_words(kind: str) -> KindWords:
    """A kind that is newer than the page is called what it is called in the API."""
    return KINDS.get(kind) or KindWords(kind, "")


@dataclass(frozen=True, slots=True)
class Example:
    title: str
    code: str


CURL = "curl -fsS -m 10 --retry 5 -o /dev/null"


def examples(ping_url: str | None, *, cron: str | None) -> list[Example]:
    """How a job reports to its address, to be copied."""
    if ping_url is None:
        return []
    return [
        Example(gettext("From a shell"), f"{CURL} {ping_url}"),
        Example(gettext("In a crontab"), f"{cron or '*/5 * * * *'} /path/to/job && {CURL} {ping_url}"),
        Example(
            gettext("With its start and its exit status, so that runs are timed"),
            f"{CURL} {ping_url}/start; /path/to/job; {CURL} {ping_url}/$?",
        ),
    ]
