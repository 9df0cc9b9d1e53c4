"""What the times of the outputs say."""

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from tests.benchmark.throughput import OTHERS, Window, process_groups, quiet
from tests.benchmark.usage import Sample, Usage
from tests.unit.benchmark.runs import throughput

TIMES = np.array([100.0, 102, 104, 106, 107, 108, 109, 110, 111, 112])


def test_disturbed_runs_count_only_where_there_are_no_others() -> None:
    fine, disturbed = throughput(others=0.1), throughput(others=0.9)
    assert quiet([fine, disturbed]) == [fine]
    assert quiet([disturbed, disturbed]) == [disturbed, disturbed]


@pytest.mark.parametrize(("share", "count", "rate"), [(0.0, 9, 9 / 12), (0.3, 7, 7 / 8)])
def test_a_rate_is_of_the_outputs_after_the_first_that_counts(share: float, count: int, rate: float) -> None:
    window = Window(TIMES, share)
    assert (window.count, window.rate) == (count, pytest.approx(rate))


def test_contender_broker_and_redis_are_told_apart() -> None:
    servers: Any = Mock(broker=Mock(session=7), cache=Mock(session=8))
    running: Any = Mock(processes=[Mock(pid=1), Mock(pid=2)])
    assert process_groups(servers, running) == {"contender": [1, 2], "broker": [7], "redis": [8]}


def test_outputs_that_came_all_at_once_have_no_rate() -> None:
    assert Window(np.full(10, 100.0), 0.0).rate == 0


def test_what_was_used_is_that_of_the_same_stretch_of_time() -> None:
    usage = Usage({})
    names = ("contender", "broker", "redis", OTHERS)
    usage.samples += [
        Sample(at, dict.fromkeys(names, cpu), dict.fromkeys(names, 1)) for at, cpu in [(90, 0.0), (104, 7.0), (112, 9)]
    ]
    warm = Window(TIMES, 0.3)
    assert warm.cpu(usage) == pytest.approx(dict.fromkeys(names[:3], 2 / 7 * 1e6)), "microseconds per event"
    assert warm.others(usage) == pytest.approx(2 / 8), "cores"
