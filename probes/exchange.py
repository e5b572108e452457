"""One request, and what came of it: written by ``transfer``, read by the kinds and by ``faults``.

Without libcurl, so that whoever wants to know only what kinds there are does not load it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from probes import codings
from probes.codings import Corrupt, Unpacking
from probes.contract import Timings
from probes.hosts import Url

BODY_LIMIT = 1_048_576
BANNER_LIMIT = 2_048
FIRST_FINAL_STATUS = 200

_REDIRECTS = frozenset({b"301", b"302", b"303", b"307", b"308"})
_END_OF_HEADERS = frozenset({b"\r\n", b"\n"})
_DEBUG_TEXT, _DEBUG_TLS_IN = 0, 5


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``until`` is the moment (``time.monotonic``) at which it is over, finished or not."""

    url: Url
    addresses: tuple[str, ...]
    until: float
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    verify_tls: bool = True
    obsolete_tls: bool = False
    """Accept protocols and ciphers that browsers gave up, to find out whether that is all a server speaks."""
    leaves_at_redirect: bool = False
    """Do not stay for the body of an answer that leads elsewhere. Browsers do not, and some never ends."""
    connect_only: bool = False
    """Stop when connected, for https when the handshake is done."""
    listen_for: bytes | None = None
    """With ``connect_only``: read what the other side says first, until this is in it or no more of it comes."""


