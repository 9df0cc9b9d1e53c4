"""Labels, states and dead letters to Kafka, with the input offsets, in one transaction per batch."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from worker.adapters.kafka_client import make_client
from worker.adapters.kafka_errors import error_of, sorted_error
from worker.adapters.kafka_offsets import write_position
from worker.adapters.ports import NOWHERE, DeadLetter, OutputRecord
from worker.errors import Retry, Stop

FENCED_TWICE = 60.0  # seconds: fenced again within them, another process uses the same id
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}


class Topics(NamedTuple):
    events: str
    labels: str
    states: str
    dead_letters: str


class KafkaSink:
    """A `Sink` on Kafka. Used from one thread at a time.

    Args:
        options: librdkafka's settings, complete (see `assemble.py`).
        timeout: seconds that one call of the transaction protocol may take, repeats included.
    """

    def __init__(
        self, options: Mapping[str, Any], topics: Topics, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = dict(options)
        self._topics = topics
        self._timeout = timeout
        self._clock = clock
        self._producer: Producer | None = None
        self._state_ends: dict[int, int] = {}
        self._renew = False
        self._fenced_at = -FENCED_TWICE

    def check(self) -> None:
        """Whether its options are ones that a producer takes; nothing is sent. Raises Stop if not."""
        make_client(Producer, self._options)

    def open(self) -> None:
        self._discard()
        producer = make_client(Producer, self._options)
        self._protocol(
            producer.init_transactions, f"taking over the transactional id {self._options['transactional.id']}"
        )
        self._producer, self._renew = producer, False

    def begin(self) -> None:
        self._state_ends = {}
        self._protocol(lambda _timeout: self._ready.begin_transaction(), "beginning a transaction")

    def publish(self, records: Iterable[OutputRecord]) -> None:
        topic, produce = self._topics.labels, self._ready.produce
        try:
            for key, value, headers in records:
                try:
                    if headers is None:
                        produce(topic, value, key)
                    else:
                        produce(topic, value, key, headers=cast(Any, headers))
                except BufferError:
                    self._send(topic, value, key, headers=headers)
        except KafkaException as exception:
            raise sorted_error(error_of(exception), "producing labels") from exception

    def bury(self, letter: DeadLetter) -> None:
        key, value, own, about, timestamp = letter
        topic = self._topics.dead_letters
        try:
            try:
                self._send(topic, value, key, headers=[*own, *about], timestamp=timestamp)
            except KafkaException as exception:
                if error_of(exception).code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                # The event fits the events topic but not this one with more headers: these say where it stands.
                reference = [*about, ("songprint.value.dropped.bytes", b"%d" % len(value or b""))]
                self._send(topic, None, None, headers=reference, timestamp=timestamp)
        except KafkaException as exception:
            raise sorted_error(error_of(exception), "producing a dead letter") from exception

    def commit(
        self,
        states: Mapping[int, Mapping[bytes, bytes | None]],
        ends: Mapping[int, int],
        member: object,
        positions: Mapping[int, int] = NOWHERE,
    ) -> dict[int, int]:
        try:
            for partition, users in states.items():
                self._publish_states(partition, users)
        except KafkaException as exception:
            raise sorted_error(error_of(exception), "producing states") from exception
        with suppress(KafkaException, SystemError):  # a fatal error, such as being fenced: the next call tells it
            self._ready.flush(self._timeout)  # until the places of the last states are known
        # They go along with the offsets: whoever restores knows then how much of the changelog there has to be.
        reached = {**positions, **self._state_ends}
        offsets = [
            TopicPartition(self._topics.events, partition, offset, write_position(reached.get(partition, 0)))
            for partition, offset in ends.items()
        ]
        self._protocol(
            lambda timeout: self._ready.send_offsets_to_transaction(offsets, member, timeout),
            "adding the input offsets",
        )
        missing = [partition for partition, users in states.items() if users and partition not in self._state_ends]
        if missing:
            raise Retry(f"Kafka did not take the states of partitions {missing} in time", "kafka")
        self._protocol(self._ready.commit_transaction, "committing")
        return self._state_ends

    def _publish_states(self, partition: int, users: Mapping[bytes, bytes | None]) -> None:
        topic, produce = self._topics.states, self._ready.produce
        last = len(users) - 1
        for number, (user, state) in enumerate(users.items()):
            if number < last:
                try:
                    produce(topic, state, user, partition)
                except BufferError:
                    self._send(topic, state, user, partition=partition)
            else:  # a callback costs as much as the record: only the last one of a partition has it
                self._send(topic, state, user, partition=partition, on_delivery=self._delivered)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            partition, offset = cast(int, message.partition()), cast(int, message.offset())
            self._state_ends[partition] = offset + 1

    def _send(self, topic: str, value: bytes | None, key: bytes | None, **more: Any) -> None:
        """Produces one record, waiting for room in the local queue as long as a transaction may take."""
        given_up = self._clock() + self._timeout
        while True:
            try:
                self._ready.produce(topic, value, key, **{name: arg for name, arg in more.items() if arg is not None})
                return
            except BufferError as full:
                if self._clock() > given_up:
                    raise Retry("Kafka takes no records: the local queue stays full", "kafka") from full
                self._ready.poll(0.1)

    @property
    def _ready(self) -> Producer:
        if self._producer is None:
            raise Retry("Kafka: the producer has to be opened first", "kafka")
        return self._producer

    def _protocol(self, call: Callable[[float], object], doing: str) -> None:
        """One call of the transaction protocol; repeated while its outcome is unknown and there is time left."""
        given_up = self._clock() + self._timeout
        while True:
            try:
                call(max(0.1, given_up - self._clock()))
                return
            except KafkaException as exception:
                error = error_of(exception)
                if error.retriable() and self._clock() < given_up:
                    continue
                self._renew = not error.txn_requires_abort()
                if error.code() in _FENCED:
                    self._fenced(error)
                raise sorted_error(error, doing) from exception

    def _fenced(self, error: KafkaError) -> None:
        self._renew = True
        now = self._clock()
        if now - self._fenced_at < FENCED_TWICE:
            raise Stop(
                f"fenced twice within a minute ({error.str()}): another process uses the transactional id "
                f"{self._options.get('transactional.id')!r}; give each worker its own SONGPRINT_KAFKA__INSTANCE"
            )
        self._fenced_at = now

    def recover(self) -> None:
        if self._producer is None or self._renew:
            self.open()
            return
        try:
            self._protocol(self._producer.abort_transaction, "aborting")
        except Retry:
            # Whatever state the producer is in, a new one with the same id ends the transaction at the broker.
            self.open()

    def close(self) -> None:
        self._discard()

    def _discard(self) -> None:
        """Lets go of the producer without waiting for records that no one may ever see."""
        if self._producer is not None:
            self._producer.purge()
            with suppress(KafkaException):  # a fatal error, such as being fenced, is raised here once more
                self._producer.poll(0)
            self._producer = None
