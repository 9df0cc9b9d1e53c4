"""`worker dlq`: dead letters are shown, and their events go back as they were, once."""

import json
import subprocess
import sys

import pytest

from tests.any_redis import any_redis
from tests.stream import PATIENCE, Record, Stream, eventually

pytestmark = any_redis

REPLAYED = "songprint.replayed.from"
BROKEN = b'{"type":"change",'
MANY = json.dumps({"type": "snapshot", "songs": ["s1", "s2", "s3"]}).encode()


def dlq(stream: Stream, *arguments: str, status: int = 0, **environment: str) -> str:
    """What `worker dlq` prints, errors included."""
    done = subprocess.run(
        [sys.executable, "-m", "worker", "dlq", *arguments],
        env={**stream.environment, "COLUMNS": "400", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.fixture
def rejected(stream: Stream) -> Stream:
    """A stream with three dead letters: one of no JSON with a header of its own, two of a playlist that is too long."""
    with stream.worker(SONGPRINT_POLICY__MAX_SONGS="2"):
        stream.send("u1", BROKEN, headers=[("trace", b"\x00\xff")], timestamp=1_700_000_000_000)
        stream.send("u2", MANY)
        stream.send("u3", MANY)
        stream.flush()
        stream.letters(3)
    return stream


def events(stream: Stream) -> list[Record]:
    return stream.read_all(stream.topics.events)


def test_list_shows_what_came_from_where_and_why(rejected: Stream) -> None:
    shown = dlq(rejected, "list")
    lines = [line for line in shown.splitlines() if rejected.topics.events in line]
    assert len(lines) == 3
    (broken,) = (line for line in lines if "not_json" in line)
    (source,) = (event for event in events(rejected) if event.value == BROKEN)
    assert f"{rejected.topics.events} {source.partition} {source.offset}" in broken
    assert "2023-11-14 22:13:20" in broken
    assert len(dlq(rejected, "list", "--reason", "too_many_songs", "--places").split()) == 2


def test_nothing_is_sent_unless_every_place_has_a_letter(rejected: Stream) -> None:
    count = len(events(rejected))
    places = dlq(rejected, "list", "--places").split()
    assert "no dead letter at 0:999" in dlq(rejected, "replay", *places, "0:999", status=1)
    assert "is not PARTITION:OFFSET" in dlq(rejected, "replay", "seven", status=2)
    eventually(lambda: len(events(rejected)) == count, "as many events as before, and no more")


def test_replay_sends_events_back_as_they_were_and_never_loops(rejected: Stream) -> None:
    before = events(rejected)
    assert "sent 3 events back" in dlq(rejected, "replay")
    assert "sent 0 events back" in dlq(rejected, "replay")
    fresh = [event for event in events(rejected) if event not in before]
    assert sorted((event.key, event.value, event.partition) for event in fresh) == sorted(
        (event.key, event.value, event.partition) for event in before
    )
    (broken,) = (event for event in fresh if event.value == BROKEN)
    assert broken.headers.pop(REPLAYED).startswith(rejected.topics.dead_letters.encode())
    assert broken.headers == {"trace": b"\x00\xff"}

    with rejected.worker():  # by now long playlists are welcome
        labels = rejected.labels(2)
        letters = rejected.letters(4)
    assert sorted(label.key or b"" for label in labels) == [b"u2", b"u3"]
    assert [letter.value for letter in letters].count(BROKEN) == 2
    shown = dlq(rejected, "replay")
    assert "sent 0 events back" in shown
    assert "left out 1" in shown


def test_places_choose_exactly_these_letters(rejected: Stream) -> None:
    count = len(events(rejected))
    places = dlq(rejected, "list", "--reason", "too_many_songs", "--places").split()
    assert "sent 2 events back" in dlq(rejected, "replay", *places)
    eventually(lambda: len(events(rejected)) == count + 2, "two events more")
    assert [event.value for event in events(rejected) if REPLAYED in event.headers] == [MANY, MANY]
    assert "sent 1 events back" in dlq(rejected, "replay", places[0])
    eventually(lambda: len(events(rejected)) == count + 3, "three events more")


def test_an_event_that_was_not_kept_is_left_out(stream: Stream) -> None:
    with stream.worker():
        stream.send("u1", b" " * 999_800, headers=[("n", b"1")])
        stream.flush()
        (letter,) = stream.letters(1)
    assert letter.value is None
    assert "left out 1" in dlq(stream, "replay")
    assert "not kept" in dlq(stream, "replay", f"{letter.partition}:{letter.offset}", status=1)


def test_a_missing_topic_is_named(stream: Stream) -> None:
    shown = dlq(stream, "list", status=1, SONGPRINT_KAFKA__DEAD_LETTER_TOPIC="nowhere")
    assert "nowhere" in shown
    assert "topics --create" in shown
    assert "Traceback" not in shown
