"""Facts about the certificates that a server showed, whether or not they were any good."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

MAX_CHAIN = 10
SECONDS_PER_DAY = 86_400

# Names that authorities give to the certificates between a root and a site.
_WORDS_OF_INTERMEDIATES = ("intermediate", "issuing", "sub ca", "subordinate")


def read_chain(message: bytes, *, tls13: bool) -> tuple[bytes, ...]:
    """The certificates (DER) in a TLS Certificate message, the server's own first."""
    at = 4 + (1 + message[4] if tls13 and len(message) > 4 else 0) + 3
    chain: list[bytes] = []
    while at + 3 <= len(message) and len(chain) < MAX_CHAIN:
        size = int.from_bytes(message[at : at + 3], "big")
        certificate = message[at + 3 : at + 3 + size]
        if len(certificate) != size or not size:
            break
        chain.append(certificate)
        at += 3 + size
        if tls13:
            at += 2 + int.from_bytes(message[at : at + 2], "big")
    return tuple(chain)


def facts(chain: Sequence[bytes], *, protocol: str | None, cipher: str | None, now: float) -> dict[str, Any] | None:
    """What a result tells. Times are ISO 8601 in UTC; ``days_left`` is negative once expired."""
    if not chain:
        return None
    leaf = dict(_facts_of(chain[0]))
    expires = leaf.pop("expires_at")
    return {
        **leaf,
        "days_left": None if expires is None else round((expires - now) / SECONDS_PER_DAY, 2),
        "protocol": protocol,
        "cipher": cipher,
        "chain": [_link(der) for der in chain[1:]],
    }


@lru_cache(maxsize=4096)
def _facts_of(der: bytes) -> dict[str, Any]:
    """Parsed once per certificate, not once per check. Odd certificates keep what can be read of them."""
    certificate = load(der)
    about: dict[str, Any] = {
        "subject": None,
        "issuer": None,
        "names": [],
        "serial": None,
        "not_before": None,
        "not_after": None,
        "days_valid": None,
        "expires_at": None,
        "fingerprint": _fingerprint(der),
    }
    if certificate is None:
        return about
    for name, read in _READERS.items():
        try:
            about[name] = read(certificate)
        except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm):
            continue  # a date in the year 0, a name in no known alphabet, ...
    return about


_READERS: dict[str, Callable[[x509.Certificate], Any]] = {
    "subject": lambda cert: cert.subject.rfc4514_string(),
    "issuer": lambda cert: cert.issuer.rfc4514_string(),
    "names": lambda cert: _names(cert),
    "serial": lambda cert: f"{cert.serial_number:x}",
    "not_before": lambda cert: _iso(cert.not_valid_before_utc),
    "not_after": lambda cert: _iso(cert.not_valid_after_utc),
    "days_valid": lambda cert: (cert.not_valid_after_utc - cert.not_valid_before_utc).days,
    "expires_at": lambda cert: cert.not_valid_after_utc.timestamp(),
}


@lru_cache(maxsize=4096)
def names_nobody(der: bytes) -> bool:
    """Whether a certificate names no host where browsers look (RFC 2818 still let the subject stand in for that)."""
    certificate = load(der)
    try:
        return certificate is not None and not _names(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def load(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _link(der: bytes) -> dict[str, Any]:
    about = _facts_of(der)
    return {name: about[name] for name in ("subject", "issuer", "not_after", "fingerprint")}


def _fingerprint(der: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    return [*extension.get_values_for_type(x509.DNSName), *addresses][:100]


class Intermediates:
    """Intermediate certificates seen in chains that verified, to recognise a site that forgot to send one.

    The newest thousand are kept; there are fewer in use on the whole internet.
    """

    def __init__(self, size: int = 1_000) -> None:
        self._size = size
        self._by_subject: OrderedDict[bytes, x509.Certificate] = OrderedDict()
        self._seen: set[bytes] = set()

    def learn(self, chain: Sequence[bytes]) -> None:
        for der in chain[1:]:
            if der in self._seen:
                continue
            certificate = load(der)
            if certificate is not None and certificate.subject != certificate.issuer:
                self._seen.add(der)
                self._by_subject[certificate.subject.public_bytes()] = certificate
        while len(self._by_subject) > self._size:
            self._by_subject.popitem(last=False)
            self._seen.clear()

    def forgotten_by(self, chain: Sequence[bytes]) -> bool:
        """Whether the chain stops short of an intermediate certificate, as far as that can be known."""
        last = _end_of_path([load(der) for der in chain])
        if last is None or last.subject == last.issuer:
            return False
        issuer = self._by_subject.get(last.issuer.public_bytes())
        if issuer is not None and _issued(issuer, last):
            return True
        is_leaf = last.public_bytes(Encoding.DER) == chain[0]
        return is_leaf and (_says_where_its_issuer_is(last) or _is_called_intermediate(last.issuer))


def is_signed_by_itself(der: bytes) -> bool:
    certificate = load(der)
    return certificate is not None and certificate.subject == certificate.issuer and _issued(certificate, certificate)


def _end_of_path(chain: Sequence[x509.Certificate | None]) -> x509.Certificate | None:
    """The certificate whose issuer was not sent, going up from the site's own. What was sent besides is left out."""
    last = chain[0] if chain else None
    for _ in chain:
        above = next((one for one in chain if one and last and one.subject == last.issuer and one != last), None)
        if above is None:
            break
        last = above
    return last


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _says_where_its_issuer_is(certificate: x509.Certificate) -> bool:
    """Public authorities say where the missing certificate can be fetched; a home-made root does not."""
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS)
    except (x509.ExtensionNotFound, ValueError):
        return False
    access = extension.value
    return isinstance(access, x509.AuthorityInformationAccess) and any(
        item.access_method == AuthorityInformationAccessOID.CA_ISSUERS for item in access
    )


def _is_called_intermediate(name: x509.Name) -> bool:
    words = name.rfc4514_string().lower()
    return any(word in words for word in _WORDS_OF_INTERMEDIATES)
