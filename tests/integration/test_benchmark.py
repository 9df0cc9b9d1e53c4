"""The benchmark's harness on real servers, with few events and a small model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]
import pytest

from tests.benchmark import command, session, throughput
from tests.benchmark.command import main
from tests.benchmark.report import Report
from tests.benchmark.servers import Servers, running_servers


def test_throughput_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "leave_on_signals", lambda: None)
    monkeypatch.setattr(session, "CACHE", tmp_path)
    monkeypatch.setattr(throughput, "QUIET_SECONDS", 0.5)
    brokers: list[list[str]] = []

    @contextmanager
    def looked_at(report: Callable[[str], None]) -> Iterator[Servers]:
        with running_servers(report) as servers:
            brokers.append(psutil.Process(servers.broker.session).cmdline())
            yield servers

    monkeypatch.setattr(session, "running_servers", looked_at)
    out = tmp_path / "result.json"
    size = ["--units", "8", "--events", "20000", "--repeat", "1", "--quiet", "0"]
    assert main(["throughput", "--contenders", "copy,songprint", *size, "--out", str(out)]) == 0
    report = msgspec.json.decode(out.read_bytes(), type=Report)
    assert report.failures == []
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
