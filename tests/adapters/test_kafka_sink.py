"""What only a real Kafka does to a sink: fencing, full queues, records too large, generations that are over."""

import random
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.adapters.logs import KafkaLog, Owner, own
from tests.stream import eventually
from worker.adapters.kafka_sink import KafkaSink, Topics
from worker.adapters.kafka_topics import TopicPlan
from worker.adapters.ports import NO_OFFSET, Committed, DeadLetter, Source
from worker.errors import Retry, Stop

ABOUT: list[tuple[str, bytes | None]] = [("__connect.errors.offset", b"7"), ("songprint.reason", b"too_large")]
LARGE = 999_990  # the local limit is 1,000,000 with key, headers and framing


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def commit(sink: KafkaSink, source: Source) -> None:
    sink.begin()
    sink.commit({0: {b"u": b"state"}}, {0: 1}, source.member())


def test_fenced_twice_within_a_minute_another_process_has_the_id(kafka_log: KafkaLog) -> None:
    clock = Clock()
    source, sink, rival = kafka_log.source(), kafka_log.sink(clock), kafka_log.sink()
    own(source)
    sink.open()
    for wait in (0.0, 61.0):
        clock.now += wait
        rival.open()
        with pytest.raises(Retry):
            commit(sink, source)
        sink.recover()
        commit(sink, source)
    rival.open()
    clock.now += 59.0
    with pytest.raises(Stop, match=r"fenced twice within a minute .*group-a'; give each .* SONGPRINT_KAFKA__INSTANCE"):
        commit(sink, source)


def test_a_sink_fenced_in_the_middle_of_its_labels_recovers(kafka_log: KafkaLog) -> None:
    """Whatever call it is that fails first."""
    source, sink, rival = kafka_log.source(), kafka_log.sink(), kafka_log.sink()
    own(source)
    sink.open()
    sink.begin()
    sink.publish([(b"u", b"before", None)])
    rival.open()

    def fenced() -> bool:
        try:
            sink.publish([(b"u", b"after", None)] * 100)
            commit_only(sink, source)
        except Retry:
            return True
        return False

    eventually(fenced, "the sink was fenced")
    sink.recover()
    commit(sink, source)
    assert kafka_log.labels() == []


def commit_only(sink: KafkaSink, source: Source) -> None:
    sink.commit({}, {0: 1}, source.member())


UNKNOWN = KafkaError(KafkaError._TIMED_OUT, "no answer", retriable=True)
TO_BE_ABORTED = KafkaError(KafkaError._TIMED_OUT, "no answer", txn_requires_abort=True)


class Producer(Mock):
    """Has been opened; its commits fail as told, and each takes its time."""

    def fail(self, clock: Clock, seconds: float, *errors: KafkaError) -> None:
        left = list(errors)

        def commit_transaction(_timeout: float) -> None:
            clock.now += seconds
            if left:
                raise KafkaException(left.pop(0))

        self.commit_transaction.side_effect = commit_transaction


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> KafkaSink:
    """Calls of the protocol may take it ten seconds, repeats included."""
    sink = KafkaSink({}, Topics("events", "labels", "states", "letters"), 10.0, clock)
    sink._producer = Producer()
    monkeypatch.setattr(sink, "open", Mock())
    return sink


def test_a_commit_of_which_nothing_is_known_is_asked_for_again(opened: KafkaSink, clock: Clock) -> None:
    opened._ready.fail(clock, 4.0, UNKNOWN, UNKNOWN)  # type: ignore[attr-defined]
    opened.commit({}, {0: 1}, None)
    assert opened._ready.commit_transaction.call_count == 3  # type: ignore[attr-defined]


def test_after_a_commit_that_stays_unknown_the_producer_is_made_anew(opened: KafkaSink, clock: Clock) -> None:
    opened._ready.fail(clock, 4.0, *[UNKNOWN] * 9)  # type: ignore[attr-defined]
    with pytest.raises(Retry, match="committing"):
        opened.commit({}, {0: 1}, None)
    assert opened._ready.commit_transaction.call_count == 3, "until its time was up"  # type: ignore[attr-defined]
    opened.recover()
    opened.open.assert_called_once_with()  # type: ignore[attr-defined]


def test_nothing_is_committed_while_it_is_not_known_where_the_states_are(opened: KafkaSink) -> None:
    with pytest.raises(Retry, match=r"did not take the states of partitions \[1\] in time"):
        opened.commit({0: {}, 1: {b"u": b"state"}}, {0: 1, 1: 1}, None)
    opened._ready.commit_transaction.assert_not_called()  # type: ignore[attr-defined]


def test_after_a_commit_that_has_failed_its_transaction_is_aborted(opened: KafkaSink, clock: Clock) -> None:
    opened._ready.fail(clock, 4.0, TO_BE_ABORTED)  # type: ignore[attr-defined]
    with pytest.raises(Retry, match="committing"):
        opened.commit({}, {0: 1}, None)
    opened.recover()
    opened._ready.abort_transaction.assert_called_once()  # type: ignore[attr-defined]
    opened.open.assert_not_called()  # type: ignore[attr-defined]


