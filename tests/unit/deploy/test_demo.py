"""What the demo streams, at which pace, and what it shows; the whole of it runs in acceptance/test_demo.py."""

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

from deploy.demo.board import Board
from deploy.demo.events import Event, playlist_events
from deploy.demo.held_out import Listener, hold_out_listeners
from deploy.demo.score import Score
from deploy.demo.stream import _labels
from training.datasets.load import load_playlists
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic
from worker.contract.user_label import Cluster, Gender, Source, UserLabel


def label(user: str, gender: str | None) -> UserLabel:
    return UserLabel(
        user=user,
        gender=Gender(gender, 0.83),
        cluster=Cluster(1, "ballads", 0.41),
        songs=31,
        known_songs=29,
        model="m",
        source=Source(0, 0),
        reason="event",
        at=datetime(2026, 1, 31, 20, 15, tzinfo=UTC),
    )


def test_training_never_sees_those_who_are_held_out(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "all", SyntheticSettings(users=200, songs=150, unknown_share=0.2))
    held_out = hold_out_listeners(tmp_path / "all", tmp_path / "train")
    everybody, train = load_playlists(tmp_path / "all"), load_playlists(tmp_path / "train")
    held = {listener.user for listener in held_out.listeners}
    assert held
    assert held | set(train.user_ids.to_pylist()) == set(everybody.user_ids.to_pylist())
    assert not held & set(train.user_ids.to_pylist())
    assert held_out.training_users == len(train.user_ids)
    truth = dict(zip(everybody.user_ids.to_pylist(), everybody.gender.tolist(), strict=True))
    assert all(listener.gender == ("f", "m")[truth[listener.user]] for listener in held_out.listeners)


def test_snapshots_are_followed_by_changes_and_end_in_the_listeners_songs() -> None:
    listeners = [Listener(f"u{n}", tuple(f"s{n + k}" for k in range(n + 1)), "f") for n in range(12)]
    playlists: dict[str, set[str]] = {}
    kinds: list[str] = []
    for event in playlist_events(listeners, np.random.default_rng(1)):
        value: dict[str, Any] = msgspec.json.decode(event.value)
        kinds.append(value["type"])
        if value["type"] == "snapshot":
            playlists[event.user] = set(value["songs"])
        else:
            playlists[event.user] = playlists[event.user] - set(value["remove"]) | set(value["add"])
    assert playlists == {listener.user: set(listener.songs) for listener in listeners}
    assert kinds == sorted(kinds, reverse=True), "first everybody's snapshot"
    assert kinds.count("snapshot") == 12
    assert kinds.count("change") > 6


class Stream:
    """Takes events, and answers each wait for labels with none."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def send(self, event: Event) -> None: ...

    def flush(self) -> None: ...

    def labels(self, until: float) -> Iterator[UserLabel]:
        self.waits.append(until)
        return iter(())


def test_events_are_sent_at_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.demo.stream.SILENCE_SECONDS", 0.0)
    stream, started = Stream(), time.monotonic()
    events = [Event("u", b"{}")] * 5
    list(_labels(events, 4.0, stream, stream, lambda: None))  # type: ignore[arg-type]
    first, *_ = stream.waits
    assert first >= started + 0.25
    assert np.diff(stream.waits[:5]) == pytest.approx(0.25), "each waits until the next is due"


@pytest.mark.parametrize("terminal", [True, False])
def test_labels_are_shown_beside_the_truth_as_they_arrive(terminal: bool) -> None:
    listeners = [Listener("anna", ("s1",), "f"), Listener("ben", ("s1",), "m")]
    out = io.StringIO()
    board = Board(listeners, Console(file=out, force_terminal=terminal, width=140))
    with board.shown():
        board.add(label("anna", "f"))
        board.add(label("ben", None))
    shown = out.getvalue()
    assert "anna" in shown
    assert "29/31" in shown
    assert "f  0.83" in shown
    assert "f right" in shown
    assert "ballads  0.41" in shown
    assert not terminal or "2 labels; 2 listeners, a gender for 50.0%, right for 100.0% of those" in shown


def test_accuracy_stands_beside_the_majority_rate() -> None:
    listeners = [Listener(f"u{n}", ("s",), "m" if n < 7 else "f") for n in range(10)]
    said = ["m", "m", "m", "m", "f", "m", None, "f", "f", "f"]
    labels = {f"u{n}": label(f"u{n}", gender) for n, gender in enumerate(said)}
    score = Score.of(listeners, labels)
    assert (score.listeners, score.labelled, score.right, score.majority) == (10, 9, 8, "m")
    assert (score.majority_of_all, score.majority_of_labelled) == (7, 6)
    out = io.StringIO()
    Console(file=out, width=100).print(score.table())
    assert "88.9%" in out.getvalue()
    assert "66.7%" in out.getvalue()
