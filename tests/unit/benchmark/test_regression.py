"""What counts as slower."""

from typing import Any

import pytest

from tests.benchmark.regression import complaints
from tests.benchmark.report import Report
from tests.benchmark.restore import Restored
from tests.benchmark.results import Failure
from tests.benchmark.scale import AS_USUAL
from tests.benchmark.stages import Stages
from tests.benchmark.statistics import spread
from tests.unit.benchmark.runs import latency, report, throughput


def session(*, ceiling: float = 200_000.0, p99: float = 18.0, **worker: Any) -> Report:
    runs = [throughput("copy", rate=ceiling, cpu=3.0), throughput(**worker)]
    return report(throughputs=runs, latencies=[latency(p99=p99)])


def test_the_same_is_not_slower() -> None:
    assert complaints(session(), session()) == []


def test_a_tenth_is_forgiven_and_more_is_not() -> None:
    assert complaints(session(), session(rate=92_000)) == []
    (line,) = complaints(session(), session(rate=85_000, warm=100_000))
    assert line.startswith("more than 10 % slower: events/s of the copy's, 128 units, batches of 20000: 0.425, was 0.5")


def test_once_warm_counts_by_itself() -> None:
    (line,) = complaints(session(), session(warm=85_000))
    assert line.startswith(
        "more than 10 % slower: warm events/s of copy's, 128 units, batches of 20000: 0.425, was 0.5"
    )


@pytest.mark.parametrize(("faster", "name"), [({"rate": 60_000}, "events/s"), ({"warm": 60_000}, "warm events/s")])
def test_the_lead_over_each_peer_counts(faster: dict[str, float], name: str) -> None:
    def beside_quix(**quix: float) -> Report:
        return report(throughputs=[throughput(), throughput("quix", **{"rate": 50_000.0, "warm": 50_000.0} | quix)])

    assert complaints(beside_quix(), beside_quix(rate=54_000)) == []
    (line,) = complaints(beside_quix(), beside_quix(**faster))
    assert f"slower: {name} of quix's, 128 units, batches of 20000: 1.67, was 2" in line


def steps(**microseconds: float) -> Report:
    usual = {"fold": 2.0, "decode": 0.5, "decode, plainly": 1.0, "write labels": 1.0, "write labels, plainly": 4.0}
    return report(stages=[Stages(128, {name: spread([time]) for name, time in (usual | microseconds).items()})])


def test_steps_are_compared_with_what_they_took_the_place_of() -> None:
    assert complaints(steps(), steps(**{"write labels": 1.6, "write labels, plainly": 6.0})) == []
    (line,) = complaints(steps(), steps(**{"write labels": 1.2}))
    assert line.endswith("time of: write labels, over that of: write labels, plainly, 128 units: 0.3, was 0.25")


def test_steps_without_such_are_compared_with_plain_decoding() -> None:
    assert complaints(steps(), steps(**{"fold": 4.0, "decode": 1.0, "decode, plainly": 2.0})) == []
    (line,) = complaints(steps(), steps(fold=2.4))
    assert line.endswith("time of: fold, over that of: decode, plainly, 128 units: 2.4, was 2")


WORSE = {
    "CPU per event over the copy's": {"cpu": 10.5},
    "the broker's CPU per event": {"broker": 1.2},
    "Redis' CPU per event": {"redis": 0.6},
    "MB of memory": {"megabytes": 120.0},
    "seconds to the first label": {"start": 1.2},
}


@pytest.mark.parametrize(("name", "worse"), WORSE.items(), ids=WORSE)
def test_whatever_a_run_costs_counts(name: str, worse: dict[str, float]) -> None:
    (line,) = complaints(session(), session(**worse))
    assert name in line


@pytest.mark.parametrize(("name", "worse"), [("p50", {"p50": 6.0}), ("p99", {"p99": 21.0}), ("p99.9", {"p999": 35.0})])
def test_every_percentile_counts(name: str, worse: dict[str, float]) -> None:
    (line,) = complaints(report(latencies=[latency()]), report(latencies=[latency(**worse)]))
    assert f"{name} ms at 1,000 events/s" in line


def test_faster_is_no_complaint() -> None:
    assert complaints(session(), session(rate=150_000, cpu=5.0, p99=9.0)) == []


def test_a_slower_machine_is_not_a_slower_worker() -> None:
    assert complaints(session(), session(ceiling=100_000, rate=50_000)) == []
    before = report(latencies=[latency("copy", p50=2.0, p99=4.0, p999=6.0), latency()])
    now = report(latencies=[latency("copy", p50=4.0, p99=8.0, p999=12.0), latency(p50=10.0, p99=36.0, p999=60.0)])
    assert complaints(before, now) == []


def test_latency_at_a_share_of_the_capacity_is_compared_whatever_the_rate() -> None:
    before = report(latencies=[latency(rate=56_195.2, share=0.7)])
    (line,) = complaints(before, report(latencies=[latency(rate=49_000.1, share=0.7, p99=25.0)]))
    assert "p99 ms at 70% of capacity, 128 units" in line
    assert complaints(before, report(latencies=[latency(rate=56_195.2, p99=25.0)])) == []


def test_other_conditions_are_compared_with_the_usual_ones_of_their_session() -> None:
    def scaled(usual: float, many: float, **worse: float) -> Report:
        points = {AS_USUAL: [throughput(rate=usual)], "5,000,000 users": [throughput(rate=many, **worse)]}
        return report(points=points)

    assert complaints(scaled(100_000, 90_000), scaled(50_000, 45_000)) == []
    (line,) = complaints(scaled(100_000, 90_000), scaled(100_000, 70_000))
    assert "events/s of the usual, 5,000,000 users" in line
    (line,) = complaints(scaled(100_000, 90_000), scaled(100_000, 90_000, cpu=12.0))
    assert "CPU per event over the usual, 5,000,000 users" in line
    (line,) = complaints(scaled(100_000, 90_000), scaled(100_000, 90_000, megabytes=200.0))
    assert "MB of memory, 5,000,000 users" in line


FAST = Restored(users=1_000_000, warm_seconds=2.0, cold_seconds=8.0, redis_bytes=300.0, megabytes=200.0)
SLOW = {
    "all in Redis": {"warm_seconds": 3.0},
    "none in Redis": {"cold_seconds": 12.0},
    "bytes of Redis per user": {"redis_bytes": 400.0},
    "MB of memory after a restore": {"megabytes": 300.0},
}


@pytest.mark.parametrize(("name", "worse"), SLOW.items(), ids=SLOW)
def test_whatever_a_restore_takes_counts(name: str, worse: dict[str, Any]) -> None:
    (line,) = complaints(report(restored=[FAST]), report(restored=[FAST._replace(**worse)]))
    assert f"{name}, 1,000,000 users" in line


def test_a_failed_run_of_the_worker_or_of_the_ceiling_is_a_complaint_whatever_was_before() -> None:
    def failed(contender: str) -> Report:
        return report(failures=[Failure(contender, "scale, restore", "it ended by itself")])

    assert complaints(None, failed("songprint")) == ["failed: songprint, scale, restore: it ended by itself"]
    assert len(complaints(session(), failed("copy"))) == 1
    assert complaints(session(), failed("quix")) == []


def test_what_was_not_measured_before_is_not_compared() -> None:
    assert complaints(report(), session()) == []
    assert complaints(None, session()) == []
