"""What a check saw, as far as it is kept: of a failure nearly everything, of a pass the figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from checks.models import CheckResult
from dashboard import words

CERTIFICATE: Mapping[str, str] = words.Words(
    {
        "subject": gettext_noop("Subject"),
        "issuer": gettext_noop("Issuer"),
        "names": gettext_noop("Names"),
        "serial": gettext_noop("Serial number"),
        "not_before": gettext_noop("Valid from"),
        "not_after": gettext_noop("Valid until"),
        "days_valid": gettext_noop("Days valid"),
        "days_left": gettext_noop("Days left"),
        "fingerprint": gettext_noop("Fingerprint"),
        "protocol": gettext_noop("Version of TLS"),
        "cipher": gettext_noop("Cipher"),
        "chain": gettext_noop("Chain"),
    }
)


@dataclass(frozen=True, slots=True)
class Difference:
    """What has changed since the last good check."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a region saw, as far as it is kept, and what was otherwise at its last good check."""

    region: str
    reason: str
    message: str
    at: datetime | None
    result: CheckResult | None
    good: CheckResult | None
    seen: Mapping[str, Any]
    redirects: list[dict[str, Any]]
    certificate: list[tuple[str, str]]
    left_out: str
    """What was too large to be kept, in words."""

    @property
    def headers(self) -> str:
        headers = self.seen.get("headers") or {}
        pairs = headers.items() if isinstance(headers, dict) else headers
        return "\n".join(f"{name}: {value}" for name, value in pairs)

    @property
    def dns(self) -> str:
        return ", ".join(map(str, self.seen.get("dns") or []))

    @property
    def body(self) -> str:
        return str(self.seen.get("body") or "")

    @property
    def differences(self) -> list[Difference]:
        if self.result is None or self.good is None:
            return []
        told = [
            Difference(_("HTTP status"), _or_none(self.good.http_status), _or_none(self.result.http_status)),
            Difference(_("Address"), _or_none(self.good.remote_ip), _or_none(self.result.remote_ip)),
            Difference(_("Size"), _bytes(self.good.body_bytes), _bytes(self.result.body_bytes)),
            Difference(
                _("Response time"), words.milliseconds(self.good.total_ms), words.milliseconds(self.result.total_ms)
            ),
        ]
        return [item for item in told if item.before != item.after]


def _or_none(value: object) -> str:
    return words.NOTHING if value is None else str(value)


def _bytes(value: int | None) -> str:
    if value is None:
        return words.NOTHING
    return ngettext("%(count)s byte", "%(count)s bytes", value) % {"count": words.thousands(value)}


def evidence_from(
    *,
    region: str,
    reason: str | None,
    message: str,
    at: datetime | None,
    result: CheckResult | None,
    good: CheckResult | None,
    kept: dict[str, Any] | None,
) -> Evidence:
    """``kept`` is ``CheckEvidence.seen``; ``good`` the last check of the region that passed."""
    seen = kept or {}
    certificate = seen.get("certificate") or {}
    return Evidence(
        region=region,
        reason=words.reason_in_words(reason),
        message=message,
        at=at,
        result=result,
        good=good,
        seen=seen.get("seen") or {},
        redirects=seen.get("redirects") or [],
        certificate=[(CERTIFICATE.get(name, name), _shown(value)) for name, value in certificate.items()],
        left_out=", ".join(seen.get("left_out") or []),
    )


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item.get("subject") if isinstance(item, dict) else item) for item in value)
    return _or_none(value)
