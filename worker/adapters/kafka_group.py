"""The consumer group as an operator sees it."""

import time
from collections.abc import Mapping

from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from worker.adapters.kafka_errors import error_of, sorted_error
from worker.errors import Stop

_WAIT = 10.0  # seconds that a look-up at the broker may take


class KafkaGroup:
    """One consumer group, looked at and changed from outside."""

    def __init__(self, admin: AdminClient, group: str) -> None:
        self._admin = admin
        self._group = group

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
        asked = self._admin.describe_consumer_groups(
            [self._group], include_authorized_operations=True, request_timeout=_WAIT
        )
        try:
            found: ConsumerGroupDescription = asked[self._group].result()
        except KafkaException as exception:
            if error_of(exception).code() == KafkaError.GROUP_ID_NOT_FOUND:
                return None
            raise sorted_error(error_of(exception), f"describing the group {self._group}") from exception
        return found

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
        """Partition → committed offset, of those that have one."""
        request = ConsumerGroupTopicPartitions(self._group)
        future = self._admin.list_consumer_group_offsets([request], request_timeout=_WAIT)[self._group]
        try:
            parts = future.result().topic_partitions
        except KafkaException as exception:
            if error_of(exception).code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise sorted_error(error_of(exception), f"reading the offsets of {self._group}") from exception
        return {part.partition: part.offset for part in parts if part.topic == topic and part.offset >= 0}

    def commit(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Sets the group's offsets; the group must be empty."""
        parts = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        request = ConsumerGroupTopicPartitions(self._group, parts)
        future = self._admin.alter_consumer_group_offsets([request], request_timeout=_WAIT)[self._group]
        doing = f"setting the offsets of {self._group}"
        try:
            answers = future.result().topic_partitions
        except KafkaException as exception:
            raise sorted_error(error_of(exception), doing) from exception
        for answer in answers:
            if answer.error is not None:  # a group with members refuses partition by partition
                raise sorted_error(answer.error, doing)

    def delete(self) -> None:
        """Forgets the group and its offsets; the group must be empty. No error if there is none."""
        try:
            self._admin.delete_consumer_groups([self._group], request_timeout=_WAIT)[self._group].result()
        except KafkaException as exception:
            if error_of(exception).code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise sorted_error(error_of(exception), f"deleting the group {self._group}") from exception
