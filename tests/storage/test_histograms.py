"""Latency histograms: SQL and Python agree, and percentiles from merged ones stay within the stated error."""

from __future__ import annotations

import math
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from checks import rules

pytestmark = pytest.mark.django_db

STATED_ERROR = 0.0751
latencies = st.lists(st.floats(0.01, 120_000).map(lambda value: round(value, 3)), max_size=120)
pieces = st.lists(latencies, min_size=1, max_size=12)
with_database = trying(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def ask(query: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {query}", values)
        return cursor.fetchone()[0]


def in_python(values: list[float]) -> dict[int, int]:
    return rules.merge_histograms([{rules.bucket_of(value): 1} for value in values])


@with_database
@given(values=latencies)
def test_buckets_are_the_same_in_sql_and_in_python(values: list[float]) -> None:
    found = ask(
        "array(SELECT latency_bucket(ms) FROM unnest(%s::float8[]) WITH ORDINALITY AS t (ms, n) ORDER BY n)", values
    )
    assert found == [rules.bucket_of(value) for value in values]


def test_buckets_agree_at_every_edge() -> None:
    """At the bounds themselves, and one float above and below them."""
    edges = [rules.GROWTH**power for power in range(rules.BUCKETS + 2)]
    values = [near for edge in edges for near in (math.nextafter(edge, 0), edge, math.nextafter(edge, math.inf))]
    found = ask(
        "array(SELECT latency_bucket(ms) FROM unnest(%s::float8[]) WITH ORDINALITY AS t (ms, n) ORDER BY n)", values
    )
    assert found == [rules.bucket_of(value) for value in values]


@with_database
@given(values=latencies)
def test_histograms_are_the_same_in_sql_and_in_python(values: list[float]) -> None:
    packed = ask("latency_histogram(%s::float8[])", values)
    assert packed == rules.pack_histogram(in_python(values))
    assert rules.unpack_histogram(packed) == in_python(values)


counts = st.dictionaries(st.integers(1, rules.BUCKETS), st.sampled_from([1, 2, 255, 256, 65_535, 65_536, 2**31 - 1]))


@with_database
@given(histogram=counts)
def test_counts_of_every_size_are_kept(histogram: dict[int, int]) -> None:
    packed = rules.pack_histogram(histogram)
    assert rules.unpack_histogram(packed) == histogram
    array = [histogram.get(bucket) for bucket in range(1, max(histogram, default=0) + 1)]
    assert ask("pack_histogram(%s::integer[])", array) == packed
    assert ask("pack_histogram(add_histogram('{}', %s))", packed) == packed


def test_nulls_are_not_counted() -> None:
    assert rules.unpack_histogram(ask("latency_histogram(%s::float8[])", [None, 1.0, None])) == {1: 1}
    assert ask("latency_histogram(%s::float8[])", [None]) == b""
    assert ask("latency_histogram(NULL)") == b""


def test_an_hour_of_checks_takes_a_dozen_bytes() -> None:
    assert len(rules.pack_histogram(dict.fromkeys(range(30, 39), 7))) == 11


@with_database
@given(parts=pieces)
def test_the_sum_of_many_rows_is_the_histogram_of_all(parts: list[list[float]]) -> None:
    together = ask(
        "sum_histograms(latency_histogram(array(SELECT jsonb_array_elements_text(part)::float8)))"
        " FROM jsonb_array_elements(%s::jsonb) AS part",
        str(parts),
    )
    assert rules.unpack_histogram(together) == in_python([value for part in parts for value in part])


@with_database
@given(parts=pieces, share=st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_percentiles_of_merged_histograms_stay_within_the_stated_error(parts: list[list[float]], share: float) -> None:
    merged = ask(
        "sum_histograms(latency_histogram(array(SELECT jsonb_array_elements_text(part)::float8)))"
        " FROM jsonb_array_elements(%s::jsonb) AS part",
        str(parts),
    )
    values = sorted(value for part in parts for value in part)
    estimate = rules.percentile(rules.unpack_histogram(merged), share)
    if not values:
        assert estimate is None
        return
    exact = values[max(1, math.ceil(len(values) * share)) - 1]
    assert estimate is not None
    if 1 <= exact <= 60_000:
        assert abs(estimate - exact) / exact <= STATED_ERROR
    elif exact < 1:
        assert estimate == 1.0
