"""Numbers that make no sense stop the start, each with its own sentence."""

from __future__ import annotations

import pytest

from probes.settings import BadSetting, read_settings


@pytest.mark.parametrize(
    ("name", "wrong", "bounds"),
    [
        *(
            ("PROBE_CONCURRENCY", wrong, "a whole number from 1 to 1,000")
            for wrong in ("0", "-1", "1001", "1.5", "nan")
        ),
        *(("PROBE_DOMAIN_CONCURRENCY", wrong, "a whole number from 0 to 1,000") for wrong in ("-1", "1001", "two")),
        *(("PROBE_DOMAIN_RATE", wrong, "a number from 0 to 1,000") for wrong in ("-1", "1001", "inf")),
    ],
)
def test_a_number_out_of_bounds(name: str, wrong: str, bounds: str) -> None:
    with pytest.raises(BadSetting) as error:
        read_settings({name: wrong})
    assert str(error.value) == f"{name} is {wrong!r}; it must be {bounds}."


def test_the_bounds_themselves() -> None:
    low = read_settings({"PROBE_CONCURRENCY": "1", "PROBE_DOMAIN_CONCURRENCY": "0", "PROBE_DOMAIN_RATE": "0"})
    high = read_settings({"PROBE_CONCURRENCY": "1000", "PROBE_DOMAIN_CONCURRENCY": "1000", "PROBE_DOMAIN_RATE": "0.5"})

    assert (low.concurrency, low.domain_concurrency, low.domain_rate) == (1, 0, 0.0)
    assert (high.concurrency, high.domain_concurrency, high.domain_rate) == (1_000, 1_000, 0.5)
