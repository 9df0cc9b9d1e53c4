"""Live and ready, by a clock that the test moves."""

import json

import pytest

from worker.observe.health import Health


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock, stalled_after=30)


def test_lives_but_is_not_ready_at_first(health: Health) -> None:
    assert health.live().ok
    assert health.ready() == (False, ("starting",))


def test_lives_as_long_as_the_loop_polls(health: Health, clock: Clock) -> None:
    for _ in range(10):
        clock.now += 30
        assert health.live().ok
        health.polled()
    clock.now += 30.5
    assert not health.live().ok
    assert "30 s" in health.live().reasons[0]
    health.polled()
    assert health.live() == (True, ())


def test_is_ready_when_nothing_stands_in_the_way(health: Health) -> None:
    health.report([])
    assert health.ready() == (True, ())
    health.report(["partition 3 is being restored", "Redis does not answer"])
    assert health.ready() == (False, ("partition 3 is being restored", "Redis does not answer"))
    assert health.live().ok, "an outage makes a worker unready, never dead"


def test_a_stalled_loop_is_not_ready(health: Health, clock: Clock) -> None:
    health.report([])
    clock.now += 31
    assert not health.ready().ok


def test_answers_in_json_with_the_reasons(health: Health) -> None:
    assert json.loads(health.live().body("live")) == {"status": "live", "reasons": []}
    assert json.loads(health.ready().body("ready")) == {"status": "not ready", "reasons": ["starting"]}
