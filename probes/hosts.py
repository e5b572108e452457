"""Reading hosts and URLs once, in one way, so that what is checked is what is dialled.

Two parsers that disagree are how address guards are fooled. Every URL is therefore taken apart here, put
together again in a plain form, and only that plain form is handed on.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, unquote, urljoin, urlsplit

from probes.contract import InvalidSpec
from probes.sentences import say

Address = IPv4Address | IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_HOST = 253
MAX_LABEL = 63
MAX_URL = 8_000

_DOTS = re.compile("[\u3002\uff0e\uff61]")  # the full stops that browsers take for a dot
_MANY_SLASHES = re.compile("^((?:https?:)?)//+", re.IGNORECASE)  # which browsers take for two
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_SAFE_IN_PATH = "!#$%&'()*+,/:;=?@[]~|"


@dataclass(frozen=True, slots=True)
class Url:
    """An http or https address: lower-case ASCII host, explicit port, percent-encoded path and query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        port = "" if self.port == DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{bracketed(self.host)}{port}{self.path}"


def bracketed(host: str) -> str:
    """An IPv6 address as a URL wants it."""
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=8192)
def numeric_address(host: str) -> Address | None:
    """The address a host spells, in any spelling that ``inet_aton`` or libcurl would take for one, else None.

    ``2130706433``, ``0x7f.1``, ``0177.0.0.1``, ``127.1`` and circled digits are all 127.0.0.1.
    """
    plain = _DOTS.sub(".", unicodedata.normalize("NFKC", host)).strip("[]").rstrip(".").lower()
    try:
        return ip_address(plain)
    except ValueError:
        pass
    if not plain or not plain.isascii() or not plain[0].isdigit() or any(char.isspace() for char in plain):
        return None
    try:
        return IPv4Address(socket.inet_aton(plain))
    except (OSError, AddressValueError):
        return None


def plain_host(host: str, field: str = "host") -> str:
    """A host name or address in plain form. Raises ``InvalidSpec`` when it can be neither."""
    address = numeric_address(host)
    if address is not None:
        if getattr(address, "scope_id", None):
            raise InvalidSpec(say("an address with a zone belongs to one machine only"), field)
        return address.compressed
    name = ".".join(_ascii_label(label, field) for label in _DOTS.sub(".", host).rstrip(".").split("."))
    if not name or len(name) > MAX_HOST:
        raise InvalidSpec(say("a host name has 1 to {most} characters", most=MAX_HOST), field)
    return name


def _ascii_label(label: str, field: str) -> str:
    plain = unicodedata.normalize("NFKC", label.lower())
    if not plain.isascii():
        if any(unicodedata.category(char)[0] in "CZ" for char in plain) or len(plain) > MAX_LABEL:
            raise InvalidSpec(say("{label} is not part of a host name", label=repr(label)), field)
        plain = "xn--" + plain.encode("punycode").decode("ascii")
    if len(plain) > MAX_LABEL or not _LABEL.fullmatch(plain):
        raise InvalidSpec(say("{label} is not part of a host name", label=repr(label)), field)
    return plain


def parse_url(text: str, field: str = "url") -> Url:
    """Take a URL apart. Raises ``InvalidSpec`` unless it is http(s) with a host and no credentials."""
    parts, scheme = _split(text.strip(), field)
    if scheme not in DEFAULT_PORTS:
        raise InvalidSpec(say("the address must begin with http:// or https://"), field)
    if "@" in parts.netloc:
        raise InvalidSpec(say("a user name or password does not belong in the address; use a header"), field)
    return _assemble(parts.netloc, scheme, parts.path, parts.query, field)


class UnsupportedScheme(ValueError):  # nothing is in error: the site leads elsewhere
    """A redirect left the web: ``ftp:``, ``file:``, ``javascript:`` and so on."""


def follow(base: Url, location: str) -> Url:
    """Where a Location header leads, forgiving what browsers forgive. Credentials in it are dropped.

    Raises ``UnsupportedScheme`` when it leads out of http and https, ``InvalidSpec`` when it leads nowhere.
    """
    plain = _MANY_SLASHES.sub(r"\1//", location.strip().replace("\\", "/"))
    try:
        joined = urljoin(str(base), plain)
    except ValueError as error:
        raise InvalidSpec(say("the redirect leads nowhere: {error}", error=error), "location") from None
    parts, scheme = _split(joined, "location")
    if scheme not in DEFAULT_PORTS:
        raise UnsupportedScheme(scheme)
    netloc = _decoded(parts.netloc.rpartition("@")[2])
    return _assemble(netloc, scheme, parts.path, parts.query, "location")


def location_as_sent(value: str) -> str:
    """A Location header whose bytes were read as Latin-1: browsers read them as UTF-8, and keep what is none."""
    try:
        sent = value.encode("latin-1")
        return sent.decode()
    except UnicodeEncodeError:
        return value
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in sent)


def _decoded(netloc: str) -> str:
    """As browsers follow it. A colon that was encoded stays so: it ends no host."""
    host, colon, port = netloc.partition(":")
    return netloc if host.startswith("[") else unquote(host).replace(":", "%3A") + colon + port


def _split(text: str, field: str):  # type: ignore[no-untyped-def]  # SplitResult's generics say nothing here
    if not text or len(text) > MAX_URL:
        raise InvalidSpec(say("an address has 1 to {most} characters", most=MAX_URL), field)
    if _CONTROL.search(text):
        raise InvalidSpec(say("an address holds no control characters"), field)
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise InvalidSpec(say("this is not an address: {error}", error=error), field) from None
    return parts, parts.scheme.lower()


def _assemble(netloc: str, scheme: str, path: str, query: str, field: str) -> Url:
    host, port = _host_and_port(netloc, field)
    tail = quote(path or "/", safe=_SAFE_IN_PATH)
    if query:
        tail += "?" + quote(query, safe=_SAFE_IN_PATH)
    return Url(scheme, plain_host(host, field), port or DEFAULT_PORTS[scheme], tail)


def _host_and_port(netloc: str, field: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d*))?", netloc)
    if match is None or not match[1].strip("[]"):
        raise InvalidSpec(say("the address needs a host"), field)
    host, port = match[1], match[2]
    if host.startswith("[") and not isinstance(numeric_address(host), IPv6Address):
        raise InvalidSpec(say("only an IPv6 address stands in brackets"), field)
    if not port:
        return host, None
    if len(port) > 5 or not 1 <= int(port) <= 65535:
        raise InvalidSpec(say("a port is a number from 1 to 65535"), field)
    return host, int(port)
