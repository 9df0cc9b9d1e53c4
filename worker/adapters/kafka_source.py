"""Events from Kafka: one consumer of one group, whose offsets are committed by the sink's transactions."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from worker.adapters.kafka_batch import headers_of, offset_of, partition_of, turned_back
from worker.adapters.kafka_client import close_member, make_client
from worker.adapters.kafka_errors import error_of, sorted_error
from worker.adapters.kafka_membership import Membership
from worker.adapters.kafka_offsets import look_up, read_position
from worker.adapters.kafka_silence import Silence
from worker.adapters.kafka_statistics import Statistics
from worker.adapters.kafka_unowned import Unowned
from worker.adapters.ports import NO_OFFSET, Committed, Ownership, Records
from worker.errors import Retry, Stop

log = logging.getLogger(__name__)

_NEVER = 1 << 63  # no record stands there
# An error of the consumer itself tells its cause in its text alone.
_STILL_A_MEMBER = KafkaError(KafkaError.UNRELEASED_INSTANCE_ID).str()
RELEASE_SECONDS = 90.0
"""For how long the broker counts a killed worker at most: its group.consumer.session.timeout.ms, 45 to 60 s."""
JOIN_SECONDS = 1.0
"""Between two attempts to join."""
_HIDDEN = {KafkaError._TIMED_OUT, KafkaError.UNSTABLE_OFFSET_COMMIT, KafkaError._TIMED_OUT_QUEUE}


class KafkaSource:
    """A `Source` on a Kafka topic. Used from one thread only.

    Args:
        options: librdkafka's settings, complete (see `assemble.py`).
        admin: for look-ups beside the consumer.
        topic: the events topic.
        incremental: whether the group's protocol is cooperative, so that assignments come as differences.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        admin: AdminClient,
        topic: str,
        *,
        incremental: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._statistics = Statistics(topic)
        self._options = {**options, "stats_cb": self._statistics.take_in}
        self._consumer = make_client(Consumer, self._options)
        self._clock = clock
        self._refused_at: float | None = None  # since when the group does not let this member in
        self._join_at: float | None = None  # when to try again
        self._admin = admin
        self._topic = topic
        self._incremental = incremental
        self._membership = self._consumer_protocol()
        self._unowned = self._static_members()
        self._silence = Silence(admin, topic, clock)
        self._epoch = 0
        self._position: dict[int, int] = {}  # of the partitions that may be delivered

    def _consumer_protocol(self) -> Membership | None:
        if self._options.get("group.protocol") != "consumer":
            return None
        group, member = self._options["group.id"], self._options["group.instance.id"]
        return Membership(self._admin, group, member, self._topic, self._clock)

    def _static_members(self) -> Unowned | None:
        if self._membership or "group.instance.id" not in self._options:
            return None
        return Unowned(self._admin, self._options, self._topic, self._clock)

    def subscribe(self, ownership: Ownership) -> None:
        self._ownership = ownership

        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self._refused_at = None
            self._epoch += 1
            # The restore decides where to begin; until then the position is a placeholder and nothing is delivered.
            placeholders = [TopicPartition(tp.topic, tp.partition, OFFSET_BEGINNING) for tp in partitions]
            (consumer.incremental_assign if self._incremental else consumer.assign)(placeholders)
            consumer.pause(placeholders)
            ownership.assigned([tp.partition for tp in partitions])

        def gone(consumer: Consumer, partitions: list[TopicPartition], tell: Any) -> None:
            self._epoch += 1
            numbers = [tp.partition for tp in partitions]
            tell(numbers)
            for number in numbers:
                self._stop(number)
            if self._incremental:
                consumer.incremental_unassign(partitions)
            else:
                consumer.unassign()

        self._consumer.subscribe(
            [self._topic],
            on_assign=assigned,
            on_revoke=lambda consumer, partitions: gone(consumer, partitions, ownership.revoked),
            on_lost=lambda consumer, partitions: gone(consumer, partitions, ownership.lost),
        )

    def poll(self, limit: int, timeout: float) -> Records | None:
        if self._join_at is not None and self._clock() >= self._join_at:
            self._join_anew()
        if self._membership and (unclear := self._membership.misunderstood(self._assigned)):
            log.warning("the group and this worker disagree; joining anew", extra={"partitions": sorted(unclear)})
            self._join_anew()
        if self._unowned:
            self._unowned.tend()
        epoch = self._epoch
        # The first record by poll, which wakes at once; the rest of what is there in one call, without waiting.
        first = self._consumer.poll(timeout)
        if first is None:
            self._break_silence()
            return None
        messages = [first, *self._consumer.consume(limit - 1, 0)] if limit > 1 else [first]
        if epoch != self._epoch:
            self._rewind(messages)
            return None
        if any(map(Message.error, messages)):
            messages = [message for message in messages if not self._failed(message)]
        partitions, offsets = list(map(partition_of, messages)), list(map(offset_of, messages))
        misplaced = self._misplaced(partitions, offsets)
        if misplaced:
            messages = [message for message in messages if partition_of(message) not in misplaced]
            partitions, offsets = list(map(partition_of, messages)), list(map(offset_of, messages))
        return self._records(messages, partitions, offsets) if messages else None

    def _records(self, messages: list[Message], partitions: list[int], offsets: list[int]) -> Records:
        records = Records(
            partitions,
            offsets,
            [timestamp[1] for timestamp in map(Message.timestamp, messages)],
            list(map(Message.key, messages)),
            list(map(Message.value, messages)),
            lambda index: headers_of(messages[index]),
            self._consumer.consumer_group_metadata(),
        )
        self._position.update(records.ends())
        return records

    def _misplaced(self, partitions: list[int], offsets: list[int]) -> set[int]:
        """Partitions whose records are not to be delivered, or come from before the position, or go back to there.

        That happens: a seek may be undone by the answer to an older look-up of the placeholder (librdkafka #2256,
        #5345). Such a partition is sought again; without this, its events would be labelled twice.
        """
        first = dict(zip(reversed(partitions), reversed(offsets), strict=True))
        wrong = {partition for partition, offset in first.items() if offset < self._position.get(partition, _NEVER)}
        wrong |= turned_back(partitions, offsets)
        for partition in wrong & self._position.keys():
            self._seek(partition, self._position[partition])
        return wrong

    def _failed(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise Stop(
                f"partition {message.partition()} of {self._topic} no longer has the next event: {error.str()}; "
                "events were deleted before they were processed. Raise the topic's retention, and start anew with "
                "`python -m worker reset`"
            )
        if error.code() == KafkaError._FATAL:
            if _STILL_A_MEMBER in error.str() and self._wait_for_release(error):
                return True
            raise Stop(
                f"Kafka, reading {self._topic}: {error.str()}. This consumer can never go on; if another worker uses "
                "this instance name, set SONGPRINT_KAFKA__INSTANCE"
            )
        problem = sorted_error(error, f"reading {self._topic} as a member of {self._options['group.id']}")
        if isinstance(problem, Stop) or not error.retriable():
            raise problem
        return True

    def _wait_for_release(self, error: KafkaError) -> bool:
        """Under the consumer protocol a worker that was killed is a member until its session times out, and the broker
        lets nobody in under its name before. False once it has taken too long for that: then somebody is alive there.
        """
        now = self._clock()
        if self._refused_at is None:
            self._refused_at = now
            log.warning("the group still counts this worker's last life; waiting", extra={"cause": error.str()})
        self._join_at = now + JOIN_SECONDS
        return now - self._refused_at <= RELEASE_SECONDS

    def _join_anew(self) -> None:
        """A consumer that was refused never tries again by itself, and one that was not told never asks."""
        self._join_at = None
        close_member(self._consumer)
        self._consumer = make_client(Consumer, self._options)
        self._membership = self._consumer_protocol()
        self.subscribe(self._ownership)

    def _break_silence(self) -> None:
        """Nothing waits to be delivered: a partition that has events and delivers none is fetched by a new consumer."""
        if not self._statistics.told:
            return  # markers at a partition's end would be taken for events
        silent = self._silence.found({partition: self._delivered(partition) for partition in self._position})
        for partition, end in silent.items():
            state = self._statistics.state(partition)
            about = {"partition": partition, "offset": self._position[partition], "end": end, "state": state}
            log.warning("a partition with events delivers none; joining anew", extra=about)
        if silent:
            self._join_anew()

    def _delivered(self, partition: int) -> int:
        # What librdkafka tells goes beyond the position where transaction markers, which are no events, follow it.
        return max(self._statistics.delivered(partition), self._position[partition])

    def _assigned(self) -> set[int]:
        return {tp.partition for tp in self._consumer.assignment()}

    def _rewind(self, messages: list[Message]) -> None:
        """Gives back a poll during which the assignment changed: kept partitions are read again from where it began."""
        first: dict[int, int] = {}
        kept = self._assigned() & self._position.keys()
        for message in messages:
            if message.error() is None and partition_of(message) in kept:
                first.setdefault(partition_of(message), offset_of(message))
        for partition, offset in first.items():
            self._seek(partition, offset)
        for message in messages:
            # It is told once only. Without a topic it is the consumer's own; partitions that are gone are others' now.
            if message.topic() is None or partition_of(message) in kept:
                self._failed(message)

    def committed(self, partition: int, timeout: float) -> Committed | None:
        try:
            (answer,) = self._consumer.committed([TopicPartition(self._topic, partition)], timeout=timeout)
        except KafkaException as exception:
            if error_of(exception).code() in _HIDDEN:
                return None
            raise sorted_error(error_of(exception), "asking for the committed offset") from exception
        if answer.error is not None:
            if answer.error.code() in _HIDDEN:
                return None
            raise sorted_error(answer.error, "asking for the committed offset")
        if answer.offset == OFFSET_INVALID:
            return Committed(NO_OFFSET)
        return Committed(int(answer.offset), read_position(answer.metadata))

    def bounds(self, partition: int) -> tuple[int, int]:
        # By the admin client: the consumer's own connection may be busy for half a second with a fetch that waits.
        part = TopicPartition(self._topic, partition)
        return look_up(self._admin, part, OffsetSpec.earliest()), look_up(self._admin, part, OffsetSpec.latest())

    def member(self) -> object:
        return self._consumer.consumer_group_metadata()

    def pause(self, partitions: Iterable[int]) -> None:
        parts = [TopicPartition(self._topic, partition) for partition in partitions]
        self._consumer.pause(parts)
        for part in parts:
            self._stop(part.partition)

    def resume(self, partition: int, offset: int) -> None:
        self._seek(partition, offset)
        self._consumer.resume([TopicPartition(self._topic, partition)])
        self._position[partition] = offset

    def _stop(self, partition: int) -> None:
        self._position.pop(partition, None)
        self._statistics.forget(partition)
        self._silence.forget(partition)

    def _seek(self, partition: int, offset: int) -> None:
        self._statistics.forget(partition)
        try:
            self._consumer.seek(TopicPartition(self._topic, partition, offset))
        except KafkaException as exception:
            raise Retry(f"Kafka, seeking partition {partition}: {error_of(exception).str()}", "kafka") from exception

    def lag(self) -> Mapping[int, int]:
        ends = {partition: self._statistics.end(partition) for partition in self._position}
        return {
            partition: max(0, end - self._delivered(partition)) for partition, end in ends.items() if end is not None
        }

    def close(self) -> None:
        if self._unowned:
            self._unowned.close()
        close_member(self._consumer)
