"""What only a real Kafka does to a changelog: open and aborted transactions, and markers between the records."""

import pytest
from confluent_kafka import Producer

from tests.adapters.logs import KafkaLog
from tests.stream import PATIENCE, eventually
from worker.adapters.kafka_changelog import KafkaChangelog
from worker.adapters.ports import StateChange


@pytest.fixture
def producer(kafka: str, topic_prefix: str) -> Producer:
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic_prefix}raw"})
    producer.init_transactions(PATIENCE)
    return producer


def begin(producer: Producer, log: KafkaLog, *states: bytes) -> None:
    """A transaction whose records stand in the changelog already."""
    producer.begin_transaction()
    for state in states:
        producer.produce(log.topics.states, state, b"u", 0)
    assert producer.flush(PATIENCE) == 0


def read_to(changelog: KafkaChangelog, end: int) -> list[StateChange]:
    found: list[StateChange] = []

    def reached() -> bool:
        found.extend(changelog.read(100, 0.2))
        return changelog.position() >= end

    eventually(reached, f"offset {end}")
    return found


def test_the_end_is_reached_over_markers_and_aborted_records(kafka_log: KafkaLog, producer: Producer) -> None:
    changelog = kafka_log.changelog()
    begin(producer, kafka_log, b"1")
    producer.commit_transaction(PATIENCE)
    begin(producer, kafka_log, b"aborted", b"aborted too")
    producer.abort_transaction(PATIENCE)
    end = eventually(lambda: changelog.end(0) == 5 and changelog.end(0), "the marker stands")
    changelog.seek(0, 0)
    assert read_to(changelog, end) == [StateChange(b"u", b"1")]
    assert changelog.position() == 5
    changelog.seek(0, 2)
    assert read_to(changelog, end) == [], "although not one record is left"


def test_the_end_is_not_reached_before_an_open_transaction_has_ended(kafka_log: KafkaLog, producer: Producer) -> None:
    """It may have been committed, and its marker be on its way: whoever stops before it lacks states."""
    changelog = kafka_log.changelog()
    begin(producer, kafka_log, b"1")
    producer.commit_transaction(PATIENCE)
    begin(producer, kafka_log, b"2", b"3")
    end = changelog.end(0)
    assert end == 4
    changelog.seek(0, 0)
    assert read_to(changelog, 2) == [StateChange(b"u", b"1")]
    assert changelog.read(100, 0.5) == []
    assert changelog.position() == 2
    producer.commit_transaction(PATIENCE)
    assert read_to(changelog, end) == [StateChange(b"u", b"2"), StateChange(b"u", b"3")]


def test_nothing_of_the_partition_read_before_comes_after_a_seek(kafka_log: KafkaLog, producer: Producer) -> None:
    begin(producer, kafka_log, *[b"%d" % number for number in range(1_000)])
    producer.produce(kafka_log.topics.states, b"other", b"v", 1)
    producer.commit_transaction(PATIENCE)
    changelog = kafka_log.changelog()
    for _ in range(5):
        changelog.seek(0, 0)
        eventually(lambda: changelog.read(1, 0.2), "the first state")
        changelog.seek(1, 0)
        assert read_to(changelog, 1) == [StateChange(b"v", b"other")]
