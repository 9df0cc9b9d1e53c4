"""`worker load`: how fast it publishes, and what it does not take."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from worker.__main__ import main
from worker.commands import load
from worker.commands.load import paced


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_items_keep_their_distance_and_what_was_late_is_not_made_up_for() -> None:
    clock, times = Clock(), []
    for item in paced(range(6), 10, clock, clock.wait):
        times.append(round(clock.now, 6))
        if item == 2:
            clock.now += 1.0  # something held it up
    assert times == [100.0, 100.1, 100.2, 101.2, 101.3, 101.4]


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "x", "1e9"])
def test_a_rate_that_is_none_is_wrong_usage(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["load", "folder", "--rate", rate])
    assert stopped.value.code == 2
    assert "--rate" in capsys.readouterr().err


@pytest.mark.parametrize("users", ["0", "-1", "1.5", "x"])
def test_a_number_of_users_that_is_none_is_wrong_usage(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["load", "folder", "--users", users])
    assert stopped.value.code == 2
    assert "--users" in capsys.readouterr().err


class Producer:
    """Keeps what it is given, and refuses the users that it is told to."""

    refusal = KafkaError._MSG_TIMED_OUT

    def __init__(self, options: dict[str, Any], refused: set[str]) -> None:
        self.options, self.refused = options, refused
        self.sent: dict[str, list[str]] = {}

    def produce(self, topic: str, value: bytes, user: str, on_delivery: Callable[[Any, Any], None]) -> None:
        self.sent[user] = json.loads(value)["songs"]
        on_delivery(KafkaError(self.refusal) if user in self.refused else None, None)

    def poll(self, _seconds: float) -> None: ...

    def flush(self) -> None: ...


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, Producer]]:
    """Loads three users' playlists; tells the exit status and who has published them."""
    (tmp_path / "plays.csv").write_text("user_id,song_id\nann,s1\nbob,s2\nann,s3\ncid,s4\n")
    made: list[Producer] = []

    def make_client(_kind: object, options: dict[str, Any]) -> Producer:
        made.append(Producer(options, refused))
        return made[-1]

    refused: set[str] = set()
    monkeypatch.setattr(load, "make_client", make_client)

    def run(*arguments: str, refuse: str = "") -> tuple[int, Producer]:
        refused.update(filter(None, [refuse]))
        return main(["load", str(tmp_path), *arguments]), made[-1]

    return run


def test_the_first_users_alone_are_published_where_that_is_asked_for(
    loaded: Callable[..., tuple[int, Producer]], capsys: pytest.CaptureFixture[str]
) -> None:
    status, producer = loaded("--users", "2")
    assert status == 0
    assert producer.sent == {"ann": ["s1", "s3"], "bob": ["s2"]}
    assert "published 2 snapshots" in capsys.readouterr().out


def test_the_rate_is_kept_to(loaded: Callable[..., tuple[int, Producer]], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(load.time, "monotonic", clock)
    monkeypatch.setattr(Producer, "poll", lambda _, seconds: clock.wait(seconds))
    loaded("--rate", "4")
    assert clock.now == pytest.approx(100.5), "three snapshots, a quarter of a second apart"


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (KafkaError._MSG_TIMED_OUT, "(_MSG_TIMED_OUT); run the command again\n"),
        (KafkaError.MSG_SIZE_TOO_LARGE, "(MSG_SIZE_TOO_LARGE); raise the topic's max.message.bytes to 1048588"),
    ],
)
def test_snapshots_that_kafka_does_not_take_are_a_failure(
    loaded: Callable[..., tuple[int, Producer]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    refusal: int,
    told: str,
) -> None:
    monkeypatch.setattr(Producer, "refusal", refusal)
    status, _ = loaded(refuse="bob")
    assert status == 1
    shown = capsys.readouterr().err
    assert "1 of 3 events were not accepted. Kafka, publishing playlists to playlist-events: " in shown
    assert told in shown


def test_options_of_every_client_are_this_ones_too(
    loaded: Callable[..., tuple[int, Producer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONGPRINT_KAFKA__OPTIONS", '{"linger.ms": 9, "client.rack": "a"}')
    _, producer = loaded()
    assert (producer.options["linger.ms"], producer.options["client.rack"]) == ("9", "a")
    assert (producer.options["partitioner"], producer.options["compression.type"]) == ("murmur2_random", "lz4")
