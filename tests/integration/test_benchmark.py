"""The benchmark's harness on real servers, with small figures: everything that it will run for hours runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.benchmark import command, restore, scale, session, throughput
from tests.benchmark.command import main
from tests.benchmark.report import Report

UNITS = 8


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Report]:
    """Runs the command with a small model; its report."""
    monkeypatch.setattr(command, "leave_on_signals", lambda: None)
    monkeypatch.setattr(session, "CACHE", tmp_path)
    monkeypatch.setattr(session, "UNITS", UNITS)
    monkeypatch.setattr(throughput, "QUIET_SECONDS", 1.0)
    monkeypatch.setattr(restore, "USERS", 500)
    usual = scale.Steady(events=5_000, users=500, songs=5)
    monkeypatch.setattr(session, "points", lambda _events: [scale.Point("2 workers", usual, 2)])

    def run(*words: str) -> Report:
        out = tmp_path / "result.json"
        options: dict[str, Any] = {"units": UNITS, "events": 20_000, "repeat": 1, "quiet": 0, "out": out}
        given = [f"--{name}={value}" for name, value in options.items()]
        assert main([*words, *given, "--contenders=copy,songprint"]) == 0
        return msgspec.json.decode(out.read_bytes(), type=Report)

    return run


def test_throughput_and_scale_are_measured(small: Callable[..., Report]) -> None:
    report = small("throughput", "scale")
    assert report.failures == []
    copy, worker = report.throughput
    assert (copy.contender, worker.contender) == ("copy", "songprint")
    for row in (copy, worker):
        assert (row.events, row.missing, row.repeated, row.wrong) == (20_000, 0, 0, 0)
        assert row.cpu.median >= 0
        assert row.megabytes.median > 10
    assert worker.checked > 1_000
    assert worker.mean_songs > 10
    scaled = report.scale["2 workers"]
    assert (scaled.workers, scaled.events, scaled.mean_songs) == (2, 5_000, 5.0)
    (restored,) = report.restored
    assert restored.users == 500
    assert restored.redis_bytes.median > 10 * 8
