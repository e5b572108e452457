"""Content codings (RFC 9110, section 8.4): how a body is packed for the road, and how far we unpack it.

libcurl could do this, but it takes a gzip stream that breaks off for a whole one, refuses one of several members,
and cannot be told how much to unpack. Pure: bytes in, bytes out, never more than asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from probes.sentences import say

OFFERED = "gzip, deflate"
"""What requests say we can read: what the standard library can."""

MAX_CODINGS = 3
MAX_MEMBERS = 10_000
"""Of one gzip stream. Some writers begin a new one with every block or flush; more are there to keep us busy."""

MAX_UNPACKED = 4_194_304
"""What one coding may become, in bytes. Only what lies under another coding ever comes near it."""

PIECE_BYTES = 65_536

_SAME = {"x-gzip": "gzip"}
_NOTHING_DONE = frozenset({"", "identity"})
_KNOWN_TO_BROWSERS = frozenset({"gzip", "deflate", "br", "zstd", "dcb", "dcz"})
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's numbers for the three wrappings


class Corrupt(ValueError):  # what is wrong is the body, and no argument
    """The body is not in the coding that it is said to be in."""


def named(values: Iterable[str]) -> tuple[str, ...]:
    """The codings that ``Content-Encoding`` headers name, in the order in which they were applied.

    Empty when one of them is unknown to browsers: they show such a body as it came, and servers that give
    the alphabet there ("utf-8") have never been told.
    """
    words = [word.strip().lower() for value in values for word in value.split(",")]
    names = tuple(_SAME.get(word, word) for word in words if word not in _NOTHING_DONE)
    return names if _KNOWN_TO_BROWSERS.issuperset(names) else ()


def can_unpack(names: tuple[str, ...]) -> bool:
    return len(names) <= MAX_CODINGS and all(name in _UNPACKERS for name in names)


class Unpacking:
    """A body on its way, piece by piece, out of one coding or out of several in a row."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._layers = [_UNPACKERS[name]() for name in reversed(names)]

    def unpack(self, data: bytes, limit: int) -> bytes:
        """What ``data`` becomes, ``limit`` bytes at most; once they are reached, the rest is lost.

        Raises ``Corrupt``.
        """
        pieces: Iterator[bytes] = iter((data,))
        for layer in self._layers:
            pieces = layer.unpack(pieces)
        unpacked = bytearray()
        for piece in pieces:
            unpacked += piece
            if len(unpacked) >= limit:
                break
        del unpacked[limit:]
        return bytes(unpacked)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing. A body without a byte is whole in every coding."""
        return all(layer.is_whole for layer in self._layers)


class _Deflate:
    """What HTTP calls deflate: wrapped as zlib does it, as the standard says, or bare, as some servers do."""

    def __init__(self) -> None:
        self._inflater: zlib._Decompress | None = None
        self._members = 0
        self._unpacked = 0
        self._held = b""
        self._is_over = False

    @property
    def is_whole(self) -> bool:
        return self._inflater is None and (self._members > 0 or not self._held)

    def unpack(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            data, self._held = self._held + piece, b""
            while data and not self._is_over:
                if self._inflater is None:
                    data = self._begin(data)
                else:
                    yield from self._inflate(self._inflater, data)
                    data = self._after(self._inflater)

    def _begin(self, data: bytes) -> bytes:
        """Start a member if ``data`` begins one, and answer what is to be read on."""
        if len(data) < len(_GZIP_MAGIC):
            self._held = data
            return b""
        wrapping = self._wrapping(data)
        if wrapping is None:
            self._is_over = True
            return b""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise Corrupt(say("it consists of too many parts"))
        self._inflater = zlib.decompressobj(wrapping)
        return data

    def _wrapping(self, data: bytes) -> int | None:
        """By its first two bytes; None when nothing more is to come. Bytes after the end mean nothing."""
        if self._members:
            return None
        return _ZLIB if data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0 else _RAW

    def _inflate(self, inflater: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        while not inflater.eof:
            try:
                piece = inflater.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise Corrupt(str(error).rpartition(": ")[2]) from None
            self._unpacked += len(piece)
            if self._unpacked > MAX_UNPACKED:
                raise Corrupt(say("it unpacks without end"))
            if piece:
                yield piece
            data = inflater.unconsumed_tail
            if not data and len(piece) < PIECE_BYTES:  # a full piece may have left some of it inside
                return

    def _after(self, inflater: zlib._Decompress) -> bytes:
        if not inflater.eof:
            return b""
        self._inflater = None
        return inflater.unused_data


class _Gzip(_Deflate):
    """One member or several in a row; padding and rubbish after the last one are nobody's loss."""

    def _wrapping(self, data: bytes) -> int | None:
        return _GZIP if not self._members or data.startswith(_GZIP_MAGIC) else None


_UNPACKERS: dict[str, type[_Deflate]] = {"gzip": _Gzip, "deflate": _Deflate}
