"""How long a fault is felt: until every partition has a committed label of an event that came after it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from tests.acceptance.recovery import Recovery, RecoveryWatch
from tests.adapters.logs import PARTITIONS, KafkaLog
from tests.stream import PATIENCE, eventually


def test_it_is_over_when_the_last_partition_has_a_label_of_a_later_event() -> None:
    recovery = Recovery({0: 10, 1: 20})
    for partition, offset in ((0, 9), (1, 20), (2, 99), (1, 21)):
        recovery.labelled(partition, offset)
        assert not recovery.done.is_set()
        assert recovery.seconds is None
    recovery.labelled(0, 10)
    assert recovery.done.is_set()
    assert recovery.seconds is not None


@pytest.fixture
def log(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[KafkaLog]:
    log = KafkaLog(kafka, topic_prefix, tmp_path)
    yield log
    log.close()


def test_a_label_counts_once_it_is_committed(kafka: str, topic_prefix: str, log: KafkaLog) -> None:
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic_prefix}outside"})
    producer.init_transactions(PATIENCE)

    def label(offset: int) -> None:
        producer.begin_transaction()
        producer.produce(
            log.topics.labels, msgspec.json.encode({"source": {"partition": 0, "offset": offset}}), b"u", 0
        )
        assert producer.flush(PATIENCE) == 0

    def reads() -> bool:
        label(0)
        producer.commit_transaction(PATIENCE)
        return begun.done.wait(0.05)

    with RecoveryWatch(kafka, log.topics.labels, PARTITIONS) as watch:
        begun = watch.begin({0: 0})
        eventually(reads, "it reads labels")
        early, late = watch.begin({0: 5}), watch.begin({0: 10})
        label(10)
        producer.abort_transaction(PATIENCE)
        label(5)
        producer.commit_transaction(PATIENCE)
        assert early.done.wait(PATIENCE)
        assert not late.done.is_set(), "the label was taken back"
