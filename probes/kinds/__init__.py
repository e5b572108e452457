"""The kinds of check. A new kind is one file here and one line in ``KINDS``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from probes.fields import Spec
from probes.findings import Finding
from probes.kinds import http
from probes.road import Road

Probe = Callable[[Any, Road], Coroutine[Any, None, Finding]]


@dataclass(frozen=True, slots=True)
class Kind:
    """``probe(spec, road)`` makes one attempt. It returns a finding or raises ``Fault``."""

    spec: type[Spec]
    probe: Probe


KINDS: dict[str, Kind] = {
    "http": Kind(http.HttpSpec, http.probe),
}
