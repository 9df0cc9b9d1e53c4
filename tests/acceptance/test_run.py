"""A run is what its seed says, and tells what broke: the seed, the check and the first record that differs."""

from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.acceptance import __main__ as command
from tests.acceptance import run as run_module
from tests.acceptance.checks import Finding
from tests.acceptance.faults import FAULTS
from tests.acceptance.group import Ending
from tests.acceptance.injection import Fault, Injection, Missed, Outcome, inject
from tests.acceptance.run import Result
from tests.acceptance.schedule import deck
from tests.acceptance.system import Plan
from worker.watermark import Identity, Watermark

KILL = "kill -9"
FINDING = Finding("check_outcomes", "the outcome of the event at (2, 17): `songs` is 3, expected 4")
CRASH = Ending("w0", 1, "Traceback (most recent call last):\nKeyError: 'x'")
REFUSED = Ending("w0", 1, "error: Kafka is not there; start it")


def result(findings: tuple[Finding, ...] = (), endings: tuple[Ending, ...] = (), seconds: float | None = 2.0) -> Result:
    outcomes = [Outcome(KILL, True, "", seconds), Outcome("poison", True, "not within 120 s", None)]
    return Result(Plan(7, 1.0), 1_000, outcomes, list(findings), list(endings), seconds=90.0, load=1.0)


@pytest.mark.parametrize(
    ("run", "passed"),
    [
        (result(), True),
        (result(endings=(REFUSED,)), True),
        (result(findings=(FINDING,)), False),
        (result(endings=(CRASH,)), False),
        (result(endings=(REFUSED._replace(status=-11),)), False),
        (result(seconds=None), False),
    ],
    ids=["kept", "a worker that said why it ended", "a finding", "a traceback", "a segmentation fault", "no labels"],
)
def test_the_promise_is_kept_if_nothing_differs_and_nobody_crashed_and_labels_came_back(
    run: Result, passed: bool
) -> None:
    assert run.passed == passed


@pytest.mark.parametrize("found", [(), (FINDING,)], ids=["kept", "broken"])
def test_a_failure_tells_the_seed_and_the_first_difference(
    found: tuple[Finding, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "leave_on_signals", lambda: None)
    monkeypatch.setattr(command, "kept_bundles", lambda _folder: [])
    monkeypatch.setattr(command, "run", lambda *_arguments: result(findings=found))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    arguments = ["--seed", "7", "--results", str(tmp_path)]
    if found:
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == 1
    else:
        assert command.main(arguments) == 0
    told = capsys.readouterr().out
    assert (f"seed 7: {FINDING.check}: {FINDING.difference}" in told) == bool(found)
    assert f"seed 7: 1 faults, 1000 events: the promise was {'BROKEN' if found else 'kept'}" in told


def test_an_interrupted_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_arguments: object) -> Result:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "leave_on_signals", lambda: None)
    monkeypatch.setattr(command, "kept_bundles", lambda _folder: [])
    monkeypatch.setattr(command, "run", interrupt)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert command.main(["--results", str(tmp_path)]) == command.INTERRUPTED
    assert "stopped before there was a verdict" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.json"))


def names(seed: int) -> list[list[str]]:
    return [[fault.name for fault in some] for some in deck(list(FAULTS.values()), Random(seed))]


def test_the_seed_decides_which_faults_come_when() -> None:
    assert names(1) == names(1)
    assert list(chain(*names(1))) != list(chain(*names(2)))


def test_every_fault_comes_alone_or_with_others_that_strike_elsewhere() -> None:
    sizes = set()
    for seed in range(20):
        dealt = names(seed)
        assert sorted(name for some in dealt for name in some) == sorted(FAULTS)
        for some in dealt:
            assert len({FAULTS[name].part for name in some}) == len(some)
            sizes.add(len(some))
    assert {1, 2, 3} <= sizes


def misses(_injection: Injection) -> None:
    raise Missed("no worker came to the step")


def breaks(_injection: Injection) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("deed", "why"),
    [(misses, "no worker came to the step"), (breaks, "ZeroDivisionError"), (lambda _injection: None, "never struck")],
)
def test_a_fault_that_did_not_come_about_is_not_counted(deed: object, why: str) -> None:
    fault = Fault("a fault", "worker", deed)  # type: ignore[arg-type]
    outcome = inject(fault, Injection(None, Random(1)), 1.0, alone=True)  # type: ignore[arg-type]
    assert why in outcome.missed


