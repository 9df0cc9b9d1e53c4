"""Events at a steady rate."""

from itertools import islice

import msgspec
import pytest

from tests.benchmark.pace import due, stamped
from tests.benchmark.workload import Change
from worker.contract.event import Change as Event
from worker.contract.event import decode_event


class Clock:
    """Time that passes only where somebody rests, or where a test lets it pass."""

    def __init__(self) -> None:
        self.now = 100.0
        self.rested: list[float] = []

    def __call__(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        self.rested.append(seconds)
        self.now += seconds


def test_events_are_due_at_even_distances() -> None:
    clock = Clock()
    assert list(islice(due(4, 100.0, clock, clock.rest), 4)) == [100.0, 100.25, 100.5, 100.75]
    assert clock.rested == [0.25, 0.25, 0.25]


def test_an_event_is_never_early() -> None:
    clock = Clock()

    def short(seconds: float) -> None:
        clock.rest(seconds / 2 if seconds > 0.01 else seconds)

    assert [clock.now >= at for at in islice(due(1, 100.0, clock, short), 3)] == [True, True, True]


def test_a_producer_that_was_held_up_counts_from_the_schedule() -> None:
    clock = Clock()
    times = due(10, 100.0, clock, clock.rest)
    next(times)
    clock.now += 5.0
    assert list(islice(times, 3)) == pytest.approx([100.1, 100.2, 100.3])
    assert clock.rested == []


def test_a_stamped_event_says_to_the_microsecond_when_it_was_due() -> None:
    event = decode_event(stamped(Change(3, [1, 2]), 1_700_000_000.123456), "user-3", 1_000)
    assert isinstance(event, Event)
    assert event.at is not None
    assert event.at.timestamp() == pytest.approx(1_700_000_000.123456, abs=1e-6)
    assert event.add == ["song-1", "song-2"]
    assert msgspec.json.decode(Change(3, [1]).value())["remove"] == []
