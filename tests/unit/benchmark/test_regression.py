"""What counts as slower."""

from tests.benchmark.contender import Contender
from tests.benchmark.latency import AS_DOCUMENTED, Latency
from tests.benchmark.regression import figures, slower
from tests.benchmark.report import Report, make_report
from tests.benchmark.results import Results
from tests.benchmark.statistics import Percentiles
from tests.benchmark.tables import as_markdown
from tests.benchmark.throughput import Throughput
from tests.benchmark.verdict import Verdict

CONTENDERS = [
    Contender(name=name, title=f"the {name}", promise="exactly once", prepare=lambda _job: [])
    for name in ("copy", "songprint")
]


def throughput(contender: str, rate: float, cpu: float) -> Throughput:
    used = {"contender": cpu, "broker": 1.0, "redis": 0.5}
    return Throughput(
        contender=contender,
        units=128,
        batch=20_000,
        workers=1,
        events=1_000,
        rate=rate,
        warm_rate=rate,
        start_seconds=1.0,
        cpu=used,
        warm_cpu=used,
        resident={"contender": 100_000_000, "broker": 1, "redis": 1},
        verdict=Verdict(0, 0, 0, 10),
        mean_songs=13.0,
        others=0.1,
    )


def session(*, ceiling: float = 200_000.0, rate: float = 100_000.0, cpu: float = 9.0, p99: float = 18.0) -> Report:
    latency = Latency(
        "songprint", 128, 20_000, AS_DOCUMENTED.name, 1_000.0, 20.0, Percentiles(5.0, p99, 30.0, 40.0), 20_000, 0.2, 0.1
    )
    runs = [throughput("copy", ceiling, 3.0), throughput("songprint", rate, cpu)]
    return make_report(CONTENDERS, Results(runs, [latency]))


def changes(before: Report, now: Report) -> list[str]:
    return slower(figures(before), figures(now))


def test_the_same_is_not_slower() -> None:
    assert changes(session(), session()) == []


def test_a_tenth_is_forgiven_and_more_is_not() -> None:
    assert changes(session(), session(rate=92_000)) == []
    (line,) = changes(session(), session(rate=85_000))
    assert "events/s" in line


def test_cost_and_latency_count_too() -> None:
    assert len(changes(session(), session(cpu=10.5))) == 1
    (line,) = changes(session(), session(p99=25.0))
    assert "p99 ms at 1000 events/s" in line


def test_faster_is_no_complaint() -> None:
    assert changes(session(), session(rate=150_000, cpu=5.0, p99=9.0)) == []


def test_a_slower_machine_is_not_a_slower_worker() -> None:
    assert changes(session(), session(ceiling=100_000, rate=50_000)) == []


def test_what_was_not_measured_before_is_not_compared() -> None:
    before = make_report(CONTENDERS, Results())
    assert changes(before, session()) == []


def test_the_table_tells_figures_promises_and_failures() -> None:
    runs = [throughput("copy", 200_000, 3), throughput("songprint", 80_000, 9)]
    report = make_report(CONTENDERS, Results(runs, failures=["quix: no"]))
    table = as_markdown(report)
    assert "| the songprint | exactly once | 80,000 (80,000 to 80,000) | 80,000 | 40% | 9.0 |" in table
    assert "- quix: no" in table
