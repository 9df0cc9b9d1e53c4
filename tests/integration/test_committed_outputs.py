"""The benchmark reads outputs whose markers a real broker has not written yet, as happens right after a commit."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.benchmark import outputs
from tests.benchmark.contender import Contention
from tests.benchmark.outputs import read_messages
from tests.stream import PATIENCE


@pytest.fixture
def topic(kafka: str, topic_prefix: str) -> str:
    name = f"{topic_prefix}outputs"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(PATIENCE)
    return name


@pytest.fixture
def writer(kafka: str, topic: str) -> Iterator[Producer]:
    """One record is committed, and the transaction with two more is open: in partition 0, markers being records too."""
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic, "linger.ms": 0})
    producer.init_transactions(PATIENCE)
    for values in ([b"a"], [b"b", b"c"]):
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, partition=0)
        assert producer.flush(PATIENCE) == 0
        if values == [b"a"]:
            producer.commit_transaction(PATIENCE)
    yield producer
    producer.abort_transaction(PATIENCE)


def consumer_that(at_an_end: Callable[[], None]) -> Callable[[Mapping[str, Any]], Consumer]:
    """A consumer that calls `at_an_end` once, when it has come to the end of what is committed."""

    class Told(Consumer):  # type: ignore[misc]
        told = False

        def consume(self, *arguments: Any) -> list[Message]:
            messages: list[Message] = super().consume(*arguments)
            if not self.told and any(message.error() for message in messages):
                self.told = True
                at_an_end()
            return messages

    return Told


def test_outputs_count_that_are_committed_after_the_end_is_reached_for_the_first_time(
    kafka: str, topic: str, writer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit() -> None:
        writer.commit_transaction(PATIENCE)
        writer.begin_transaction()

    monkeypatch.setattr(outputs, "Consumer", consumer_that(commit))
    assert [message.value() for message in read_messages(kafka, topic, {0: 4, 1: 0})] == [b"a", b"b", b"c"]


def test_a_transaction_that_stays_open_is_told(
    kafka: str, topic: str, writer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "PATIENCE", 1.0)
    reading = read_messages(kafka, topic, {0: 4, 1: 0})
    assert next(reading).value() == b"a"
    with pytest.raises(Contention, match=rf"{topic} has a transaction that is still open in partitions \[0\]"):
        next(reading)
