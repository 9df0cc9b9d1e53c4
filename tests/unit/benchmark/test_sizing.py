"""What a stream needs, from what was measured."""

import pytest

from tests.benchmark.restore import Restored
from tests.benchmark.scale import AS_USUAL
from tests.benchmark.sizing import RATES, Cost, Size, measured_cost, size_for
from tests.benchmark.tables import as_markdown
from tests.unit.benchmark.runs import report, throughput

COST = Cost(rate=80_000.0, worker_us=9.0, broker_us=4.0, redis_us=1.5, user_bytes=350.0)


def test_pods_do_half_of_what_a_worker_can_and_own_two_partitions_each() -> None:
    assert size_for(80_000, COST)[:4] == (80_000, 8_000_000, 4, 2)
    assert size_for(80_001, COST)[2:4] == (6, 3), "a pod more rather than a pod that is too busy"
    assert size_for(1, COST)[2:4] == (2, 1)


def test_cores_and_memory_grow_with_events_and_users() -> None:
    size = Size(1_000_000, 100_000_000, 50, 25, *map(pytest.approx, (9.0, 4.0, 1.5, 35.0)))
    assert size_for(1_000_000, COST) == size


def test_the_cost_is_that_of_one_worker_under_the_usual_conditions() -> None:
    restored = Restored(users=1_000_000, warm_seconds=2.0, cold_seconds=8.0, redis_bytes=300.0, megabytes=200.0)
    points = {
        "2 workers": [throughput(rate=150_000)],
        AS_USUAL: [throughput(rate=80_000, cpu=9.0, broker=4, redis=1.5)],
    }
    whole = report(
        throughputs=[throughput(rate=5)], points=points, restored=[restored, restored._replace(redis_bytes=400)]
    )
    assert measured_cost(whole) == COST
    assert measured_cost(report(points=points)) is None
    assert measured_cost(report(restored=[restored])) is None
    assert measured_cost(report(points={AS_USUAL: [throughput(rate=0)]}, restored=[restored])) is None


def test_the_table_is_for_ten_thousand_to_a_million_events_a_second() -> None:
    assert RATES == (10_000, 100_000, 1_000_000)
    restored = Restored(users=1_000_000, warm_seconds=2.0, cold_seconds=8.0, redis_bytes=350.0, megabytes=200.0)
    usual = throughput(rate=80_000, cpu=9.0, broker=4, redis=1.5)
    table = as_markdown(report(points={AS_USUAL: [usual]}, restored=[restored]))
    for row in (
        "| 10,000 | 1,000,000 | 2 | 1 | 0.09 | 0.04 | 0.01 | 0.35 |",
        "| 100,000 | 10,000,000 | 6 | 3 | 0.90 | 0.40 | 0.15 | 3.50 |",
        "| 1,000,000 | 100,000,000 | 50 | 25 | 9.00 | 4.00 | 1.50 | 35.00 |",
    ):
        assert row in table.splitlines()
