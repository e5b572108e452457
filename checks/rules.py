"""Figures from results: latency buckets, percentiles, ratios, ticks. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict

GROWTH = 1.15
"""Each latency bucket is 15 % wider than the one before, so a percentile read from it is within 7.5 % of the truth."""

BUCKETS = 88
"""Bucket 1 is up to 1 ms, bucket 80 reaches past a minute, the last takes what is longer still."""

AT_THE_EDGE = 1e-9
"""A value that rounding has carried over the edge of its bucket by no more than this belongs below."""

TICKS = 10


class Tick(TypedDict):
    """One bar of the small chart: a result, as short as can be."""

    outcome: str
    total_ms: float | None
    slot: str


HOURS = 24


class HourSum(NamedTuple):
    """What came of the checks of one monitor, in all its regions, in the hour that begins at ``begin``."""

    begin: datetime
    up: int = 0
    degraded: int = 0
    down: int = 0
    unknown: int = 0


def bucket_of(total_ms: float) -> int:
    """The latency bucket from 1 to ``BUCKETS``. The same formula as SQL's ``latency_bucket``."""
    if total_ms <= 1:
        return 1
    return min(BUCKETS, 1 + math.ceil(math.log(total_ms) / math.log(GROWTH) - AT_THE_EDGE))


def bucket_value(bucket: int) -> float:
    """The milliseconds that stand for a bucket: the middle of its bounds, for the least relative error."""
    if bucket <= 1:
        return 1.0
    upper = GROWTH ** (bucket - 1)
    return (upper / GROWTH + upper) / 2


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The latency below which ``share`` (0..1) of the counted checks stayed; None without any."""
    total = sum(histogram.values())
    if not total:
        return None
    wanted, seen = max(1, math.ceil(total * share)), 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= wanted:
            return bucket_value(bucket)
    return None


def merge_histograms(histograms: Sequence[Mapping[int, int]]) -> dict[int, int]:
    merged: dict[int, int] = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            merged[bucket] = merged.get(bucket, 0) + count
    return merged


def pack_histogram(histogram: Mapping[int, int]) -> bytes:
    """The stored form: the first bucket, the bytes for each count (1, 2 or 4), then the counts up to the last bucket.

    An hour's response times lie close together, so this is a dozen bytes. The same as SQL's ``pack_histogram``.
    """
    if not histogram:
        return b""
    first, last, most = min(histogram), max(histogram), max(histogram.values())
    width = 1 if most < 2**8 else 2 if most < 2**16 else 4
    counts = (histogram.get(bucket, 0).to_bytes(width, "big") for bucket in range(first, last + 1))
    return bytes((first, width)) + b"".join(counts)


def unpack_histogram(packed: bytes | memoryview) -> dict[int, int]:
    """Counts by latency bucket, empty ones left out."""
    if not packed:
        return {}
    first, width, *_ = packed
    counts = (int.from_bytes(packed[at : at + width], "big") for at in range(2, len(packed), width))
    return {bucket: count for bucket, count in enumerate(counts, first) if count}
