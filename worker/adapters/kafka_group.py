"""The consumer group as an operator sees it."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from worker.adapters.kafka_client import make_client
from worker.adapters.kafka_errors import error_of, sorted_error
from worker.errors import Retry, Stop

_WAIT = 10.0  # seconds that a look-up at the broker may take
# librdkafka aborts the process when a group's coordinator answers after a request has timed out (its issue #4605). So
# such a request lasts for longer than its connection may be silent, and whoever asks stops waiting before.
_LONGEST = 600.0
Found = TypeVar("Found")


def ask_for_group(admin: AdminClient, group: str, **more: Any) -> "Future[ConsumerGroupDescription]":
    """The group's description, once there is an answer, or an error after ten minutes."""
    return admin.describe_consumer_groups([group], request_timeout=_LONGEST, **more)[group]


def _result(future: "Future[Found]", doing: str) -> Found | None:
    """None if there is no such group. Raises Retry if there is no answer."""
    try:
        return future.result(_WAIT)
    except TimeoutError as error:
        raise Retry(f"Kafka, {doing}: no answer", "kafka") from error
    except KafkaException as exception:
        if error_of(exception).code() == KafkaError.GROUP_ID_NOT_FOUND:
            return None
        raise sorted_error(error_of(exception), doing) from exception


class KafkaGroup:
    """One consumer group, looked at and changed from outside.

    Args:
        options: librdkafka's settings of a client.
    """

    def __init__(self, admin: AdminClient, group: str, options: Mapping[str, Any]) -> None:
        self._admin = admin
        self._group = group
        self._options = options

    def members(self) -> dict[str, str]:
        """Name of each member that the broker still counts → its address; empty if there is no such group."""
        found = self._described()
        if found is None or found.state in {ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD}:
            return {}
        return {each.group_instance_id or each.member_id: each.host.strip("/") for each in found.members}

    def rights(self) -> frozenset[str] | None:
        """What this client may do with the group, named as Kafka's ACL operations in lower case; None: unknown."""
        found = self._described()
        if found is None or found.authorized_operations is None:
            return None
        return frozenset(each.name.lower() for each in found.authorized_operations)

    def _described(self) -> ConsumerGroupDescription | None:
        asked = ask_for_group(self._admin, self._group, include_authorized_operations=True)
        return _result(asked, f"describing the group {self._group}")

    def wait_until_empty(self, seconds: float) -> None:
        """A stopped static member counts until its session times out. Raises Stop if one stays for `seconds`."""
        given_up = time.monotonic() + seconds
        while members := self.members():
            if time.monotonic() > given_up:
                raise Stop(
                    f"the group {self._group} still has members ({', '.join(members)}); stop these workers first"
                )
            time.sleep(0.5)

    def committed(self, topic: str) -> dict[int, int]:
        """Partition → committed offset, of those that have one; empty if there is no such topic."""
        # Asked by a consumer: where a broker answers that it is not, or not yet, the coordinator, librdkafka's admin
        # client ends the whole process with a segmentation fault (its issue #5040).
        options = {**self._options, "group.id": self._group, "isolation.level": "read_uncommitted"}
        consumer = make_client(Consumer, {**options, "enable.auto.commit": False})
        try:
            found = consumer.list_topics(topic, _WAIT).topics[topic].partitions
            parts = [TopicPartition(topic, partition) for partition in found]
            answers = consumer.committed(parts, _WAIT) if parts else []
        except KafkaException as exception:
            raise sorted_error(error_of(exception), f"reading the offsets of {self._group}") from exception
        finally:
            consumer.close()
        return {part.partition: part.offset for part in answers if part.offset >= 0}

    def commit(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Sets the group's offsets; the group must be empty."""
        parts = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        request = ConsumerGroupTopicPartitions(self._group, parts)
        future = self._admin.alter_consumer_group_offsets([request], request_timeout=_LONGEST)[self._group]
        doing = f"setting the offsets of {self._group}"
        answers = _result(future, doing)
        if answers is None:
            raise Stop(f"Kafka, {doing}: there is no such group")
        for answer in answers.topic_partitions:
            if answer.error is not None:  # a group with members refuses partition by partition
                raise sorted_error(answer.error, doing)

    def delete(self) -> None:
        """Forgets the group and its offsets; the group must be empty. No error if there is none."""
        future = self._admin.delete_consumer_groups([self._group], request_timeout=_LONGEST)[self._group]
        _result(future, f"deleting the group {self._group}")