@dataclass(slots=True)
class Exchange:
    """What came of a call. Times are seconds since its start, 0.0 where libcurl did not come that far."""

    code: int = 0
    """libcurl's return code; 0 is success."""
    error: str = ""
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    headers_complete: bool = False
    header_lines: list[bytes] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    """Unpacked, as far as we can."""
    cut: bool = False
    """There was more body than we read."""
    packed_as: tuple[str, ...] = ()
    """The codings of a body that we cannot unpack."""
    corrupt: str | None = None
    """Why the body is not in the coding that it is said to be in."""
    remote_ip: str | None = None
    dialled: list[str] = field(default_factory=list)
    opened: int = 0
    """How many of the dialled addresses really got a socket; pycurl's own copy of it may fail."""
    blocked: str | None = None
    our_fault: str | None = None
    """We ran out of something: descriptors, memory."""
    connected_at: float = 0.0
    secured_at: float = 0.0
    first_byte_at: float = 0.0
    ended_at: float = 0.0
    verified: bool = False
    """The certificate was checked, and found good if the handshake ended."""
    verify_result: int = 0
    os_errno: int = 0
    tls_version: str | None = None
    tls_cipher: str | None = None
    tls_alert: str | None = None
    asked_who_we_are: bool = False
    """The server wants to see a certificate of ours. Many ask and do not insist."""
    certificate_message: bytes = b""
    tls13: bool = False
    speaks_http2: bool = False
    wants_answer: bool = True
    wants_body: bool = True
    leaves_at_redirect: bool = False
    has_left: bool = False
    """The headers were all we wanted."""
    listens: bool = False
    answered: bool = False
    """Something came back after the request, were it only half a line: libcurl itself tells of whole lines only."""
    wants_tls: bool = False
    _headers_read: int = 0
    _status_line: bytes = b""
    _body_has_begun: bool = False
    _unpacking: Unpacking | None = None

    @property
    def has_answer(self) -> bool:
        """Whether the headers are all there: those of the answer itself, not of a 103 that was to come before it."""
        return self.headers_complete and self.status >= FIRST_FINAL_STATUS

    def header(self, name: str) -> str | None:
        """The last value of a header, by its lower-case name."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), None)

    def timings(self, dns_ms: float | None, *, before_ms: float = 0.0) -> Timings:
        """Milliseconds per phase, and in all with what earlier hops took.

        A phase that was entered and never left lasts until the end.
        """
        phases: dict[str, float | None] = {}
        begun = 0.0
        for name, at in self._marks():
            phases[name] = max(0.0, (at or self.ended_at) - begun) * 1000
            if not at:
                break
            begun = max(begun, at)
        return Timings(dns=dns_ms, total=before_ms + (dns_ms or 0.0) + self.ended_at * 1000, **phases)

    def _marks(self) -> list[tuple[str, float]]:
        marks = [("connect", self.connected_at)]
        if self.secured_at or self.tls_alert or self.certificate_message or self.wants_tls:
            marks.append(("tls", self.secured_at))
        if not self.wants_answer and not self.listens:
            return marks
        return [*marks, ("first_byte", self.first_byte_at), ("download", self.ended_at)]

    @property
    def breaks_off(self) -> bool:
        """What came of the body was not the end of what was packed."""
        return self._unpacking is not None and not self._unpacking.is_whole

    # -- what libcurl calls

    def on_header(self, line: bytes) -> int | None:
        """Answers 0 to have no more of it."""
        self.header_lines.append(line)
        if not self.leaves_at_redirect or line not in _END_OF_HEADERS:
            return None
        self.read_headers()
        if self._status_code() not in _REDIRECTS or not self.header("location"):
            return None
        self.has_left = True
        return 0

    def _status_code(self) -> bytes:
        words = self._status_line.split(maxsplit=2)
        return words[1] if len(words) > 1 else b""

    def on_body(self, chunk: bytes) -> int | None:
        """Answers 0 to have no more of it."""
        if not self._body_has_begun:
            self._begin_body()
        room = BODY_LIMIT - len(self.body)
        if self._unpacking is not None:
            try:
                chunk = self._unpacking.unpack(chunk, room + 1)
            except Corrupt as error:
                self.corrupt = str(error)
                return 0
        if len(chunk) <= room:
            self.body += chunk
            return None
        self.body += chunk[:room]
        self.cut = True
        return 0

    def _begin_body(self) -> None:
        self._body_has_begun = True
        self.read_headers()
        values = [value for name, value in self.headers if name.lower() == "content-encoding"]
        names = codings.named(values) if values else ()
        is_a_part = self._status_code() == b"206"  # of something packed, and perhaps from its middle
        if names and codings.can_unpack(names) and not is_a_part:
            self._unpacking = Unpacking(names)
        else:
            self.packed_as = names

    def on_debug(self, kind: int, data: bytes) -> None:
        """The only place where libcurl tells of refused certificates and of alerts."""
        if kind == _DEBUG_TLS_IN:
            if self._is_application_data(data) and not self.speaks_http2:  # there the server's settings come first
                self.answered = True
            if data[:1] == b"\x0b" and len(data) > 4 and int.from_bytes(data[1:4], "big") == len(data) - 4:
                self.certificate_message = data
        elif kind == _DEBUG_TEXT:
            self._read_note(data)

    def _is_application_data(self, data: bytes) -> bool:
        """Whether this is the head of such a record; with TLS 1.3 libcurl tells of its inner type alone."""
        return self.tls_version is not None and data == (b"\x17" if self.tls13 else data[:5]) and data[:1] == b"\x17"

    def read_headers(self) -> None:
        """From the lines that came since the last time; trailers after the body count as headers."""
        if self._headers_read == len(self.header_lines):
            return
        lines, self._headers_read = self.header_lines[self._headers_read :], len(self.header_lines)
        for line in lines:
            if line[:5].upper() == b"HTTP/":
                self._status_line = line
                self.headers.clear()  # an interim answer (103 Early Hints, 100 Continue) came before this one
                self.headers_complete = False
                continue
            name, colon, value = line.decode("latin-1").rstrip("\r\n").partition(":")
            if colon:
                self.headers.append((name.strip(), value.strip()))
            elif not name:
                self.headers_complete = True

    def _read_note(self, data: bytes) -> None:
        if data.startswith(b"SSL connection using "):
            parts = data[21:].decode("latin-1").split(" / ")
            self.tls_version, self.tls_cipher = parts[0].strip(), parts[1].strip() if len(parts) > 1 else None
        elif b"(IN), TLS alert, " in data:
            self.tls_alert = data.decode("latin-1").partition("TLS alert, ")[2].rpartition(" (")[0]
        elif b"(IN), TLS handshake, Request CERT (13)" in data:
            self.asked_who_we_are = True
        elif data.startswith(b"ALPN: server accepted h2"):
            self.speaks_http2 = True
        elif b"(IN), TLS handshake, Certificate (11)" in data:
            self.tls13 = data.startswith(b"TLSv1.3")
