"""`worker check`: of which bundle it speaks, how it tells what was found, and its exit status."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.__main__ import main
from worker.checks.finding import Finding, note, ok, problem
from worker.commands import check
from worker.settings import Settings


def told(found: list[Finding], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, Settings]:
    """The exit status of a check that finds this, and what it looked at."""
    looked_at: list[Settings] = []

    def examine(settings: Settings) -> Iterator[Finding]:
        looked_at.append(settings)
        yield from found

    monkeypatch.setattr(check, "examine", examine)
    return main(["check", *words]), looked_at[0]


def test_a_bundle_that_is_not_in_use_yet_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    status, settings = told([], monkeypatch, "--bundle", "new/bundle")
    assert (status, settings.model.bundle) == (0, Path("new/bundle"))


def test_each_finding_is_told_with_what_to_do_and_problems_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        ok("kafka", "it answers"),
        note("redis", "it grows", "bound it"),
        problem("topics", "one lacks", "make it"),
    ]
    assert told(found, monkeypatch)[0] == 1
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["ok", "kafka", "it", "answers"],
        ["note", "redis", "it", "grows"],
        ["→", "bound", "it"],
        ["problem", "topics", "one", "lacks"],
        ["→", "make", "it"],
        ["1", "problem"],
    ]
    assert told(found[:2], monkeypatch)[0] == 0, "a note is no problem"
