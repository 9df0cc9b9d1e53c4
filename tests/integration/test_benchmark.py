"""The benchmark's harness on real servers, with few events and a small model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]
import pytest

from deploy.local.stack import KAFKA_VARIABLE, REDIS_VARIABLE
from tests.benchmark import command, restore, session, stages, throughput
from tests.benchmark.command import main
from tests.benchmark.report import Report
from tests.benchmark.scale import Point
from tests.benchmark.servers import Servers, running_servers
from tests.benchmark.steady import Steady

SMALL = ["--contenders", "copy,songprint", "--units", "8", "--repeat", "1", "--quiet", "0"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the model, which is made once."""
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(command, "leave_on_signals", lambda: None)
    monkeypatch.setattr(session, "CACHE", cache)
    monkeypatch.setattr(throughput, "QUIET_SECONDS", 0.5)


def measured(out: Path, *arguments: str) -> Report:
    assert main([*arguments, *SMALL, "--out", str(out)]) == 0
    report = msgspec.json.decode(out.read_bytes(), type=Report)
    assert report.failures == []
    return report


def test_throughput_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    brokers: list[list[str]] = []

    @contextmanager
    def looked_at(report: Callable[[str], None]) -> Iterator[Servers]:
        with running_servers(report) as servers:
            brokers.append(psutil.Process(servers.broker.session).cmdline())
            yield servers

    monkeypatch.setattr(session, "running_servers", looked_at)
    for variable in (KAFKA_VARIABLE, REDIS_VARIABLE):
        monkeypatch.setenv(variable, "127.0.0.1:1")  # servers that are given might hold what a benchmark deletes
    report = measured(tmp_path / "result.json", "throughput", "--events", "20000")
    (broker,) = brokers
    assert "kafka.Kafka" in broker
    assert not any("TieredStopAtLevel" in option for option in broker), "a broker is measured as it runs in production"
    copy, worker = report.throughput
    assert (copy.contender, worker.contender) == ("copy", "songprint")
    for row in (copy, worker):
        assert (row.events, row.missing, row.repeated, row.wrong) == (20_000, 0, 0, 0)
        assert row.megabytes.median > 10
    assert worker.checked > 1_000
    assert worker.mean_songs > 10


def test_latency_other_conditions_the_restore_and_single_steps_are_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The outputs of the changed playlists are compared with the model's, as those of a throughput run are."""
    monkeypatch.setattr(session, "WARM_SECONDS", 1.0)
    monkeypatch.setattr(session, "UNITS", 8)
    monkeypatch.setattr(session, "points", lambda _events: [Point("2 workers", Steady(events=4_000, users=200), 2)])
    monkeypatch.setattr(restore, "USERS", 2_000)
    monkeypatch.setattr(stages, "TURNS", 1)
    monkeypatch.setattr(stages, "CHUNKS", (64, 512))
    rates = ["--rate", "100", "--seconds", "2"]
    report = measured(tmp_path / "result.json", "latency", "scale", "stages", *rates)
    assert [(row.contender, row.rate, row.share) for row in report.latency] == [
        ("copy", 100, 0),
        ("songprint", 100, 0),
    ]
    for lag in report.latency:
        assert 0 < lag.p50.median <= lag.p99.median <= lag.p999.median
    row = report.scale["2 workers"]
    assert (row.workers, row.events, row.mean_songs) == (2, 4_000, 22)
    assert row.checked > 1_000
    (restored,) = report.restored
    assert restored.users == 2_000
    assert restored.redis_bytes.median > 22 * 8
    (steps,) = report.stages
    assert min(spread.median for spread in steps.microseconds.values()) > 0
    assert {"decode", "models merged into one, 64 at once"} <= steps.microseconds.keys()
    assert {
        *("read events", "publish and commit", "write states to Redis", "read states from Redis")
    } <= steps.microseconds.keys()
