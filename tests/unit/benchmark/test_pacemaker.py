"""The paced producer's process: waited for, and gone in the end, whatever goes wrong."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.benchmark import pace
from tests.benchmark.contender import Contention
from tests.benchmark.latency import read_paced
from tests.benchmark.pacemaker import Pacemaker

READY_AT_ONCE = "echo ready; exec sleep 60"


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


@pytest.fixture
def lives(tmp_path: Path) -> Callable[[], bool]:
    """Whether the process that has written its number to `number` is there."""

    def lives() -> bool:
        try:
            os.kill(int((tmp_path / "number").read_text()), 0)
        except ProcessLookupError:
            return False
        return True

    return lives


def test_a_reader_that_gives_up_leaves_no_producer_behind(lives: Callable[[], bool], tmp_path: Path) -> None:
    command = shell(f"echo $$ > {tmp_path / 'number'}; {READY_AT_ONCE}")

    def read(*_: object) -> None:
        assert lives()
        raise Contention("3 of 10 labels came in time")

    with pytest.raises(Contention, match="3 of 10 labels"):
        read_paced(command, Mock(read=read), Mock(), 10, 1.0)
    assert not lives()


def test_labels_are_waited_for_once_their_events_are_made(tmp_path: Path) -> None:
    """Making them may take as long as sending them, and the reader has a time to keep."""
    made = tmp_path / "made"
    reader = Mock(read=lambda *_: [made.exists()])
    assert read_paced(shell(f"sleep 0.3; touch {made}; echo ready"), reader, Mock(), 10, 1.0) == [True]


def test_a_producer_that_never_gets_ready_is_no_producer() -> None:
    with Pacemaker(shell("exec sleep 60")) as pacemaker, pytest.raises(Contention, match=r"not ready after 0.1 s"):
        pacemaker.wait_ready(0.1)


def test_a_producer_that_fails_before_it_is_ready_is_told() -> None:
    with Pacemaker(shell("exit 1")) as pacemaker, pytest.raises(Contention, match="failed before its first event"):
        pacemaker.wait_ready(60)


def test_a_producer_that_does_not_end_is_told() -> None:
    with Pacemaker(shell(READY_AT_ONCE)) as pacemaker:
        pacemaker.wait_ready(60)
        with pytest.raises(Contention, match=r"goes on 0.1 s after its last event"):
            pacemaker.wait_done(0.1)


def test_a_producer_that_could_not_send_everything_is_told() -> None:
    with Pacemaker(shell("echo ready; exit 1")) as pacemaker:
        pacemaker.wait_ready(60)
        with pytest.raises(Contention, match="failed with status 1"):
            pacemaker.wait_done(60)


def test_it_is_ready_when_all_that_is_left_is_to_send(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []

    def produce(*_: Any) -> None:
        said.append(capsys.readouterr().out)

    monkeypatch.setattr(pace, "Producer", Mock(return_value=Mock(produce=produce, flush=lambda _seconds: 0)))
    assert pace.main(["broker", "events", "--rate", "1000", "--seconds", "0.003"]) == 0
    assert said == [f"{pace.READY}\n", "", ""]
