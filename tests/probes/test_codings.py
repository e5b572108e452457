"""Bodies are unpacked as far as we want to read, and a broken one is never taken for a whole one."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.codings import MAX_MEMBERS, Corrupt, Unpacking, can_unpack, named

TEXT = b"hello, world; " * 100
LIMIT = 1_048_577


def bare(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


def with_a_name(data: bytes) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile("a file's name", "wb", fileobj=packed) as file:
        file.write(data)
    return packed.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}
GZIPPED = gzip.compress(TEXT)
HALVES = gzip.compress(TEXT[:700]) + gzip.compress(TEXT[700:])


def unpack(names: tuple[str, ...], data: bytes, *, step: int = 16_384) -> tuple[bytes, bool]:
    """What comes out when it comes in so many bytes at a time, and whether that is all."""
    unpacking = Unpacking(names)
    pieces = (data[at : at + step] for at in range(0, len(data), step))
    return b"".join(unpacking.unpack(piece, LIMIT) for piece in pieces), unpacking.is_whole


WHOLE: dict[str, tuple[str, bytes, bytes]] = {
    "gzip": ("gzip", GZIPPED, TEXT),
    "its old name": ("X-GZIP", GZIPPED, TEXT),
    "with a file's name": ("gzip", with_a_name(TEXT), TEXT),
    "two members": ("gzip", HALVES, TEXT),
    "two members and padding": ("gzip", HALVES + bytes(512), TEXT),
    "an empty member between": ("gzip", gzip.compress(TEXT) + gzip.compress(b"") + gzip.compress(b"!"), TEXT + b"!"),
    "padding": ("gzip", GZIPPED + bytes(512), TEXT),
    "rubbish after the end": ("gzip", GZIPPED + b"\x1frubbish", TEXT),
    "half a mark after the end": ("gzip", GZIPPED + b"\x1f", TEXT),
    "deflate as zlib wraps it": ("deflate", zlib.compress(TEXT), TEXT),
    "deflate at every level": ("deflate", zlib.compress(TEXT, 0), TEXT),
    "bare deflate": ("deflate", bare(TEXT), TEXT),
    "rubbish after deflate": ("deflate", zlib.compress(TEXT) + b"xx", TEXT),
    "twice": ("gzip, gzip", gzip.compress(GZIPPED), TEXT),
    "three in a row": ("deflate, gzip,deflate", zlib.compress(gzip.compress(zlib.compress(TEXT))), TEXT),
    "nothing in it": ("gzip", gzip.compress(b""), b""),
    "not a byte": ("gzip", b"", b""),
    "not a byte under two": ("deflate, gzip", gzip.compress(b""), b""),
    "identity": ("identity", TEXT, TEXT),
    "identity among others": ("identity, gzip, ", GZIPPED, TEXT),
    "an alphabet by mistake": ("utf-8", TEXT, TEXT),
    "a word nobody knows": ("gzip, none", GZIPPED, GZIPPED),
}


@pytest.mark.parametrize("step", [1, 7, 16_384])
@pytest.mark.parametrize(("header", "packed", "text"), WHOLE.values(), ids=WHOLE)
def test_what_is_whole(header: str, packed: bytes, text: bytes, step: int) -> None:
    names = named([header])

    assert can_unpack(names)
    assert unpack(names, packed, step=step) == (text, True)


@pytest.mark.parametrize("name", PACK)
@pytest.mark.parametrize("missing", [1, 4, 8, 12, -1])
def test_what_breaks_off(name: str, missing: int) -> None:
    """Wherever it does; -1: after the first byte."""
    packed = PACK[name](TEXT)
    text, is_whole = unpack((name,), packed[:1] if missing == -1 else packed[:-missing])

    assert not is_whole
    assert TEXT.startswith(text)


def test_what_breaks_off_further_inside() -> None:
    assert not unpack(("gzip", "gzip"), gzip.compress(GZIPPED[:-9]))[1]
    assert not unpack(("gzip",), HALVES[:-9])[1]


CORRUPT: dict[str, tuple[str, bytes]] = {
    "no gzip at all": ("gzip", TEXT),
    "packed once and said to be twice": ("gzip, gzip", GZIPPED),
    "a wrong sum": ("gzip", GZIPPED[:-8] + b"\x00\x01\x02\x03" + GZIPPED[-4:]),
    "damaged": ("gzip", GZIPPED[:12] + b"\xff" * 8 + GZIPPED[20:]),
    "a second member that is none": ("gzip", GZIPPED + b"\x1f\x8b\x00\x00\x00"),
    "no deflate at all": ("deflate", b"\xff" * 20),
    "deflate with a wrong sum": ("deflate", zlib.compress(TEXT)[:-1] + b"\x00"),
}


@pytest.mark.parametrize(("header", "packed"), CORRUPT.values(), ids=CORRUPT)
def test_what_is_corrupt(header: str, packed: bytes) -> None:
    with pytest.raises(Corrupt):
        unpack(named([header]), packed)


def test_names() -> None:
    assert named(["gzip", "x-gzip , Deflate"]) == ("gzip", "gzip", "deflate")
    assert named(["br"]) == ("br",)
    assert not can_unpack(("br",))
    assert not can_unpack(("gzip",) * 4)


def test_a_bomb_unpacks_no_further_than_asked() -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    zeros = bytes(1_048_576)
    bomb = b"".join(squeeze.compress(zeros) for _ in range(100)) + squeeze.flush()
    bomb_in_bomb = gzip.compress(bomb)
    tracemalloc.start()
    try:
        assert len(Unpacking(("gzip",)).unpack(bomb, 1_000_000)) == 1_000_000
        assert len(Unpacking(("gzip", "gzip")).unpack(bomb_in_bomb, 1_000_000)) == 1_000_000
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_what_unpacks_to_nothing_does_not_keep_us_busy() -> None:
    nothing = gzip.compress(b"")
    with pytest.raises(Corrupt, match="too many parts"):
        unpack(("gzip",), nothing * (MAX_MEMBERS + 1))
    with pytest.raises(Corrupt, match="without end"):
        unpack(("gzip", "gzip"), gzip.compress(GZIPPED + bytes(20_000_000)))


@given(st.binary(max_size=3_000), st.lists(st.sampled_from(sorted(PACK)), max_size=3), st.integers(1, 500))
def test_what_was_packed_comes_out_again(data: bytes, names: list[str], step: int) -> None:
    packed = data
    for name in names:
        packed = PACK[name](packed)
    assert unpack(tuple(names), packed, step=step) == (data, True)


@given(st.binary(max_size=300), st.sampled_from([b"", GZIPPED[:15], zlib.compress(TEXT)[:9]]), st.integers(1, 3))
def test_any_bytes_at_all_are_unpacked_or_corrupt(data: bytes, before: bytes, layers: int) -> None:
    for name in PACK:
        try:
            text, _ = unpack((name,) * layers, before + data, step=50)
        except Corrupt:
            continue
        assert len(text) <= LIMIT
