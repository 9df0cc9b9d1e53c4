"""One run of throughput: when it is over, and what it says of itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pytest

from tests.benchmark import own
from tests.benchmark import throughput as module
from tests.benchmark.contender import Contender, Contention, Job
from tests.benchmark.model import Model
from tests.benchmark.outputs import Outputs
from tests.benchmark.throughput import GROUPS, Throughput, measure_job, wait_until_committed, wait_until_done
from tests.benchmark.usage import OTHERS, Sample, Usage
from tests.benchmark.verdict import Verdict
from tests.benchmark.workload import Workload
from tests.unit.benchmark.runs import WORKER

COMPLETE = Verdict(missing=0, repeated=0, wrong=0, checked=10)
TIMES = np.array([100.0, 110, 120, 130, 132, 134, 136, 138, 140, 142, 144])
WORKLOAD = Workload(events=len(TIMES), users=2)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Throughput]:
    """Measures a run whose outputs came at TIMES and are as a verdict says. From 100 to 144 one core was busy."""
    usage, using = Usage({}), MagicMock()
    groups = (*GROUPS, OTHERS)
    usage.samples += [Sample(at, dict.fromkeys(groups, at), dict.fromkeys(groups, 5)) for at in (100, 144)]
    using.return_value.__enter__.return_value = usage
    parts = {"Running": MagicMock(), "Usage": using, "process_groups": Mock(), "wait_until_done": Mock()}
    for name, part in parts.items():
        monkeypatch.setattr(module, name, part)
    monkeypatch.setattr(module, "read_outputs", lambda *_, **__: Outputs(TIMES, [Mock(songs=20), Mock(songs=24)]))
    monkeypatch.setattr(module.time, "time", lambda: 98.0)
    bench: Any = SimpleNamespace(log=lambda _job: tmp_path / "log")
    job = Job(Mock(), "events", "labels", "songprint-1", Model(tmp_path, 128, 200), 10, tmp_path)

    def measure(verdict: Verdict, contender: Contender = WORKER) -> Throughput:
        monkeypatch.setattr(module, "judge_labels", lambda *_: verdict)
        return measure_job(bench, contender, job, [], WORKLOAD)

    return measure


def test_a_run_is_told_as_a_whole_and_once_it_is_warm(run: Callable[[Verdict], Throughput]) -> None:
    found = run(COMPLETE)
    assert (found.rate, found.warm_rate) == (pytest.approx(10 / 44), pytest.approx(7 / 14)), "without the first 30 %"
    assert found.cpu == pytest.approx(dict.fromkeys(GROUPS, 44 / 10 * 1e6))
    assert found.warm_cpu == pytest.approx(dict.fromkeys(GROUPS, 14 / 7 * 1e6))
    assert (found.events, found.start_seconds, found.mean_songs, found.others) == (11, 2.0, 22.0, 1.0)
    assert found.resident == dict.fromkeys(GROUPS, 5)


def test_those_that_commit_offsets_are_done_when_they_have_committed_all(
    run: Callable[..., Throughput], monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = Mock()
    monkeypatch.setattr(module, "wait_until_committed", committed)
    run(COMPLETE)
    committed.assert_not_called()
    run(COMPLETE, replace(WORKER, commits_offsets=True))
    committed.assert_called_once()
    assert own.WORKER.commits_offsets
    assert own.COPY.commits_offsets


@pytest.mark.parametrize("broken", [{"missing": 1}, {"repeated": 1}, {"wrong": 1}, {"checked": 0}])
def test_a_run_that_breaks_its_promise_has_no_figures(
    broken: dict[str, int], run: Callable[[Verdict], Throughput]
) -> None:
    with pytest.raises(Contention, match="songprint-1 promises every output exactly once, but: "):
        run(COMPLETE._replace(**broken))


def job_that_has(ends: list[int]) -> Any:
    """A job whose outputs end there, look after look."""
    servers = Mock(ends=Mock(side_effect=ends))
    return Mock(servers=servers, group="quix-1")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0)
    monkeypatch.setattr(module, "QUIET_SECONDS", 0)


@pytest.mark.usefixtures("impatient")
def test_a_run_is_over_once_there_are_as_many_outputs_as_events() -> None:
    job = job_that_has([3, 9, 11])
    wait_until_done(job, Mock(ended=lambda: None), 11)
    assert job.servers.ends.call_count == 3


@pytest.mark.usefixtures("impatient")
def test_outputs_of_aborted_transactions_do_not_make_a_run_look_done() -> None:
    servers = Mock(ends=Mock(return_value=11), committed=Mock(side_effect=[3, 3, 11]))
    wait_until_committed(Mock(servers=servers, group="songprint-1", events="events"), Mock(ended=lambda: None))
    assert servers.committed.call_count == 3
    servers.committed.assert_called_with("songprint-1", "events")
    servers.ends.assert_called_once_with("events")


@pytest.mark.usefixtures("impatient")
def test_a_contender_that_stands_still_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED_SECONDS", -1)
    with pytest.raises(Contention, match="quix-1 stands still after 5 of 11 events"):
        wait_until_done(job_that_has([3, 5, 5]), Mock(ended=lambda: None), 11)


@pytest.mark.usefixtures("impatient")
def test_a_contender_that_ends_is_told_with_the_end_of_its_log() -> None:
    with pytest.raises(Contention, match=r"quix-1 ended by itself; its log .*\nout of memory"):
        wait_until_done(job_that_has([3, 5]), Mock(ended=lambda: "out of memory"), 11)
