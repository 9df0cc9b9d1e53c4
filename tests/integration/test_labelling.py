"""A playlist event in, a label out: on a real Kafka and a real Redis, with a real worker process."""

import json
import signal
import subprocess

import pytest

from tests.any_redis import any_redis
from tests.deploy.programs import needed
from tests.stream import PATIENCE, Stream, eventually

AT = "2026-01-31T20:15:00Z"
STOP_SECONDS = 5.0
"""Within which a worker that is told to stop is promised to be gone; it takes a fraction of one."""


def test_an_event_becomes_a_label(stream: Stream) -> None:
    stream.send("ünï", {"type": "snapshot", "songs": ["s1", "s2", "s2", "unheard of"], "at": AT})
    stream.flush()
    with stream.worker():
        (record,) = stream.labels(1)
    label = record.label
    assert record.key == "ünï".encode()
    assert (label["user"], label["songs"], label["known_songs"]) == ("ünï", 3, 2)
    assert (label["reason"], label["at"], label["source"]["offset"]) == ("event", AT, 0)
    assert label["model"].startswith("small-")
    assert 0.5 <= label["gender"]["probability"] <= 1
    assert 0 < label["cluster"]["probability"] <= 1


@any_redis
def test_changes_fold_into_the_playlist_in_order(stream: Stream) -> None:
    stream.send("u", {"type": "snapshot", "songs": ["s1", "s2"]})
    stream.send("u", {"type": "change", "add": ["s3", "s2"], "remove": ["s1", "s9"]})
    stream.send("u", {"type": "change", "remove": ["s3"], "add": ["s3"]})
    stream.send("u", {"type": "change"})
    stream.flush()
    with stream.worker():
        stream.labels(4)
        stream.send("u", {"type": "snapshot", "songs": []})
        stream.flush()
        labels = stream.labels(5)
    assert [record.label["songs"] for record in labels] == [2, 2, 2, 2, 0]
    assert labels[-1].label["gender"]["label"] is None, "nothing is known, so the model abstains"


def test_consent_and_erasure(stream: Stream) -> None:
    events = [
        {"type": "snapshot", "songs": ["s1"]},
        {"type": "consent", "labelling": False},
        {"type": "change", "add": ["s2"]},
        {"type": "consent", "labelling": True},
        None,
        {"type": "change", "add": ["s3"]},
    ]
    for event in events:
        stream.send("u", event)
    stream.flush()
    with stream.worker():
        records = stream.labels(6)
        states = stream.states(1)
    told = [record.headers.get("songprint.reason", b"label") for record in records]
    assert told == [b"label", b"objecting", b"objecting", b"label", b"erased", b"label"]
    assert [record.label["songs"] for record in records if record.value] == [1, 2, 1], "songs are kept up to date"
    assert records[1].headers["songprint.source.offset"] == b"1"
    assert {record.key for record in states} == {b"u"}


def test_an_erased_user_leaves_no_state(stream: Stream) -> None:
    with stream.worker():
        stream.send("u", {"type": "snapshot", "songs": ["s1"]})
        stream.flush()
        (first,) = stream.labels(1)
        stream.send("u", None)
        stream.flush()
        stream.labels(2)
        states = stream.states(2)
    assert states[-1].value is None
    watermark = stream.cache.watermark(first.partition)
    assert watermark is not None
    assert stream.cache.read(first.partition, watermark, [b"u"]) == [None]


BAD = {
    "not json": ("u", b"{", "not_json", "not JSON"),
    "not a number": ("u", b'{"type":"change","add":[NaN]}', "not_json", "not JSON"),
    "wrong type": ("u", b'{"type":"change","add":5}', "invalid", "Expected `array`"),
    "song that is no string": ("u", b'{"type":"change","add":[1]}', "invalid", "Expected `str`"),
    "missing type": ("u", b"{}", "invalid", "missing required field `type`"),
    "unknown type": ("u", b'{"type":"x"}', "unknown_type", "snapshot, change, consent"),
    "no key": (None, b'{"type":"change"}', "key_missing", "no key"),
    "key that is not UTF-8": (b"\xff", b'{"type":"change"}', "key_not_utf8", "not UTF-8"),
    "key too long": ("u" * 257, b'{"type":"change"}', "key_too_long", "257 bytes"),
    "another user": ("u", b'{"type":"change","user":"v"}', "user_mismatch", "differs"),
    "empty song id": ("u", b'{"type":"change","add":[""]}', "bad_song_id", "0 bytes"),
    "song id too long": ("u", {"type": "change", "add": ["s" * 257]}, "bad_song_id", "257 bytes"),
    "too many songs": ("u", {"type": "snapshot", "songs": [f"s{n}" for n in range(10_001)]}, "too_many_songs", "10001"),
    "too large": ("u", b'{"type":"change","x":"' + b"x" * 950_000 + b'"}', "too_large", "at most 900000"),
    "nested deeply": ("u", b'{"type":"change","x":' + b"[" * 200_000, "invalid", "nested too deeply"),
}


