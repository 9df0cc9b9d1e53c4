"""The results of a session as a document: medians and spreads of runs under the same conditions."""

import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]

from tests.benchmark.contender import Contender
from tests.benchmark.latency import Latency
from tests.benchmark.restore import Restored
from tests.benchmark.results import Failure, Results
from tests.benchmark.stages import Stages
from tests.benchmark.statistics import Spread, spread
from tests.benchmark.throughput import Throughput, quiet

FORMAT = 1


class ThroughputRow(msgspec.Struct, frozen=True):
    """Repeated runs of one contender under the same conditions."""

    contender: str
    units: int
    batch: int
    workers: int
    events: int
    rate: Spread
    warm_rate: Spread
    cpu: Spread
    warm_cpu: Spread
    broker_cpu: Spread
    redis_cpu: Spread
    megabytes: Spread
    start_seconds: Spread
    mean_songs: float
    missing: int
    repeated: int
    wrong: int
    checked: int
    others: Spread


class LatencyRow(msgspec.Struct, frozen=True):
    contender: str
    units: int
    tuning: str
    rate: float
    p50: Spread
    p99: Spread
    p999: Spread
    cores: Spread
    others: Spread
    share: float = 0.0
    """Of what the contender can do, where the rate was chosen by that."""


class RestoredRow(msgspec.Struct, frozen=True):
    """Repeated starts of the worker with the states of as many users."""

    users: int
    warm_seconds: Spread
    cold_seconds: Spread
    redis_bytes: Spread
    megabytes: Spread


class About(msgspec.Struct, frozen=True):
    """A contender."""

    title: str
    promise: str


class Report(msgspec.Struct, frozen=True):
    format: int
    taken: str
    machine: dict[str, Any]
    contenders: dict[str, About]
    throughput: list[ThroughputRow]
    latency: list[LatencyRow]
    scale: dict[str, ThroughputRow]
    """By what is different from the usual."""
    restored: list[RestoredRow]
    stages: list[Stages]
    failures: list[Failure]
    left_out: list[str] = []


def encoded(report: Report) -> bytes:
    """As a JSON file."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def make_report(contenders: Iterable[Contender], results: Results) -> Report:
    runs = _alike(results.throughputs, lambda run: (run.units, run.batch))
    latencies = _alike(results.latencies, _load)
    return Report(
        FORMAT,
        datetime.now(UTC).isoformat(timespec="seconds"),
        _machine(),
        {each.name: About(each.title, each.promise) for each in contenders},
        list(map(_throughput_row, runs)),
        list(map(_latency_row, latencies)),
        {question: _throughput_row(runs) for question, runs in results.points.items() if runs},
        _restored_rows(results.restored),
        results.stages,
        results.failures,
        results.left_out,
    )


def _load(run: Latency) -> tuple[int, float, float, str]:
    """What latency runs under the same conditions have in common; a share of the capacity is another rate for each."""
    return run.units, run.share, 0.0 if run.share else run.rate, run.tuning


def _alike(results: Iterable[Any], conditions: Callable[[Any], tuple[Any, ...]]) -> list[list[Any]]:
    """Runs under the same conditions, together, in the order in which they came up."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for result in results:
        groups.setdefault((*conditions(result), result.contender), []).append(result)
    return [groups[key] for key in sorted(groups, key=lambda key: key[:-1])]


def _throughput_row(all_runs: Sequence[Throughput]) -> ThroughputRow:
    verdicts = [run.verdict for run in all_runs]
    runs = quiet(all_runs)
    first = runs[0]
    return ThroughputRow(
        first.contender,
        first.units,
        first.batch,
        first.workers,
        first.events,
        spread([run.rate for run in runs]),
        spread([run.warm_rate for run in runs]),
        spread([run.cpu["contender"] for run in runs]),
        spread([run.warm_cpu["contender"] for run in runs]),
        spread([run.cpu["broker"] for run in runs]),
        spread([run.cpu["redis"] for run in runs]),
        spread([run.resident["contender"] / 1e6 for run in runs]),
        spread([run.start_seconds for run in runs]),
        first.mean_songs,
        missing=sum(verdict.missing for verdict in verdicts),
        repeated=sum(verdict.repeated for verdict in verdicts),
        wrong=sum(verdict.wrong for verdict in verdicts),
        checked=sum(verdict.checked for verdict in verdicts),
        others=spread([run.others for run in runs]),
    )


def _latency_row(runs: Sequence[Latency]) -> LatencyRow:
    first = runs[0]
    return LatencyRow(
        first.contender,
        first.units,
        first.tuning,
        first.rate,
        spread([run.milliseconds.p50 for run in runs]),
        spread([run.milliseconds.p99 for run in runs]),
        spread([run.milliseconds.p999 for run in runs]),
        spread([run.cpu for run in runs]),
        spread([run.others for run in runs]),
        first.share,
    )


def _restored_rows(results: Sequence[Restored]) -> list[RestoredRow]:
    rows = []
    for users in dict.fromkeys(each.users for each in results):
        columns = zip(*(each[1:] for each in results if each.users == users), strict=True)
        rows.append(RestoredRow(users, *map(spread, columns)))
    return rows


def _machine() -> dict[str, Any]:
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
