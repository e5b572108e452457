"""The environment of a probe, read once. A bad value stops the start with one clear sentence."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from probes.guard import PUBLIC_ONLY, Policy
from probes.hosts import bracketed, numeric_address
from probes.signing import Key

DEFAULT_CONCURRENCY = 500
DEFAULT_DOMAIN_CONCURRENCY = 2
DEFAULT_DOMAIN_RATE = 5.0
MOST_AT_ONCE = 1_000
"""Checks under way in one process. Beyond that the times they report are no longer true."""

HIGHEST_DOMAIN_RATE = 1_000
DEFAULT_SPOOL_MB = 64


class BadSetting(ValueError):  # its message is read as a sentence, and so is its name
    """A setting that is missing or cannot be used. The message is one sentence for whoever starts us."""


@dataclass(frozen=True, slots=True)
class Nameserver:
    address: str
    port: int = 53

    def __str__(self) -> str:
        return f"{bracketed(self.address)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """``nameservers`` empty means the system's own. ``domain_rate`` 0 means no limit."""

    region: str = ""
    worker_id: str = ""
    policy: Policy = PUBLIC_ONLY
    nameservers: tuple[Nameserver, ...] = ()
    ca_file: str | None = None
    concurrency: int = DEFAULT_CONCURRENCY
    domain_concurrency: int = DEFAULT_DOMAIN_CONCURRENCY
    domain_rate: float = DEFAULT_DOMAIN_RATE
    domain_limits_chosen: bool = False
    """Somebody set the domain limits by hand, so they hold for the operator's own machines too."""
    spool_dir: Path | None = None
    """Where results wait for a broker that is away; None: in memory."""
    spool_bytes: int = DEFAULT_SPOOL_MB * 1_000_000
    key: Key | None = field(default=None, repr=False)
    """Signs what the worker sends; None: its region has no key."""


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises ``BadSetting``."""
    return Settings(
        region=_region(environ),
        worker_id=value(environ, "WORKER_ID") or f"{socket.gethostname()}-{os.getpid()}",
        policy=_policy(environ),
        nameservers=parse_nameservers(value(environ, "PROBE_NAMESERVERS")),
        ca_file=_ca_file(environ),
        concurrency=int(_number(environ, "PROBE_CONCURRENCY", DEFAULT_CONCURRENCY, low=1, high=MOST_AT_ONCE)),
        domain_concurrency=int(
            _number(environ, "PROBE_DOMAIN_CONCURRENCY", DEFAULT_DOMAIN_CONCURRENCY, high=MOST_AT_ONCE)
        ),
        domain_rate=_number(environ, "PROBE_DOMAIN_RATE", DEFAULT_DOMAIN_RATE, high=HIGHEST_DOMAIN_RATE),
        domain_limits_chosen=any(value(environ, f"PROBE_DOMAIN_{name}") for name in ("CONCURRENCY", "RATE")),
        spool_dir=_spool_dir(environ),
        spool_bytes=int(_number(environ, "PROBE_SPOOL_MB", DEFAULT_SPOOL_MB, low=1, high=100_000)) * 1_000_000,
        key=_key(environ),
    )


def value(environ: Mapping[str, str], name: str) -> str:
    """The setting, or what stands in the file that ``NAME_FILE`` points at. Empty when neither is there."""
    if environ.get(name):
        return environ[name].strip()
    path = environ.get(f"{name}_FILE")
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise BadSetting(f"{name}_FILE cannot be read: {path}: {error.strerror}.") from None


def parse_nameservers(text: str) -> tuple[Nameserver, ...]:
    return tuple(parse_nameserver(item.strip()) for item in text.split(",") if item.strip())


def parse_nameserver(item: str) -> Nameserver:
    match = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?|(.*)", item, re.DOTALL)
    assert match is not None  # noqa: S101  # the last branch takes anything
    host, port = match[1] or match[3] or match[5], int(match[2] or match[4] or 53)
    address = numeric_address(host)
    if address is None or not 1 <= port <= 65535:
        raise BadSetting(f"PROBE_NAMESERVERS holds {item!r}; each entry is an address, or address:port.")
    return Nameserver(str(address), port)


def _region(environ: Mapping[str, str]) -> str:
    region = value(environ, "REGION")
    if region and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", region):
        raise BadSetting(f"REGION is {region!r}; it must be a short code of small letters, digits, - and _, like usa.")
    return region


def _key(environ: Mapping[str, str]) -> Key | None:
    text = value(environ, "REGION_KEY")
    try:
        return Key(text) if text else None
    except ValueError:
        raise BadSetting("REGION_KEY is no key; `manage.py region key` at the centre makes one.") from None


def _policy(environ: Mapping[str, str]) -> Policy:
    text = value(environ, "PROBE_ALLOWED_NETWORKS")
    try:
        return Policy.of(text.split(","))
    except ValueError as error:
        raise BadSetting(
            f"PROBE_ALLOWED_NETWORKS must be networks like 10.0.0.0/8, comma-separated: {error}."
        ) from None


def _ca_file(environ: Mapping[str, str]) -> str | None:
    path = value({"PROBE_CA_FILE": environ.get("PROBE_CA_FILE", "")}, "PROBE_CA_FILE")
    if not path:
        return None
    try:
        if "-----BEGIN CERTIFICATE-----" not in Path(path).read_text(errors="replace"):
            raise BadSetting(f"PROBE_CA_FILE holds no PEM certificate: {path}.")
    except OSError as error:
        raise BadSetting(f"PROBE_CA_FILE cannot be read: {path}: {error.strerror}.") from None
    return path


def _spool_dir(environ: Mapping[str, str]) -> Path | None:
    path = value(environ, "PROBE_SPOOL_DIR")
    return None if path in {"", "off"} else Path(path).absolute()


def _number(environ: Mapping[str, str], name: str, default: float, *, low: float = 0, high: float) -> float:
    text = value(environ, name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    is_whole = isinstance(default, int)
    if not low <= number <= high or (is_whole and number != int(number)):
        what = "a whole number" if is_whole else "a number"
        raise BadSetting(f"{name} is {text!r}; it must be {what} from {low:g} to {high:,g}.")
    return number
