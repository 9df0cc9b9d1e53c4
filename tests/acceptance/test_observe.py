"""What is read back is what a read_committed reader gets to, and an open transaction is noticed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Producer

from tests.acceptance import observe
from tests.adapters.logs import KafkaLog
from tests.stream import PATIENCE


@pytest.fixture
def log(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[KafkaLog]:
    log = KafkaLog(kafka, topic_prefix, tmp_path)
    yield log
    log.close()


class Redis:
    """An empty one."""

    def ask(self, _question: object) -> dict[bytes, bytes]:
        return {}


@pytest.fixture
def producer(kafka: str, topic_prefix: str) -> Producer:
    """Of transactions."""
    made = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic_prefix}outside"})
    made.init_transactions(PATIENCE)
    return made


def produce(producer: Producer, log: KafkaLog, value: bytes) -> None:
    """A label, in a transaction that stays open."""
    producer.begin_transaction()
    producer.produce(log.topics.labels, value, b"u", 1)
    producer.flush(PATIENCE)


def test_what_is_committed_is_read_back(log: KafkaLog, producer: Producer) -> None:
    log.send(0, b"event")
    produce(producer, log, b"aborted")
    producer.abort_transaction(PATIENCE)
    produce(producer, log, b"committed")
    producer.commit_transaction(PATIENCE)
    seen = observe.observe(log.stream, cast(Any, Redis()), "model")
    assert [record.value for record in seen.labels] == [b"committed"]
    assert [record.value for record in seen.inputs] == [b"event"]
    assert seen.unreached == []


def test_a_transaction_that_hangs_is_told_with_its_partition(
    log: KafkaLog, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "STUCK_SECONDS", 5.0)
    produce(producer, log, b"open")
    seen = observe.observe(log.stream, cast(Any, Redis()), "model")
    assert seen.unreached == [(log.topics.labels, 1)]
    assert seen.labels == []
    producer.abort_transaction(PATIENCE)
