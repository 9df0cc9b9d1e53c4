"""The benchmark's harness on real servers, with few events and a small model."""

from pathlib import Path

import msgspec
import pytest

from tests.benchmark import command, session, throughput
from tests.benchmark.command import main
from tests.benchmark.report import Report


def test_throughput_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "leave_on_signals", lambda: None)
    monkeypatch.setattr(session, "CACHE", tmp_path)
    monkeypatch.setattr(throughput, "QUIET_SECONDS", 0.5)
    out = tmp_path / "result.json"
    size = ["--units", "8", "--events", "20000", "--repeat", "1", "--quiet", "0"]
    assert main(["throughput", "--contenders", "copy,songprint", *size, "--out", str(out)]) == 0
    report = msgspec.json.decode(out.read_bytes(), type=Report)
    assert report.failures == []
    copy, worker = report.throughput
    assert (copy.contender, worker.contender) == ("copy", "songprint")
    for row in (copy, worker):
        assert (row.events, row.missing, row.repeated, row.wrong) == (20_000, 0, 0, 0)
        assert row.megabytes.median > 10
    assert worker.checked > 1_000
    assert worker.mean_songs > 10
