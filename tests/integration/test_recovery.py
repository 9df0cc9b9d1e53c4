"""Nothing is lost and nothing repeated when a worker or Redis goes away at a bad moment."""

import signal
from collections import defaultdict

import pytest

from tests.any_redis import any_redis
from tests.stream import PATIENCE, Record, Stream, eventually
from worker.watermark import Watermark

FAULTY = ("-m", "tests.faulty_worker")
USERS = 12
ROUNDS = 5


def send_rounds(stream: Stream, first: int, last: int) -> None:
    """In each round every user gets one more song, so a label's song count tells which event it belongs to."""
    for number in range(first, last):
        for user in range(USERS):
            stream.send(f"u{user}", {"type": "change", "add": [f"s{number}"]})
    stream.flush()


def check_each_event_once(records: list[Record], rounds: int) -> None:
    """Every event has one label, its user's labels count up without a gap."""
    sources = [(record.label["source"]["partition"], record.label["source"]["offset"]) for record in records]
    twice = [record for record, source in zip(records, sources, strict=True) if sources.count(source) > 1]
    assert not twice, twice
    assert len(sources) == USERS * rounds
    songs = defaultdict(list)
    for record in records:
        songs[record.key].append(record.label["songs"])
    assert dict(songs) == {f"u{user}".encode(): list(range(1, rounds + 1)) for user in range(USERS)}


def check_redis_is_complete(stream: Stream) -> None:
    """The watermark is at the committed offset, and every state in Redis is the changelog's last.

    Asked until it is so: the last transaction's markers arrive after its commit.
    """
    try:
        eventually(lambda: _is_complete(stream), "Redis is complete")
    except AssertionError:
        _assert_complete(stream)  # says what is missing


def _is_complete(stream: Stream) -> bool:
    try:
        _assert_complete(stream)
    except AssertionError:
        return False
    return True


def _assert_complete(stream: Stream) -> None:
    last = {record.key: record for record in stream.states()}
    assert len(last) == USERS
    ends = stream.group.committed(stream.topics.events)
    for key, record in last.items():
        raw = stream.cache.watermark(record.partition)
        watermark = Watermark.decode(raw)
        assert raw is not None
        assert watermark is not None
        assert watermark.offset == ends[record.partition]
        assert stream.cache.read(record.partition, raw, [key or b""]) == [record.value]


STEPS = {
    "after the poll": "source.poll:after:9:SIGKILL",
    "after the read": "cache.read:after:1:SIGKILL",
    "inside the transaction": "sink.publish:after:1:SIGKILL",
    "before the commit": "sink.commit:before:1:SIGKILL",
    "between commit and Redis": "sink.commit:after:1:SIGKILL",
    "after the second commit": "sink.commit:after:2:SIGKILL",
    "during the restore": "cache.claim:after:2:SIGKILL",
}


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_a_step_resumes(stream: Stream, step: str) -> None:
    send_rounds(stream, 0, 1)
    worker = stream.start(command=FAULTY, FAULT=STEPS[step])
    try:
        first = lambda: worker.exited() or len(stream.read_all(stream.topics.labels)) == USERS  # noqa: E731
        eventually(first, "the first round is labelled, or the worker is dead")
        send_rounds(stream, 1, 3)
        assert worker.process.wait(PATIENCE) == -signal.SIGKILL, worker.output()
    finally:
        worker.end()
    with stream.worker():
        send_rounds(stream, 3, ROUNDS)
        records = stream.labels(USERS * ROUNDS)
    check_each_event_once(records, ROUNDS)
    check_redis_is_complete(stream)


def test_redis_emptied_between_two_batches(stream: Stream) -> None:
    with stream.worker() as worker:
        send_rounds(stream, 0, 2)
        stream.labels(USERS * 2)
        for partition in range(4):
            stream.cache.forget(partition)
        send_rounds(stream, 2, ROUNDS)
        records = stream.labels(USERS * ROUNDS)
        eventually(lambda: worker.metric('songprint_restores_total{kind="full"}') > 4, "what was emptied is restored")
        eventually(worker.ready, "the worker is ready again")
    check_each_event_once(records, ROUNDS)
    check_redis_is_complete(stream)


def test_redis_emptied_while_the_worker_is_down(stream: Stream) -> None:
    with stream.worker():
        send_rounds(stream, 0, 2)
        stream.labels(USERS * 2)
    for partition in range(4):
        stream.cache.forget(partition)
    send_rounds(stream, 2, ROUNDS)
    with stream.worker() as worker:
        records = stream.labels(USERS * ROUNDS)
        assert worker.metric("songprint_restored_records_total") >= USERS
    check_each_event_once(records, ROUNDS)
    check_redis_is_complete(stream)


def test_a_restart_with_a_warm_redis_restores_nothing(stream: Stream) -> None:
    with stream.worker():
        send_rounds(stream, 0, 2)
        stream.labels(USERS * 2)
    with stream.worker() as worker:
        send_rounds(stream, 2, ROUNDS)
        records = stream.labels(USERS * ROUNDS)
        assert worker.metric("songprint_restored_records_total") == 0
    check_each_event_once(records, ROUNDS)


@any_redis
@pytest.mark.parametrize("assignment", ["cooperative-sticky", "range"])
def test_two_workers_share_the_partitions_and_one_leaves(stream: Stream, assignment: str) -> None:
    environment = {"SONGPRINT_KAFKA__ASSIGNMENT": assignment}
    with stream.worker("a", **environment) as first:
        send_rounds(stream, 0, 1)
        with stream.worker("b", **environment) as second:
            eventually(lambda: first.metric("songprint_assigned_partitions") == 2, "two partitions for each")
            eventually(lambda: second.metric("songprint_ready_partitions") == 2, "two partitions for each")
            send_rounds(stream, 1, 3)
            stream.labels(USERS * 3)
        # A static member that stops keeps its partitions until its session times out.
        eventually(lambda: first.metric("songprint_ready_partitions") == 4, "the one that stays has all four")
        send_rounds(stream, 3, ROUNDS)
        records = stream.labels(USERS * ROUNDS)
    check_each_event_once(records, ROUNDS)
    check_redis_is_complete(stream)
