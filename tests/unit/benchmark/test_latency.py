"""Which of the labels count in a latency, and from when on."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from tests.benchmark import latency as module
from tests.benchmark.contender import Command, Job
from tests.benchmark.latency import AS_DOCUMENTED, FOR_LATENCY, Latency, measure_latency
from tests.benchmark.model import Model
from tests.benchmark.reader import Arrived
from tests.benchmark.usage import OTHERS
from tests.unit.benchmark.runs import WORKER


def labels(arrival: float, *due: float) -> Arrived:
    """Labels of events that were due then, read together at `arrival`."""
    times = [datetime.fromtimestamp(at, UTC).isoformat() for at in due]
    return Arrived([Mock(value=Mock(return_value=b'{"at":"%b"}' % each.encode())) for each in times], arrival)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A run over servers that are not there: its result, its job, what it asked for, and the cores that it counted."""
    jobs: list[Job] = []
    read = Mock(return_value=[labels(1000.4, 1000.0, 1000.1), labels(1008.03, 1008.0, 1008.02), labels(1012.6, 1012.5)])
    usage = Mock(cpu_between=Mock(side_effect=lambda name, _start, _stop: {"contender": 4.0, OTHERS: 2.0}[name]))
    using = MagicMock()
    using.return_value.__enter__.return_value = usage
    replaced = {"Running": MagicMock(), "LabelReader": MagicMock(), "Usage": using, "read_paced": read}
    for name, part in {**replaced, "process_groups": Mock()}.items():
        monkeypatch.setattr(module, name, part)
    bench: Any = SimpleNamespace(servers=Mock(brokers="broker"), scratch=tmp_path, log=lambda _job: tmp_path / "log")

    def prepare(job: Job) -> list[Command]:
        jobs.append(job)
        return []

    result = measure_latency(
        bench,
        replace(WORKER, prepare=prepare),
        Model(tmp_path, 128, 200),
        run="1",
        batch=10,
        rate=50.0,
        share=0.7,
        seconds=4.0,
        warm_seconds=8.0,
        tuning=FOR_LATENCY,
    )
    return SimpleNamespace(result=result, job=jobs[0], read=read, cores=usage.cpu_between)


def test_what_is_due_while_everything_warms_up_does_not_count(measured: SimpleNamespace) -> None:
    found: Latency = measured.result
    assert found.labels == 3
    assert found.milliseconds.most == pytest.approx(100, abs=0.01)
    assert found.milliseconds.p50 == pytest.approx(30, abs=0.01), "from when it was due, in milliseconds"
    assert (found.cpu, found.others) == (1.0, 0.5)
    assert [call.args[1:] for call in measured.cores.call_args_list] == [(1008.0, 1012.0)] * 2, (
        "the same stretch of time"
    )


def test_the_producer_keeps_the_rate_while_everything_warms_up_too(measured: SimpleNamespace) -> None:
    command, _, _, count, seconds = measured.read.call_args.args
    assert command == [
        *(sys.executable, "-m", "tests.benchmark.pace", "broker", "songprint-1-events"),
        *("--rate", "50.0", "--seconds", "12.0"),
    ]
    assert (count, seconds) == (600, 12.0)


def test_who_commits_by_time_is_told_how_often(measured: SimpleNamespace) -> None:
    assert AS_DOCUMENTED[1:] == (100, 5), "as Kafka Streams is where it is set for exactly once alone"
    assert (measured.job.commit_ms, measured.job.linger_ms) == (10, 0)
    assert measured.job.environment().items() >= {"BENCH_COMMIT_MS": "10", "BENCH_LINGER_MS": "0"}.items()
    assert measured.result.tuning == "for latency"
