"""Which runs a session makes, in which order, and what it says of those that it does not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from tests.benchmark import session as module
from tests.benchmark.contender import Contender, Contention, Unavailable
from tests.benchmark.environments import CACHE
from tests.benchmark.results import Failure, Results
from tests.benchmark.scale import points
from tests.benchmark.session import Plan, Session
from tests.unit.benchmark.runs import COPY, QUIX, WORKER, throughput

PLAN = Plan([COPY, WORKER], [128], [20_000], events=1_000, repeat=2, rates=[100], seconds=1, quiet_seconds=0)

LOGS = CACHE / "logs"


class Runs:
    """Stands for every measurement, and remembers what was measured."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.tunings: list[str] = []
        self.fail: Callable[[str], bool] = lambda _name: False
        self.failure: Callable[[str], Exception] = Contention

    def throughput(self, _bench: object, contender: Contender, *_: object, run: str, batch: int) -> object:
        self.made.append(contender.name)
        if self.fail(contender.name):
            raise self.failure(f"{contender.name}-{run} stands still; see {LOGS}/{contender.name}-{run}.log\nand so on")
        return throughput(contender.name, rate={"copy": 300_000.0}.get(contender.name, 80_000.0))

    def latency(
        self, _bench: object, contender: Contender, *_: object, rate: float, share: float, **more: Any
    ) -> object:
        self.made.append((contender.name, rate, share))
        self.tunings.append(more["tuning"].name)
        return Mock()

    def point(self, _bench: object, point: Any, model: tuple[int, int], **_: Any) -> object:
        assert model == (128, point.workload.vocabulary)
        self.made.append(point.question)
        return Mock()

    def stages(self, _bench: object, model: tuple[int, int], *, run: str) -> object:
        self.made.append(model)
        return Mock()

    def restore(self, *_: object, **__: Any) -> object:
        self.made.append("restore")
        return Mock()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runs:
    made = Runs()

    @contextmanager
    def running_servers(_tell: object) -> Iterator[object]:
        yield SimpleNamespace(clean=lambda: made.made.append("clean"))

    monkeypatch.setattr(module, "running_servers", running_servers)
    monkeypatch.setattr(module, "CACHE", tmp_path)
    monkeypatch.setattr(module, "wait_until_quiet", Mock())
    monkeypatch.setattr(module, "make_model", lambda _cache, units, vocabulary: (units, vocabulary))
    for name in ("throughput", "latency", "point", "restore", "stages"):
        monkeypatch.setattr(module, f"measure_{name}", getattr(made, name))
    return made


def test_all_run_once_before_any_runs_again_and_leave_nothing_behind(runs: Runs) -> None:
    results = Results()
    with Session(PLAN, results, Mock()) as session:
        session.throughput()
    assert runs.made == ["copy", "clean", "songprint", "clean"] * 2
    assert [run.contender for run in results.throughputs] == ["copy", "songprint"] * 2


def test_contenders_take_turns_under_each_condition(runs: Runs) -> None:
    with Session(replace(PLAN, units=[128, 500], repeat=1), Results(), Mock()) as session:
        session.throughput()
    assert [made for made in runs.made if made != "clean"] == ["copy", "songprint"] * 2


def test_a_quiet_machine_is_waited_for_before_each_run(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "wait_until_quiet", lambda _cores, patience: runs.made.append(patience))
    with Session(replace(PLAN, repeat=1, quiet_seconds=30), Results(), Mock()) as session:
        session.throughput()
    assert runs.made == [30, "copy", "clean", 30, "songprint", "clean"]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (Contention, "copy-1 stands still; see build/benchmark/logs/copy-1.log\nand so on"),
        (ValueError, r"ValueError('copy-1 stands still; see build/benchmark/logs/copy-1.log\nand so on')"),
    ],
)
def test_a_failure_is_told_by_its_conditions_and_the_others_go_on(
    runs: Runs, failure: Callable[[str], Exception], said: str
) -> None:
    runs.fail = lambda name: name == "copy"
    runs.failure = failure
    results, told = Results(), Mock()
    with Session(replace(PLAN, repeat=1), results, told) as session:
        session.throughput()
    what = "throughput, 128 units, batches of 20,000"
    assert results.failures == [Failure("copy", what, said.splitlines()[0])]
    told.assert_any_call(f"failed: copy, {what}: {said}")
    assert [run.contender for run in results.throughputs] == ["songprint"]
    assert runs.made == ["copy", "clean", "songprint", "clean"]


def test_who_cannot_be_set_up_is_skipped_with_a_word(runs: Runs) -> None:
    absent = replace(QUIX, set_up=Mock(side_effect=Unavailable("there is no mvn on the PATH")))
    results = Results()
    with Session(replace(PLAN, contenders=[absent, WORKER], repeat=1), results, Mock()) as session:
        session.throughput()
    assert results.left_out == ["quix skipped: there is no mvn on the PATH"]
    assert [run.contender for run in results.throughputs] == ["songprint"]
    assert results.failures == []


def test_a_share_of_the_capacity_is_tried_with_those_whose_capacity_is_known(runs: Runs) -> None:
    results = Results()
    with Session(replace(PLAN, contenders=[COPY, WORKER, QUIX], repeat=1), results, Mock()) as session:
        results.throughputs += [throughput("copy"), *(throughput(rate=rate) for rate in (70_000, 80_000, 81_000))]
        results.throughputs += [replace(throughput(rate=20_000), units=500) for _ in range(4)]
        session.latency()
    assert [made for made in runs.made if made != "clean"] == [
        ("copy", 100, 0.0),
        ("songprint", 100, 0.0),
        ("quix", 100, 0.0),
        ("songprint", pytest.approx(56_000), 0.7),
    ]
    assert results.left_out == [
        "copy, latency at 70% of capacity: nothing here paces events as fast as it copies them",
        "quix, latency at 70% of capacity: this session has no throughput of it to take a share of",
    ]


def test_who_commits_by_time_is_tried_as_documented_and_tuned(runs: Runs) -> None:
    results = Results()
    with Session(replace(PLAN, contenders=[replace(QUIX, commits_by_time=True)], repeat=1), results, Mock()) as session:
        session.latency()
    assert [made for made in runs.made if made != "clean"] == [("quix", 100, 0.0)] * 2
    assert runs.tunings == ["as documented", "for latency"]


def test_steps_alone_are_measured_with_each_width(runs: Runs) -> None:
    results = Results()
    with Session(replace(PLAN, units=[128, 500]), results, Mock()) as session:
        session.stage()
    assert [made for made in runs.made if made != "clean"] == [(128, 16_692), (500, 16_692)]
    assert len(results.stages) == 2


def test_conditions_and_the_restore_are_repeated_as_often_as_everything_else(runs: Runs) -> None:
    results = Results()
    with Session(PLAN, results, Mock()) as session:
        session.scale()
    once = [*(point.question for point in points(1_000)), "restore"]
    assert [made for made in runs.made if made != "clean"] == once * 2
    assert len(results.restored) == 2
    assert {len(several) for several in results.points.values()} == {2}
