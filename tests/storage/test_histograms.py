"""Latency histograms: SQL and Python agree, and percentiles from merged ones stay within the stated error."""

from __future__ import annotations

import math
from functools import reduce
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
with_database = trying(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ask(query: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {query}", values)
        return cursor.fetchone()[0]


def as_dict(array: list[int | None]) -> dict[int, int]:
    return {bucket: count for bucket, count in enumerate(array, 1) if count}


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
    assert as_dict(ask("latency_histogram(%s::float8[])", values)) == in_python(values)


def test_nulls_are_not_counted() -> None:
    assert ask("latency_histogram(%s::float8[])", [None, 1.0, None]) == [1]
    assert ask("latency_histogram(%s::float8[])", [None]) == []


@with_database
@given(parts=pieces)
def test_merging_in_sql_is_adding_whatever_the_order_and_the_number(parts: list[list[float]]) -> None:
    arrays = [ask("latency_histogram(%s::float8[])", part) for part in parts]
    whole = in_python([value for part in parts for value in part])

    def add(one: list[int | None], other: list[int | None]) -> list[int | None]:
        merged: list[int | None] = ask("add_histograms(%s::integer[], %s::integer[])", one, other)
        return merged

    assert as_dict(reduce(add, arrays)) == whole
    assert as_dict(reduce(add, reversed(arrays))) == whole
    assert as_dict(reduce(lambda one, other: add(other, one), arrays)) == whole
    nothing: list[int | None] = []
    assert as_dict(add(reduce(add, arrays[::2], nothing), reduce(add, arrays[1::2], nothing))) == whole


@with_database
@given(parts=pieces)
def test_the_sum_of_many_rows_is_the_histogram_of_all(parts: list[list[float]]) -> None:
    together = ask(
        "sum_histograms(latency_histogram(array(SELECT jsonb_array_elements_text(part)::float8)))"
        " FROM jsonb_array_elements(%s::jsonb) AS part",
        str(parts),
    )
    assert as_dict(together) == in_python([value for part in parts for value in part])


@with_database
@given(parts=pieces, share=st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_percentiles_of_merged_histograms_stay_within_the_stated_error(parts: list[list[float]], share: float) -> None:
    merged = ask(
        "sum_histograms(latency_histogram(array(SELECT jsonb_array_elements_text(part)::float8)))"
        " FROM jsonb_array_elements(%s::jsonb) AS part",
        str(parts),
    )
    values = sorted(value for part in parts for value in part)
    estimate = rules.percentile(as_dict(merged), share)
    if not values:
        assert estimate is None
        return
    exact = values[max(1, math.ceil(len(values) * share)) - 1]
    assert estimate is not None
    if 1 <= exact <= 60_000:
        assert abs(estimate - exact) / exact <= STATED_ERROR
    elif exact < 1:
        assert estimate == 1.0
