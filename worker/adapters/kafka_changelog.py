"""The changelog read back from Kafka."""

import logging
from collections.abc import Mapping
from typing import Any, cast

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from worker.adapters.kafka_errors import error_of, sorted_error
from worker.adapters.ports import StateChange

_librdkafka = logging.getLogger("librdkafka")
_WAIT = 10.0  # seconds that a look-up at the broker may take


class KafkaChangelog:
    """A `Changelog` on the state topic; reads one partition at a time.

    Args:
        options: librdkafka's settings of a read_committed consumer that reports the end of a partition.
        admin: for the ends that open transactions hide from a read_committed consumer.
    """

    def __init__(self, options: Mapping[str, Any], admin: AdminClient, topic: str) -> None:
        self._consumer = Consumer({**options, "enable.partition.eof": True}, logger=_librdkafka)
        self._admin = admin
        self._topic = topic
        self._position = 0

    def end(self, partition: int) -> int:
        # READ_UNCOMMITTED: a committed transaction's marker may not have reached this topic yet, and a read_committed
        # end stops before it.
        return self._offset(partition, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)

    def start(self, partition: int) -> int:
        return self._offset(partition, OffsetSpec.earliest(), IsolationLevel.READ_COMMITTED)

    def _offset(self, partition: int, spec: OffsetSpec, isolation: IsolationLevel) -> int:
        part = TopicPartition(self._topic, partition)
        try:
            futures = self._admin.list_offsets({part: spec}, isolation_level=isolation, request_timeout=_WAIT)
            return int(futures[part].result().offset)
        except KafkaException as exception:
            raise sorted_error(error_of(exception), f"asking for the end of {self._topic}") from exception

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
