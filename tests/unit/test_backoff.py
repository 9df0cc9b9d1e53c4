"""Waits that double up to a bound, are shortened at random, and begin anew after a success."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.backoff import Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(0.1, 1.0, 0.5, Clock(), chance=lambda: 0.0)
    assert [backoff.wait() for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_success_begins_anew() -> None:
    backoff = Backoff(0.1, 1.0, 0.0, Clock(), chance=lambda: 0.0)
    backoff.wait()
    backoff.wait()
    backoff.succeeded()
    assert backoff.wait() == 0.1


@given(st.floats(0, 1), st.floats(0, 1))
def test_chance_shortens_a_wait_by_up_to_the_jitter(jitter: float, chance: float) -> None:
    length = Backoff(8.0, 60.0, jitter, Clock(), lambda: chance).wait()
    assert length == pytest.approx(8.0 * (1 - jitter * chance))
    assert 8.0 * (1 - jitter) <= length <= 8.0


def test_what_remains_runs_down_with_the_clock() -> None:
    clock = Clock()
    backoff = Backoff(4.0, 60.0, 0.5, clock, chance=lambda: 1.0)
    assert backoff.remaining == 0
    assert backoff.wait() == 2.0
    assert backoff.remaining == 2.0
    clock.now += 1.5
    assert backoff.remaining == 0.5
    clock.now += 1.5
    assert backoff.remaining == 0
