"""`worker reset`: nothing is wiped unless somebody has agreed to it."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from worker.__main__ import main
from worker.commands import reset

GROUP = "songprint"


@pytest.fixture
def wiped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was wiped, in its order, of topics of two partitions; a person sits at the terminal."""
    done: list[str] = []
    kafka = Mock()
    kafka.facts.return_value = {name: SimpleNamespace(partitions=2) for name in ("playlist-events", "user-state")}
    kafka.recreate = lambda name, *_: done.append(name)
    cache = Mock(forget=lambda partition: done.append(f"copy {partition}"))
    group = Mock(delete=lambda: done.append("offsets"))
    monkeypatch.setattr(reset, "kafka_topics", Mock(return_value=kafka))
    monkeypatch.setattr(reset, "redis_states", Mock(return_value=cache))
    monkeypatch.setattr(reset, "KafkaGroup", Mock(return_value=group))
    monkeypatch.setattr("sys.stdin", Mock(isatty=Mock(return_value=True)))
    return done


@pytest.mark.parametrize("typed", ["", "y", "another"])
def test_whoever_does_not_type_the_groups_name_has_nothing_wiped(
    typed: str, wiped: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: typed)
    assert main(["reset"]) == 1
    assert wiped == []
    said = capsys.readouterr().out
    assert f"all states of the group {GROUP!r}" in said
    assert "nothing was changed" in said


def test_the_offsets_are_wiped_last(wiped: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A reset that stops half-way leaves a group that asks for another one."""
    monkeypatch.setattr("builtins.input", lambda _: f"{GROUP} ")
    assert main(["reset"]) == 0
    assert wiped == ["user-state", "copy 0", "copy 1", "offsets"]
