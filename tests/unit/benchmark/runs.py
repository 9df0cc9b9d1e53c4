"""Runs and reports as a session would have them, with the figures that a test cares about."""

from tests.benchmark.contender import AT_LEAST_ONCE, EXACTLY_ONCE, Contender
from tests.benchmark.latency import AS_DOCUMENTED, Latency
from tests.benchmark.report import Report, make_report
from tests.benchmark.results import Results
from tests.benchmark.statistics import Percentiles
from tests.benchmark.throughput import Throughput
from tests.benchmark.verdict import Verdict


def contender(name: str, *, labels: bool = True, promise: str = EXACTLY_ONCE) -> Contender:
    return Contender(name=name, title=f"the {name}", promise=promise, prepare=lambda _job: [], labels=labels)


COPY, WORKER = contender("copy", labels=False), contender("songprint")
QUIX = contender("quix", promise=AT_LEAST_ONCE)
CONTENDERS = [COPY, WORKER, QUIX]


def throughput(
    contender: str = "songprint",
    *,
    rate: float = 100_000.0,
    warm: float | None = None,
    cpu: float = 9.0,
    broker: float = 1.0,
    redis: float = 0.5,
    megabytes: float = 100.0,
    start: float = 1.0,
    others: float = 0.1,
) -> Throughput:
    used = {"contender": cpu, "broker": broker, "redis": redis}
    return Throughput(
        contender=contender,
        units=128,
        batch=20_000,
        workers=1,
        events=1_000,
        rate=rate,
        warm_rate=rate if warm is None else warm,
        start_seconds=start,
        cpu=used,
        warm_cpu=used,
        resident={"contender": round(megabytes * 1e6), "broker": 1, "redis": 1},
        verdict=Verdict(0, 0, 0, 10),
        mean_songs=13.0,
        others=others,
    )


def latency(
    contender: str = "songprint",
    *,
    p50: float = 5.0,
    p99: float = 18.0,
    p999: float = 30.0,
    rate: float = 1_000.0,
    share: float = 0.0,
) -> Latency:
    return Latency(
        contender=contender,
        units=128,
        batch=20_000,
        tuning=AS_DOCUMENTED.name,
        rate=rate,
        share=share,
        seconds=20.0,
        milliseconds=Percentiles(p50, p99, p999, 40.0),
        labels=20_000,
        cpu=0.2,
        others=0.1,
    )


def report(**results: object) -> Report:
    """Of a session's `Results`, which are given by their fields."""
    return make_report(CONTENDERS, Results(**results))  # type: ignore[arg-type]
