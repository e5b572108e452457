"""Is it the region? When one fails for many unrelated sites at once, the trouble is more likely its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

WINDOW = timedelta(seconds=60)
"""Failures that began within this time belong together."""

SUDDEN = timedelta(seconds=15)
"""And those within this time more so: at the beginning, the minute before would hide how many they are."""

LEAST_FAILING = 10
LEAST_SITES = 5
SUSPECT_SHARE = 0.30
WELL_SHARE = 0.15
ALL_SHARE = 0.90
CONFIRMED_SHARE = 0.50


@dataclass(frozen=True, slots=True)
class Glance:
    """What a region saw in a span of time, of monitors that had been well before.

    ``confirmed`` of the ``failing`` monitors fail in another region as well; ``compared`` have been looked at there.
    """

    failing: int
    looked: int
    compared: int = 0
    confirmed: int = 0

    @property
    def share(self) -> float:
        return self.failing / self.looked if self.looked else 0.0

    @property
    def is_believed(self) -> bool:
        """Others see the same, and it finds some sites well: those it finds failing are."""
        agreed = self.compared > 0 and self.confirmed / self.compared >= CONFIRMED_SHARE
        return agreed and self.share < ALL_SHARE


def is_suspect(glances: Iterable[Glance], *, sites: int) -> bool:
    """Whether a region that is thought well is in trouble itself; ``sites``: unrelated ones among the failing."""
    return sites >= LEAST_SITES and any(
        glance.failing >= LEAST_FAILING and glance.share > SUSPECT_SHARE and not glance.is_believed
        for glance in glances
    )


def is_well(glance: Glance) -> bool:
    """Whether a suspect region may be believed again. One that looks at nothing has not shown it."""
    return glance.looked > 0 and (glance.share <= WELL_SHARE or glance.is_believed)


def site_of(spec: Mapping[str, Any]) -> str:
    """What makes sites related: the registered domain as far as it shows, or the neighbourhood of an address."""
    host = urlsplit(str(spec.get("url", ""))).hostname or str(spec.get("host") or spec.get("name") or "")
    host = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(host)
    except ValueError:
        labels = host.split(".")
        # co.uk, com.au: a short second label below a country is no name of anybody's.
        registered = 3 if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else 2
        return ".".join(labels[-registered:])
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))