@any_redis
def test_bad_events_become_dead_letters_and_disturb_nobody(stream: Stream) -> None:
    stream.send("u", {"type": "snapshot", "songs": ["s1"]})
    for key, value, _, _ in BAD.values():
        stream.send(key, value, headers={"trace": "t1"}, timestamp=1_767_225_600_000)
        stream.send("u", {"type": "change", "add": []})
    stream.flush()
    with stream.worker() as worker:
        letters = stream.letters(len(BAD))
        labels = stream.labels(len(BAD) + 1)
        eventually(lambda: worker.metric("songprint_rejects_total") >= len(BAD), "each reject is counted")
        rejects = worker.metric("songprint_rejects_total")
    told = {
        (letter.headers["songprint.reason"].decode(), letter.headers["__connect.errors.exception.message"].decode())
        for letter in letters
    }
    for what, (_, _, reason, words) in BAD.items():
        assert any(got == reason and words in message for got, message in told), f"{what}: {sorted(told)}"
    assert len(letters) == len(BAD) == rejects
    assert {record.label["songs"] for record in labels} == {1}, "the playlist is as it was"
    sent = (value if isinstance(value, bytes) else json.dumps(value).encode() for _, value, _, _ in BAD.values())
    assert sorted(letter.value or b"" for letter in letters) == sorted(sent)
    assert all(letter.headers["trace"] == b"t1" for letter in letters)


@any_redis
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_worker_well(stream: Stream, number: signal.Signals) -> None:
    with stream.worker() as worker:
        stream.send("u", {"type": "change", "add": ["s1"]})
        stream.flush()
        stream.labels(1)
        worker.process.send_signal(number)
        assert worker.process.wait(STOP_SECONDS) == 0
        assert worker.logged("stopped")


@any_redis
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_that_still_waits_for_kafka(stream: Stream, number: signal.Signals) -> None:
    """As planned, though it has nothing to stop yet: a rolling restart meets workers that have just been started."""
    worker = stream.start(SONGPRINT_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1", SONGPRINT_KAFKA__STARTUP_TIMEOUT_S="600")
    try:
        eventually(lambda: worker.logged("starting"), "the worker has begun")
        worker.process.send_signal(number)
        assert worker.process.wait(PATIENCE) == 0, worker.output()
        assert worker.logged("told to stop")
    finally:
        worker.end()


@any_redis
def test_metrics_tell_what_happened(stream: Stream) -> None:
    with stream.worker() as worker:
        for number in range(20):
            stream.send(f"u{number}", {"type": "change", "add": [f"s{number}", "unheard of"]})
        stream.send("u0", None)
        stream.flush()
        stream.labels(21)
        eventually(lambda: worker.metric("songprint_events_total") == 21, "all events are counted")
        assert worker.metric("songprint_labels_total") == 20
        assert worker.metric('songprint_tombstones_total{kind="erased"}') == 1
        assert worker.metric("songprint_known_songs_total") == 20
        assert worker.metric("songprint_songs_total") == 40
        assert worker.metric("songprint_event_latency_seconds_count") == 21
        eventually(lambda: worker.metric("songprint_ready_partitions") == 4, "four partitions are ready")
        lags = lambda: worker.get("/metrics").count("\nsongprint_lag_events{")  # noqa: E731
        eventually(lambda: lags() == 4, "the lag of each of them is told")  # the sum of none would be zero too
        eventually(lambda: worker.metric("songprint_lag_events") == 0, "the lag reaches zero")


@any_redis
def test_logs_name_no_user_and_no_song(stream: Stream) -> None:
    with stream.worker() as worker:
        stream.send("canary-user", {"type": "change", "add": ["canary-song"]})
        stream.send("canary-user", b"canary-value")
        stream.flush()
        stream.labels(1)
        stream.letters(1)
        worker.stop()
        assert "canary" not in worker.output()


@any_redis
def test_an_outside_client_sends_and_reads(stream: Stream, kafka: str) -> None:
    kcat = needed("kcat", "kcat")
    with stream.worker():
        sender = [kcat, "-b", kafka, "-t", stream.topics.events, "-P", "-K", ":", "-X", "partitioner=murmur2_random"]
        subprocess.run(sender, input=b'u:{"type":"snapshot","songs":["s1","s2"]}\n', check=True, timeout=PATIENCE)
        stream.labels(1)
        reader = [kcat, "-b", kafka, "-t", stream.topics.labels, "-C", "-e", "-q", "-o", "beginning"]
        reader += ["-X", "isolation.level=read_committed"]
        out = subprocess.run(reader, capture_output=True, check=True, timeout=PATIENCE).stdout
    assert json.loads(out)["songs"] == 2