def test_more_records_than_the_local_queue_holds_all_arrive_in_order(kafka_log: KafkaLog) -> None:
    more = {"SONGPRINT_KAFKA__PRODUCER_OPTIONS": '{"queue.buffering.max.messages": 10, "linger.ms": 0}'}
    source, sink = kafka_log.source(), kafka_log.sink(**more)
    own(source)
    sink.open()
    sink.begin()
    sink.publish([(b"u", b"%d" % number, [("n", b"1")] if number % 2 else None) for number in range(300)])
    changed: dict[bytes, bytes | None] = {b"%d" % number: b"state" for number in range(300)}
    ends = sink.commit({0: changed, 1: {b"v": b"state"}}, {0: 1}, source.member())
    assert [value for _, value, _ in kafka_log.labels(300)] == [b"%d" % number for number in range(300)]
    states = kafka_log.stream.read(kafka_log.topics.states, 301)
    assert [record.key for record in states if record.partition == 0] == list(changed)
    assert ends == {0: 300, 1: 1}


@pytest.mark.parametrize(
    ("key", "value", "own_headers"),
    [
        (b"u", b"v" * LARGE, []),
        (b"k" * LARGE, None, []),
        (b"u", b"v", [("trace", b"h" * LARGE)]),
        (b"u", b"v" * (LARGE // 2), [("trace", b"h" * (LARGE // 2))]),
    ],
    ids=["value", "key", "headers", "both"],
)
def test_an_event_too_large_for_a_dead_letter_is_told_by_reference(
    kafka_log: KafkaLog, key: bytes, value: bytes | None, own_headers: list[tuple[str, bytes | None]]
) -> None:
    source, sink = kafka_log.source(), kafka_log.sink()
    own(source)
    sink.open()
    sink.begin()
    sink.bury(DeadLetter(key, value, own_headers, ABOUT, 2_000))
    sink.bury(DeadLetter(b"u", b"small", [], ABOUT, 2_000))
    commit_only(sink, source)
    dropped = b"%d" % len(value or b"")
    assert sorted(kafka_log.letters(2), key=str) == sorted(
        [
            (None, None, {**dict(ABOUT), "songprint.value.dropped.bytes": dropped}),
            (b"u", b"small", dict(ABOUT)),
        ],
        key=str,
    )


def test_the_largest_dead_letter_is_kept_whole(kafka_log: KafkaLog) -> None:
    source, sink = kafka_log.source(), kafka_log.sink()
    own(source)
    sink.open()
    sink.begin()
    value = b"v" * (LARGE - 2_000)
    sink.bury(DeadLetter(b"u", value, [], ABOUT, 2_000))
    commit_only(sink, source)
    assert kafka_log.letters(1) == [(b"u", value, dict(ABOUT))]


def test_users_get_the_partition_that_javas_producers_choose(kafka_log: KafkaLog) -> None:
    users = [b"user-%d" % number for number in range(40)]
    for user in users:
        kafka_log.stream.send(user, b"{}")
    kafka_log.stream.flush()
    source, sink = kafka_log.source(), kafka_log.sink()
    own(source)
    sink.open()
    sink.begin()
    sink.publish([(user, b"{}", None) for user in users])
    commit_only(sink, source)
    topics = (kafka_log.topics.events, kafka_log.topics.labels)
    read = kafka_log.stream.read
    sent, labelled = ({record.key: record.partition for record in read(topic, len(users))} for topic in topics)
    assert sent == labelled
    assert set(labelled.values()) == {0, 1}


def test_a_member_of_a_generation_that_is_over_cannot_commit(kafka_log: KafkaLog) -> None:
    """Its partitions may belong to someone else by now."""
    first, second, sink = kafka_log.source(), kafka_log.source(SONGPRINT_KAFKA__INSTANCE="b"), kafka_log.sink()
    owner, newcomer = own(first), Owner()
    old = first.member()
    second.subscribe(newcomer)

    def shared() -> bool:
        first.poll(1, 0.02)
        second.poll(1, 0.02)
        return len(owner.owned) == len(newcomer.owned) == 1

    eventually(shared, "each has one partition")
    sink.open()
    sink.begin()
    sink.publish([(b"u", b"late", None)])
    with pytest.raises(Retry):
        sink.commit({0: {b"u": b"late"}}, {0: 1}, old)
    sink.recover()
    assert first.committed(0, 10.0) == Committed(NO_OFFSET)
    commit(sink, first)
    assert kafka_log.labels() == []
    assert first.committed(0, 10.0) == Committed(1, 3), "behind the state that was aborted, and its marker"


def test_a_topic_that_takes_no_large_records_stops_the_worker(kafka_log: KafkaLog) -> None:
    small = TopicPlan(f"{kafka_log.topics.dead_letters}-small", 1, {"max.message.bytes": "1000"})
    kafka_log.stream.admin.create([small], 1)
    kafka_log.topics = kafka_log.topics._replace(dead_letters=small.name)
    source, sink = kafka_log.source(), kafka_log.sink()
    own(source)
    sink.open()
    sink.begin()
    sink.bury(DeadLetter(b"u", random.Random(1).randbytes(5_000), [], ABOUT, 2_000))
    with pytest.raises(Stop, match=r"Message size too large .*; raise the topic's max.message.bytes"):
        commit_only(sink, source)


def test_states_of_which_it_is_not_told_where_they_stand_are_not_committed(
    kafka_log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The offsets could not say how far the changelog reaches."""
    source, sink = kafka_log.source(), kafka_log.sink()
    own(source)
    sink.open()
    sink.begin()
    with monkeypatch.context() as late:
        late.setattr(sink, "_delivered", lambda *_told: None)
        with pytest.raises(Retry, match=r"did not take the states of partitions \[0\] in time"):
            sink.commit({0: {b"u": b"state"}, 1: {}}, {0: 1}, source.member())
    sink.recover()
    assert source.committed(0, 10.0) == Committed(NO_OFFSET)
    commit(sink, source)
