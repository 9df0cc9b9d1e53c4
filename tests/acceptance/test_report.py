"""The report counts what was injected, and hides neither a broken promise nor a fault that did not come about."""

import json
from pathlib import Path

import pytest

from tests.acceptance import report
from tests.acceptance.checks import Finding
from tests.acceptance.injection import Outcome
from tests.acceptance.run import Result
from tests.acceptance.system import Plan

KILL, REDIS = "kill -9", "Redis emptied"


def result(seed: int, *outcomes: Outcome, findings: tuple[Finding, ...] = (), protocol: str = "classic") -> Result:
    return Result(
        Plan(seed, 1.0, group_protocol=protocol),
        1_000,
        list(outcomes),
        list(findings),
        [],
        seconds=90.0,
        load=2.0 + seed,
    )


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    runs = [
        result(1, Outcome(KILL, True, "", 2.0), Outcome(KILL, True, "", 6.0), Outcome(REDIS, False, "", 9.0)),
        result(2, Outcome(KILL, True, "", 3.0), Outcome(REDIS, True, "not within 60 s", None)),
    ]
    paths = [tmp_path / f"seed-{run.plan.seed}.json" for run in runs]
    for path, run in zip(paths, runs, strict=True):
        report.write(path, run)
    return [str(path) for path in paths]


def test_faults_of_several_runs_are_one_table(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(files) == 0
    told = capsys.readouterr().out
    assert f"| {KILL} | 3 | 0 | 3.0 s | 6.0 s |" in told
    assert f"| {REDIS} | 1 | 1 | - | - |" in told, "what came together with another fault is not timed"
    assert "4 faults, 2 seeds, 2,000 events: the promise was kept in every run." in told
    assert "3 minutes on" in told
    assert "load at the ends 3 to 4" in told
    assert "1 more faults did not come about" in told


def test_a_broken_promise_is_named_by_its_seed(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    broken = result(3, Outcome(KILL, True, "", 1.0), findings=(Finding("check", "an event without a label"),))
    path = Path(files[0]).with_name("seed-3.json")
    report.write(path, broken)
    report.main([*files, str(path)])
    assert "the promise was broken with the seeds [3]" in capsys.readouterr().out
    assert json.loads(path.read_text())["findings"] == [{"check": "check", "difference": "an event without a label"}]


def test_the_group_protocols_have_a_table_each(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(files[0]).with_name("seed-3.json")
    report.write(path, result(3, Outcome(KILL, True, "", 21.0), protocol="consumer"))
    report.main([*files, str(path)])
    classic, consumer = capsys.readouterr().out.split("Group protocol consumer, seeds 3:")
    assert "Group protocol classic, seeds 1, 2:" in classic
    assert f"| {KILL} | 3 | 0 | 3.0 s | 6.0 s |" in classic
    assert f"| {KILL} | 1 | 0 | 21.0 s | 21.0 s |" in consumer
