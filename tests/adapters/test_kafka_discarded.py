"""Polls during which the assignment changed are discarded: their records come again, their errors are told at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import TopicPartition

from tests.adapters.logs import KafkaLog, Owner, collect, own
from tests.stream import PATIENCE, eventually
from worker.adapters.kafka_source import KafkaSource
from worker.errors import Stop


@contextmanager
def rebalancing(source: KafkaSource) -> Iterator[None]:
    """In every poll that brings something the group changes, between its first message and the rest."""
    consumer = source._consumer

    class Rebalancing:
        def __getattr__(self, name: str) -> object:
            return getattr(consumer, name)

        def consume(self, count: int, timeout: float) -> object:
            source._epoch += 1
            return consumer.consume(count, timeout)

    source._consumer = Rebalancing()  # type: ignore[assignment]
    try:
        yield
    finally:
        source._consumer = consumer


def test_its_records_are_read_again(kafka_log: KafkaLog) -> None:
    """The rest of such a batch may be of partitions that are gone, and its group metadata is of another generation."""
    kafka_log.send(0, *[b"x"] * 20)
    source = kafka_log.source()
    own(source)
    source.resume(0, 0)
    before = source._epoch
    with rebalancing(source):
        eventually(lambda: source.poll(10, 0.05) is None and source._epoch > before, "a poll was discarded")
    assert collect(source, 20) == [(0, offset) for offset in range(20)]


def test_the_error_of_a_partition_that_stays_is_told(kafka_log: KafkaLog) -> None:
    """librdkafka tells it once only; the partition would stand still for ever."""
    kafka_log.send(0, *[b"x"] * 5)
    admin = kafka_log.stream.admin.admin
    for future in admin.delete_records([TopicPartition(kafka_log.topics.events, 0, 3)]).values():
        future.result(PATIENCE)
    source = kafka_log.source()
    own(source)
    source.resume(0, 1)
    with pytest.raises(Stop, match="no longer has the next event"), rebalancing(source):
        eventually(lambda: source.poll(10, 0.05), "an error")


def test_an_error_of_the_consumer_itself_is_told(kafka_log: KafkaLog) -> None:
    """Another member of the same name has taken its place: it will never be given an event again."""
    first, second = kafka_log.source(), kafka_log.source()
    own(first)
    second.subscribe(Owner())

    def join() -> None:
        second.poll(10, 0.02)
        first.poll(10, 0.02)

    with pytest.raises(Stop, match="another worker uses this instance name"), rebalancing(first):
        eventually(join, "an error")
