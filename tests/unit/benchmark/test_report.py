"""Which runs are told of together, and which of them count."""

from dataclasses import replace

from tests.benchmark.latency import FOR_LATENCY
from tests.benchmark.verdict import Verdict
from tests.unit.benchmark.runs import latency, report, throughput


def test_runs_under_the_same_conditions_are_one_row_and_others_are_not() -> None:
    runs = [throughput(), throughput("quix"), replace(throughput(), batch=5), replace(throughput(), units=500)]
    rows = report(throughputs=runs * 2).throughput
    assert [(row.contender, row.units, row.batch, row.rate.runs) for row in rows] == [
        ("songprint", 128, 5, 2),
        ("songprint", 128, 20_000, 2),
        ("quix", 128, 20_000, 2),
        ("songprint", 500, 20_000, 2),
    ]


def test_how_a_contender_was_set_is_a_condition_of_its_latency() -> None:
    documented, tuned = latency("quix", p99=120.0), replace(latency("quix", p99=49.0), tuning=FOR_LATENCY.name)
    rows = report(latencies=[documented, tuned, latency("quix", rate=100)] * 2).latency
    assert [(row.tuning, row.rate, row.p99.median, row.p99.runs) for row in rows] == [
        ("as documented", 100, 18.0, 2),
        ("as documented", 1_000, 120.0, 2),
        ("for latency", 1_000, 49.0, 2),
    ]


def test_a_disturbed_run_counts_by_its_outputs_alone() -> None:
    disturbed = replace(throughput(rate=50_000, others=0.9), verdict=Verdict(0, 3, 0, 10))
    (row,) = report(throughputs=[throughput(rate=100_000), disturbed]).throughput
    assert (row.rate.median, row.rate.runs, row.others.most) == (100_000, 1, 0.1)
    assert (row.repeated, row.checked) == (3, 20)