class Group:
    """Writes down what is done with the workers."""

    names = ("w0", "w1")

    def __init__(self) -> None:
        self.done: list[str] = []

    def stop(self) -> None:
        self.done.append("stop")

    def start(self, name: str) -> None:
        self.done.append(name)

    def wait_ready(self) -> None:
        self.done.append("ready")


@pytest.mark.parametrize("answers", [[True], [False, False, True], []], ids=["at once", "later", "never"])
def test_at_the_end_all_workers_are_stopped_and_started_once_more(
    answers: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they find must be all that there is to go on from."""
    left = iter(answers)
    monkeypatch.setattr(run_module, "_is_drained", lambda *_of_what: next(left, False))
    monkeypatch.setattr(run_module, "DRAINED_WITHIN", 2.0)
    group = Group()
    drained = run_module._drain(SimpleNamespace(group=group, model="one"))  # type: ignore[arg-type]
    assert group.done == ["stop", "w0", "w1", "ready", "stop"]
    assert drained == (None if answers else "not all is labelled after 2 s")


def test_the_seed_decides_how_the_group_rebalances_and_what_is_held_in_process() -> None:
    plans = [command.plan_of(command.parser().parse_args(["--seed", str(seed)])) for seed in range(6)]
    ways = {("classic", "cooperative-sticky"), ("classic", "range"), ("consumer", "cooperative-sticky")}
    assert {(plan.group_protocol, plan.assignment) for plan in plans} == ways
    assert len({(plan.group_protocol, plan.assignment, plan.hot_bytes) for plan in plans}) == 6


@pytest.mark.parametrize(
    ("committed", "offset", "model", "drained"),
    [
        (7, 7, "new", True),
        (6, 7, "new", False),
        (7, 6, "new", False),
        (7, 7, "old", False),
        (7, None, "new", False),
    ],
    ids=["all there", "not committed", "not in Redis", "not relabelled", "Redis empty"],
)
def test_all_is_drained_when_everything_is_committed_and_in_redis_and_labelled_by_the_model(
    committed: int, offset: int | None, model: str, drained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = None if offset is None else Watermark(Identity("c", "e", "s", 1), offset, 0, model, 0).encode()
    group = SimpleNamespace(committed=lambda _topic: {0: committed})
    cache = SimpleNamespace(watermark=lambda _partition: mark, close=lambda: None)
    monkeypatch.setattr(run_module, "redis_states", lambda _settings: cache)
    stream = SimpleNamespace(group=group, settings=None, topics=SimpleNamespace(events="events"))
    system: Any = SimpleNamespace(stream=stream, ledger=SimpleNamespace(ends={0: 7}))
    assert run_module._is_drained(system, "new") == drained


LOST = "event 1 of b'u' is not in the topic"


def test_the_verdict_is_of_the_ledger_and_of_every_check_and_of_the_drain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    system = SimpleNamespace(
        traffic=SimpleNamespace(stop=lambda: done.append("no more events")),
        ledger=SimpleNamespace(flush=lambda: done.append("written"), count=1, difference=lambda _inputs: LOST),
        group=SimpleNamespace(endings=[REFUSED]),
        stream=None,
        servers=SimpleNamespace(redis=None),
        model="one",
    )
    seen = SimpleNamespace(inputs=[], labels=[], letters=[])
    stand_ins: dict[str, object] = {
        "running": lambda *_of_what: nullcontext(system),
        "_inject_all": lambda *_of_what: iter([]),
        "_drain": lambda _system: done.append("drained") or "not all is labelled",
        "observe": lambda *_of_what: done.append("read back") or seen,
        "replays": lambda *_of_what: {},
        "verify": lambda *_of_what: [FINDING],
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(run_module, name, stand_in)
    told = run_module.run(Plan(7, 1.0), tmp_path, [], lambda _line: None)
    assert told.findings == [Finding("the drain", "not all is labelled"), Finding("the ledger", LOST), FINDING]
    assert told.endings == [REFUSED]
    assert done == ["no more events", "written", "drained", "read back"]
