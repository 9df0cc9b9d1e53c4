"""What the demo streams, at which pace, and what it shows; the whole of it runs in acceptance/test_demo.py."""

import io
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pytest
from confluent_kafka import OFFSET_BEGINNING
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from deploy.demo import flow, stream
from deploy.demo.board import Board
from deploy.demo.commands import run_command, spelled
from deploy.demo.errors import DemoError
from deploy.demo.events import Event, playlist_events
from deploy.demo.held_out import Listener, hold_out_listeners
from deploy.demo.narrator import Narrator
from deploy.demo.page import metrics_page
from deploy.demo.playlists import published_playlists
from deploy.demo.score import Score
from deploy.demo.stream import _labels
from deploy.local.errors import LocalStackError
from training.__main__ import main as training
from training.datasets.load import load_playlists
from training.synthetic.published import PUBLISHED_ARTISTS, PUBLISHED_PLAYLISTS
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic
from worker.contract.user_label import Cluster, Gender, Source, UserLabel
from worker.observe.metrics import Metrics
from worker.settings import Kafka


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


def test_without_a_folder_of_ones_own_a_synthetic_one_is_made_and_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands: list[tuple[str | Path, ...]] = []

    def run_command(*words: str | Path, **_: object) -> None:
        commands.append(words)
        if len(commands) == 2:
            raise DemoError("enough")
        assert training([*map(str, words[1:]), "--users", "200", "--songs", "200"]) == 0

    monkeypatch.setattr(flow, "run_command", run_command)
    with pytest.raises(DemoError, match="enough"):
        flow.demo(None, Narrator(Console(file=io.StringIO()), time.monotonic))
    assert [words[:2] for words in commands] == [("training", "synthesize"), ("training", "fit")]
    assert len(load_playlists(flow.TRAIN).user_ids) < len(load_playlists(flow.DATA).user_ids) == 200


def test_a_folder_of_ones_own_is_trained_on_less_those_who_are_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_synthetic(tmp_path / "mine", SyntheticSettings(users=200, songs=200))
    commands: list[tuple[str | Path, ...]] = []

    def run_command(*words: str | Path, **_: object) -> None:
        commands.append(words)
        raise DemoError("enough")

    monkeypatch.setattr(flow, "run_command", run_command)
    with pytest.raises(DemoError, match="enough"):
        flow.demo(tmp_path / "mine", Narrator(Console(file=io.StringIO()), time.monotonic))
    assert commands == [("training", "fit", "--data", flow.TRAIN, "--out", flow.RUN)]
    assert len(load_playlists(flow.TRAIN).user_ids) == 160
    assert not flow.DATA.exists()


def test_data_without_the_published_songs_has_a_demo_all_the_same() -> None:
    out, board = io.StringIO(), Board([Listener("anna", ("s1",), "f")], Console(file=io.StringIO()))
    board.add(label("anna", "f"))
    worker = SimpleNamespace(settled=lambda: generate_latest(Metrics(CollectorRegistry()).registry).decode())
    flow._show(Narrator(Console(file=out, width=140), time.monotonic), board, (), worker)  # type: ignore[arg-type]
    said = out.getvalue()
    assert "right by always saying f, of all       1  100.0%" in said
    assert "The seven published playlists are left out: the data has no titles" in said
    assert "What the worker says of itself (/metrics)" in said


def test_published_playlists_are_streamed_where_the_data_has_all_of_their_songs() -> None:
    songs = {title: f"id of {title}" for title in PUBLISHED_ARTISTS}
    published = published_playlists(songs)
    assert [(each.titles, each.listener.gender) for each in published] == list(PUBLISHED_PLAYLISTS)
    assert published[0].listener.songs == tuple(songs[title] for title in published[0].titles)
    del songs["离人"]
    assert [each.titles for each in published_playlists(songs)] == [
        titles for titles, _ in PUBLISHED_PLAYLISTS if "离人" not in titles
    ]
    assert published_playlists({}) == (), "a real data folder may have no titles"


