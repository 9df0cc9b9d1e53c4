"""The changelog read back from Kafka."""

from collections.abc import Mapping
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from worker.adapters.kafka_client import make_client
from worker.adapters.kafka_errors import sorted_error
from worker.adapters.kafka_offsets import look_up
from worker.adapters.ports import StateChange


class KafkaChangelog:
    """A `Changelog` on the state topic; reads one partition at a time.

    Args:
        options: librdkafka's settings of a read_committed consumer that reports the end of a partition.
        admin: for the ends that open transactions hide from a read_committed consumer.
    """

    def __init__(self, options: Mapping[str, Any], admin: AdminClient, topic: str) -> None:
        self._consumer = make_client(Consumer, {**options, "enable.partition.eof": True})
        self._admin = admin
        self._topic = topic
        self._position = 0

    def end(self, partition: int) -> int:
        # Beyond open transactions: a committed one's marker may not have reached this topic yet, and a read_committed
        # end stops before it.
        return look_up(self._admin, TopicPartition(self._topic, partition), OffsetSpec.latest())

    def start(self, partition: int) -> int:
        return look_up(self._admin, TopicPartition(self._topic, partition), OffsetSpec.earliest())

    def seek(self, partition: int, offset: int) -> None:
        self._position = offset
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])

    def read(self, limit: int, timeout: float) -> list[StateChange]:
        first = self._consumer.poll(timeout)
        if first is None:
            return []
        changes = []
        for message in [first, *self._consumer.consume(limit - 1, 0)]:
            error, offset = message.error(), cast(int, message.offset())
            if error is None:
                self._position = offset + 1
                changes.append(StateChange(message.key() or b"", message.value()))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._position = offset  # beyond markers and compacted gaps, which no record shows
            elif not error.retriable():
                raise sorted_error(error, f"reading {self._topic}")
        return changes

    def position(self) -> int:
        return self._position

    def close(self) -> None:
        self._consumer.close()
