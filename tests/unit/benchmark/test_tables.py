"""What people read of a report."""

from dataclasses import replace

from tests.benchmark.restore import Restored
from tests.benchmark.results import Failure
from tests.benchmark.scale import AS_USUAL
from tests.benchmark.stages import Stages
from tests.benchmark.statistics import spread
from tests.benchmark.tables import as_markdown
from tests.benchmark.verdict import Verdict
from tests.unit.benchmark.runs import latency, report, throughput


def test_every_figure_of_throughput_has_its_spread_and_what_it_is_of_the_others() -> None:
    runs = [
        throughput("copy", rate=200_000, cpu=3),
        throughput(rate=70_000, warm=80_000, cpu=8.0, megabytes=90),
        throughput(rate=80_000, warm=90_000, cpu=9.0, megabytes=100),
        throughput(rate=90_000, warm=100_000, cpu=10.0, megabytes=110),
        replace(throughput("quix", rate=20_000, warm=30_000), verdict=Verdict(0, 3, 0, 10)),
    ]
    lines = as_markdown(report(throughputs=runs)).splitlines()
    (worker,) = [line for line in lines if line.startswith("| the songprint ")]
    assert "| exactly once | 80,000 (70,000 to 90,000) | 90,000 (80,000 to 100,000) | 40% | 1.00 | 1.00 |" in worker
    assert "| 9.0 (8.0 to 10.0) | 9.0 (8.0 to 10.0) | 1.0 (1.0 to 1.0) | 0.5 (0.5 to 0.5) | 100 (90 to 110) |" in worker
    (peer,) = [line for line in lines if line.startswith("| the quix ")]
    assert peer.startswith("| the quix | at least once (3 repeated) | 20,000 ")
    assert "| 10% | 4.00 | 3.00 |" in peer


def test_all_parts_are_told() -> None:
    restored = Restored(users=1_000_000, warm_seconds=2.0, cold_seconds=8.0, redis_bytes=300.0, megabytes=200.0)
    table = as_markdown(
        report(
            throughputs=[throughput()],
            latencies=[latency(), latency(rate=56_195.2, share=0.7)],
            points={AS_USUAL: [throughput()], "2 workers": [throughput(rate=150_000)]},
            restored=[restored, restored._replace(cold_seconds=10.0), restored._replace(cold_seconds=9.0)],
            stages=[Stages(128, {"decode": spread([0.5, 0.7, 0.6])})],
            failures=[Failure("quix", "throughput, 128 units", "it stands still")],
            left_out=["faust skipped: there is no compiler"],
        )
    )
    for told in (
        "### Throughput, 128 units, transactions of at most 20,000 events",
        "### Latency, 128 units",
        "| the songprint, set as documented | exactly once | 1,000 | 5.0 (5.0 to 5.0) | 18.0 (18.0 to 18.0) | "
        "30.0 (30.0 to 30.0) | 0.20 (0.20 to 0.20) | 0.10 (0.10 to 0.10) |",
        "| 56,195 (70% of capacity) |",
        "| 2 workers | 150,000 (150,000 to 150,000) | 9.0 (9.0 to 9.0) | 13.0 | 100 (100 to 100) | 1.0 (1.0 to 1.0) |",
        "| 1,000,000 | 2.0 (2.0 to 2.0) | 9.0 (8.0 to 10.0) | 300 (300 to 300) | 200 (200 to 200) |",
        "### What a stream needs",
        "### Steps alone, 128 units",
        "| decode | 0.60 (0.50 to 0.70) |",
        "- quix, throughput, 128 units: it stands still",
        "- faust skipped: there is no compiler",
    ):
        assert told in table
    rows = [line for line in table.splitlines() if line.startswith("|")]
    widths = [line.count(" | ") for line in rows]
    heads = [index for index, line in enumerate(rows) if set(line) <= set("| -")]
    assert len(heads) == 6
    for head, end in zip(heads, [*[head - 1 for head in heads[1:]], len(rows)], strict=True):
        assert len(set(widths[head - 1 : end])) == 1, "a row has as many cells as its head"


def test_what_was_not_measured_takes_no_room() -> None:
    assert "###" not in as_markdown(report())
