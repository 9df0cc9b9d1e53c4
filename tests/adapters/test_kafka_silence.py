"""A partition that librdkafka no longer fetches is found and fetched again; one without events is left alone.

librdkafka loses a partition once in thousands of rebalances (its issue #5591). Here one is paused behind the source's
back, which comes to the same: it is assigned and resumed, and nothing comes.
"""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from tests.adapters.logs import PARTITIONS, KafkaLog, Owner
from tests.adapters.looks import Looks
from tests.stream import PATIENCE, eventually
from worker.adapters import kafka_silence
from worker.adapters.kafka_silence import JOINS, LOOK_SECONDS, SILENT_SECONDS, Silence
from worker.adapters.kafka_source import KafkaSource
from worker.errors import Stop


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_silence, "LOOK_SECONDS", 0.3)
    monkeypatch.setattr(kafka_silence, "SILENT_SECONDS", 1.0)


class Reader:
    """A member that resumes what it is assigned, and may have its first partition paused as librdkafka would."""

    def __init__(self, source: KafkaSource, *, always_paused: bool = False) -> None:
        self.source = source
        self.seen: list[tuple[int, int]] = []
        self._always_paused = always_paused
        self._owner = Owner()
        self._resumed = 0
        self._ends = dict.fromkeys(range(PARTITIONS), 0)
        source.subscribe(self._owner)
        eventually(self._is_resumed, "every partition is resumed")

    def _is_resumed(self) -> bool:
        self.poll()
        return self._resumed > 0

    def pause(self) -> None:
        self.source._consumer.pause([TopicPartition(self.source._topic, 0)])

    def poll(self) -> None:
        records = self.source.poll(100, 0.05)
        if records is not None:
            self.seen += zip(records.partitions, records.offsets, strict=True)
            self._ends.update(records.ends())
        times = self._owner.told.count(("assigned", list(range(PARTITIONS))))
        if times > self._resumed:
            self._resumed = times
            for partition, offset in self._ends.items():
                self.source.resume(partition, offset)
            if self._always_paused:
                self.pause()

    def saw(self, *places: tuple[int, int]) -> bool:
        self.poll()
        return sorted(self.seen) == sorted(places)


def warnings(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if "delivers none" in record.message]


def test_a_partition_that_is_not_fetched_is_fetched_by_a_new_consumer(
    kafka_log: KafkaLog, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(kafka_log.source())
    kafka_log.send(0, b"x")
    eventually(lambda: reader.saw((0, 0)), "the first event")
    reader.pause()
    kafka_log.send(0, b"x", b"x")
    kafka_log.send(1, b"x")
    eventually(lambda: reader.saw((0, 0), (1, 0)), "the event of the other partition")
    assert not warnings(caplog)
    eventually(lambda: reader.saw((0, 0), (0, 1), (0, 2), (1, 0)), "all events")
    (warning,) = warnings(caplog)
    assert (warning.partition, warning.offset, warning.end) == (0, 1, 3)
    assert warning.state["fetch_state"] == "active", "what librdkafka says of it"


def test_a_partition_that_stays_silent_stops_the_worker(kafka_log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader(kafka_log.source(), always_paused=True)
    kafka_log.send(0, b"x")
    with pytest.raises(Stop, match=rf"partition 0 of {kafka_log.topics.events} ends at 1, but the event at 0 does not"):
        eventually(reader.poll, "it gives up")
    assert len(warnings(caplog)) == JOINS


def test_what_cannot_be_delivered_is_not_missed(
    kafka: str, topic_prefix: str, kafka_log: KafkaLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Markers and aborted records at a partition's end, and the records of a transaction that is open."""
    source = kafka_log.source()
    looks = Looks(source._silence._admin)
    source._silence._admin = looks  # type: ignore[assignment]
    reader = Reader(source)
    outside = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic_prefix}outside"})
    outside.init_transactions(PATIENCE)
    for end in (outside.abort_transaction, outside.commit_transaction, lambda _seconds: None):
        outside.begin_transaction()
        outside.produce(kafka_log.topics.events, b"x", b"u", 0)
        assert outside.flush(PATIENCE) == 0
        end(PATIENCE)
    eventually(lambda: reader.saw((0, 2)), "the committed event")
    looks.calls.clear()
    eventually(lambda: reader.poll() or looks.calls["list_offsets"] == 3, "three looks later")
    assert not warnings(caplog)
    outside.commit_transaction(PATIENCE)
    eventually(lambda: reader.saw((0, 2), (0, 4)), "the event of the last transaction")


def test_without_statistics_nothing_is_missed(kafka_log: KafkaLog) -> None:
    """Which alone tell a partition's last events from transaction markers."""
    now = 0.0
    reader = Reader(kafka_log.source(statistics_ms=0, clock=lambda: now))
    reader.source._silence._admin = looks = Looks(reader.source._silence._admin)  # type: ignore[assignment]
    for _ in range(3):
        now += 60.0
        reader.poll()
    assert looks.calls["list_offsets"] == 0


def test_what_a_partition_delivered_before_it_was_paused_is_no_measure_any_more(kafka_log: KafkaLog) -> None:
    source = kafka_log.source()
    forgotten: list[int] = []
    source._silence = SimpleNamespace(forget=forgotten.append, found=lambda _delivered: {})  # type: ignore[assignment]
    reader = Reader(source)
    forgotten.clear()
    source.pause([1])
    assert forgotten == [1]
    source.close()
    assert sorted(forgotten) == [0, 1, 1]
    assert reader.seen == []


class Answers:
    """An admin client with the answers of a broken connection, of an error, and of a partition that has an event."""

    def __init__(self) -> None:
        self.renewed = 0

    def list_offsets(self, parts: dict[TopicPartition, object], **_more: object) -> dict[TopicPartition, Future[Any]]:
        futures = {part: Future[Any]() for part in parts}
        for part, future in futures.items():
            if part.partition == 1:
                future.set_exception(KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE)))
            else:
                future.set_result(SimpleNamespace(offset=[-1, None, 8][part.partition]))
        return futures

    def list_topics(self, *_args: object) -> None:
        self.renewed += 1
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def test_a_look_that_fails_for_some_partitions_is_one_at_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    now, admin = 0.0, Answers()
    silence = Silence(admin, "events", lambda: now)  # type: ignore[arg-type]
    delivered = {0: 7, 1: 7, 2: 7}
    assert silence.found(delivered) == {}
    now += LOOK_SECONDS
    assert silence.found(delivered) == {}, "the look is taken"
    assert silence.found(delivered) == {}, "the answers are there"
    assert admin.renewed == 1
    now += SILENT_SECONDS - 1
    assert silence.found(delivered) == {}
    now += 1
    assert silence.found(delivered) == {2: 8}


def test_after_a_broken_connection_the_leaders_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as an offset that is none, not as an error."""
    monkeypatch.undo()
    now, admin = LOOK_SECONDS, Answers()
    silence = Silence(admin, "events", lambda: now)  # type: ignore[arg-type]
    now += LOOK_SECONDS
    assert (silence.found({0: 7}), silence.found({0: 7})) == ({}, {})
    assert admin.renewed == 1


def test_a_partition_that_was_paused_meanwhile_has_its_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    now = 0.0
    silence = Silence(Answers(), "events", lambda: now)  # type: ignore[arg-type]
    for paused, found in ((True, {}), (False, {2: 8})):
        now += LOOK_SECONDS
        silence.found({2: 7})
        silence.found({2: 7})
        if paused:
            silence.forget(2)
        now += SILENT_SECONDS
        assert silence.found({2: 7}) == found