def test_the_page_of_metrics_tells_each_with_its_value_and_meaning() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.retried("redis")
    metrics.stage("label", 0.004)
    metrics.partitions([0, 1], 2, {0: 0, 1: 1_234}, 2_500_000)
    table = metrics_page(generate_latest(metrics.registry).decode())
    names, values, meanings = (list(column.cells) for column in table.columns)
    told = dict(zip(names, values, strict=True))
    assert (told["retries"], told["rejects"], told["lag_events"]) == ("redis 1", "0", "1 1,234")
    assert (told["stage_seconds"], told["hot_state_bytes"]) == ("label p50 3.5 ms p99 4.97 ms", "2.5 MB")
    assert told["model_info"] == ""
    assert len(names) > 30
    assert all(meanings)


class Labels:
    """Stands for both ends of a stream on which these labels come at once."""

    def __init__(self, *offsets: int) -> None:
        self._labels = [msgspec.structs.replace(label("u", "f"), source=Source(0, offset)) for offset in offsets]

    def send(self, event: Event) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def labels(self, until: float) -> Iterator[UserLabel]:
        arrived, self._labels = self._labels, []
        return iter(arrived)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Plays three events, to which labels with these offsets come back; tells how many arrived."""
    monkeypatch.setattr(stream, "SILENCE_SECONDS", 0.01)

    def play(*offsets: int) -> int:
        both, arrived = Labels(*offsets), list[UserLabel]()
        for end in ("Sender", "Reader"):
            monkeypatch.setattr(stream, end, lambda _: both)
        stream.play([Event("u", b"{}")] * 3, 1e6, Kafka(), lambda: None, arrived.append)
        return len(arrived)

    return play


def test_each_event_has_one_label_or_the_demo_ends(played: Callable[..., int]) -> None:
    assert played(0, 1, 2) == 3
    with pytest.raises(DemoError, match="has two labels"):
        played(0, 1, 1)
    with pytest.raises(DemoError, match="1 of 3 events have no label"):
        played(0, 1)


def test_both_ends_of_the_stream_are_as_the_contract_asks_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """One partitioner for all that send, and nothing of what a transaction took back for those who read."""
    kafka = Kafka(events_topic="events", labels_topic="labels")
    producer, consumer = Mock(), Mock()
    consumer.return_value.list_topics.return_value.topics = {
        "labels": SimpleNamespace(topic="labels", partitions=[0, 1])
    }
    monkeypatch.setattr(stream, "Producer", producer)
    monkeypatch.setattr(stream, "Consumer", consumer)
    stream.Sender(kafka).send(Event("u", b"{}"))
    stream.Reader(kafka)
    assert producer.call_args.args[0]["partitioner"] == "murmur2_random"
    producer.return_value.produce.assert_called_once_with("events", b"{}", "u")
    assert consumer.call_args.args[0]["isolation.level"] == "read_committed"
    (assigned,) = consumer.return_value.assign.call_args.args
    assert [(part.topic, part.partition, part.offset) for part in assigned] == [
        ("labels", number, OFFSET_BEGINNING) for number in (0, 1)
    ]


def test_a_worker_that_dies_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def died() -> None:
        raise LocalStackError("the worker ended with status 1")

    both = Labels()
    for end in ("Sender", "Reader"):
        monkeypatch.setattr(stream, end, lambda _: both)
    with pytest.raises(LocalStackError, match="the worker ended with status 1"):
        stream.play([Event("u", b"{}")] * 3, 1e6, Kafka(), died, lambda _: None)


def test_a_command_that_fails_is_told_with_its_log_which_stays(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").touch()
    command = ("training", "synthesize", "--out", tmp_path / "data")
    with pytest.raises(LocalStackError) as caught:
        run_command(*command, logs=tmp_path / "logs")
    log = tmp_path / "logs" / "training-synthesize.log"
    said = str(caught.value)
    assert said.startswith(f"{spelled(*command)} ended with status 1; see its log {log}, which ends with\n")
    assert said.endswith(log.read_text().rstrip().splitlines()[-1])
    assert "is not an empty folder" in log.read_text()


def test_a_last_label_of_other_songs_than_the_listeners_ends_the_demo() -> None:
    labels = {"u": label("u", "f")}
    flow._check_songs([Listener("u", tuple(f"s{n}" for n in range(31)), "f")], labels)
    with pytest.raises(DemoError, match="the last label of u counts 31 songs, not 30"):
        flow._check_songs([Listener("u", tuple(f"s{n}" for n in range(30)), "f")], labels)
