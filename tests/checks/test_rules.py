"""Latency figures that merge by addition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import rules

latencies = st.lists(st.floats(0.1, 100_000), min_size=1, max_size=300)


def histogram_of(values: list[float]) -> dict[int, int]:
    return rules.merge_histograms([{rules.bucket_of(value): 1} for value in values])


@given(values=latencies, share=st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_stay_within_the_stated_error(values: list[float], share: float) -> None:
    exact = sorted(values)[math.ceil(len(values) * share) - 1]
    estimate = rules.percentile(histogram_of(values), share)
    assert estimate is not None
    if 1 <= exact <= 60_000:
        assert abs(estimate - exact) / exact <= 0.0751


@given(values=latencies, cut=st.integers(0, 300))
def test_the_order_of_merging_does_not_matter(values: list[float], cut: int) -> None:
    left, right = histogram_of(values[:cut]), histogram_of(values[cut:])
    assert rules.merge_histograms([left, right]) == rules.merge_histograms([right, left]) == histogram_of(values)


def test_nothing_measured_has_no_percentile() -> None:
    assert rules.percentile({}, 0.5) is None


@pytest.mark.parametrize(
    ("value", "bucket"), [(0, 1), (1, 1), (1.01, 2), (1.15, 2), (1.16, 3), (60_000, 80), (1e9, 88)]
)
def test_bucket_edges(value: float, bucket: int) -> None:
    assert rules.bucket_of(value) == bucket
