"""Medians and spreads of repeated runs."""

import pytest

from tests.benchmark.statistics import percentiles, spread


def test_a_spread_is_told_by_its_median_and_its_extremes() -> None:
    found = spread([5.0, 1.0, 2.0])
    assert (found.median, found.least, found.most, found.runs) == (2.0, 1.0, 5.0, 3)


def test_one_slow_run_does_not_move_the_median() -> None:
    assert spread([100.0, 101.0, 1.0]).median == 100.0


def test_the_tail_is_told_apart_from_the_middle() -> None:
    found = percentiles([1.0] * 990 + [50.0] * 9 + [900.0])
    assert found.p50 == 1.0
    assert found.p99 == pytest.approx(1.49)
    assert found.p999 == pytest.approx(50.85)
    assert found.most == 900.0
