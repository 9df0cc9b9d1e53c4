"""The dead-letter topic as an operator sees it: read it, and send events back to where they came from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from worker.adapters.kafka_client import make_client
from worker.adapters.kafka_errors import error_of, sorted_error
from worker.adapters.ports import Headers
from worker.errors import Stop

_WAIT = 10.0  # seconds that a look-up at the broker may take
_SILENCE = 30.0  # seconds without a record before the end was reached
_POLL = 1.0
FIRST_OF_ABOUT = "__connect.errors.topic"
DROPPED = "songprint.value.dropped.bytes"
REPLAYED = "songprint.replayed.from"
"""Header of an event that was sent back: TOPIC/PARTITION/OFFSET of its dead letter."""

Answer = TypeVar("Answer")
Place = tuple[int, int]
"""Partition and offset of a dead letter."""


class Letter(NamedTuple):
    """One dead letter."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    own: Headers
    """The event's headers."""
    about: Mapping[str, str]
    """What the worker says about it."""

    @property
    def place(self) -> Place:
        return self.partition, self.offset

    @property
    def dropped(self) -> bool:
        """Whether the event was too large to be kept, so that this letter only says where it stood."""
        return DROPPED in self.about

    @property
    def replayed(self) -> bool:
        """Whether the event had been sent back before, and was rejected once more."""
        return any(name == REPLAYED for name, _ in self.own)


class KafkaDeadLetters:
    """Reads and replays one dead-letter topic.

    Args:
        options: librdkafka's settings that consumer and producer share.
        group: keeps how far the topic has been replayed.
    """

    def __init__(self, options: Mapping[str, Any], topic: str, group: str) -> None:
        self._options = dict(options)
        self._topic = topic
        self._group = group
        self._producer: Producer | None = None
        self._consumer = make_client(
            Consumer,
            {
                **options,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
            },
        )

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Partition → first offset that is still there, and the offset after the last. Raises Stop without a topic."""

        def ask() -> dict[int, tuple[int, int]]:
            found = self._consumer.list_topics(self._topic, _WAIT).topics[self._topic]
            if found.error is not None:
                raise sorted_error(found.error, f"looking for {self._topic}")
            parts = [TopicPartition(self._topic, number) for number in found.partitions]
            answers = [self._consumer.get_watermark_offsets(part, _WAIT) for part in parts]
            return {part.partition: answer for part, answer in zip(parts, answers, strict=True)}

        return self._ask(ask, f"asking for the bounds of {self._topic}")

    def passed(self, partitions: Iterable[int]) -> dict[int, int]:
        """Partition → the offset up to which letters have been replayed, where any have."""
        parts = [TopicPartition(self._topic, partition) for partition in partitions]

        def ask() -> list[TopicPartition]:
            try:
                return self._consumer.committed(parts, _WAIT)
            except KafkaException:
                # Told no group's coordinator, librdkafka waits until the time is over; why is told where records come.
                for message in self._consumer.consume(1, 0):
                    raise KafkaException(message.error()) from None
                raise

        answers = self._ask(ask, f"asking how far {self._group} has replayed letters")
        return {part.partition: part.offset for part in answers if part.offset >= 0}

    def read(self, spans: Mapping[int, tuple[int, int]]) -> Iterator[Letter]:
        """The letters from the first offset up to the second of each partition; none that arrive meanwhile."""
        left = {partition: end for partition, (start, end) in spans.items() if start < end}
        self._consumer.assign([TopicPartition(self._topic, partition, spans[partition][0]) for partition in left])
        silence, doing = 0.0, f"reading {self._topic} as {self._group}"
        while left:
            messages = self._ask(lambda: self._consumer.consume(500, _POLL), doing)
            silence = 0.0 if messages else silence + _POLL
            if silence > _SILENCE:
                raise Stop(f"{self._topic} gives no more records, but its end was not reached; is a broker away?")
            for message in messages:
                partition, offset = cast(int, message.partition()), cast(int, message.offset())
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise sorted_error(error, doing)
                if error is not None or offset >= left.get(partition, 0):
                    left.pop(partition, None)
                else:
                    yield _letter(message)
        self._consumer.unassign()

    def open(self) -> None:
        """To be called before `replay`; whoever else is replaying is stopped by it."""
        options = {**self._options, "transactional.id": self._group, "partitioner": "murmur2_random"}
        self._producer = make_client(Producer, options)
        self._ask(lambda: self._ready.init_transactions(_SILENCE), f"beginning a replay as {self._group}")

    def replay(self, letters: Iterable[Letter], topic: str, passed: Mapping[int, int]) -> None:
        """Sends events back to `topic` as they were; with them, `passed` is remembered. All of it, or nothing."""

        def send() -> None:
            self._ready.begin_transaction()
            for letter in letters:
                self._send(topic, letter)
            self._ready.flush(_SILENCE)  # why events are refused is told by the calls that come after that alone
            if passed:
                parts = [TopicPartition(self._topic, partition, offset) for partition, offset in passed.items()]
                member = self._consumer.consumer_group_metadata()
                self._ready.send_offsets_to_transaction(parts, member, _SILENCE)
            self._ready.commit_transaction(_SILENCE)

        self._ask(send, f"sending events to {topic}")

    def _send(self, topic: str, letter: Letter) -> None:
        origin = f"{self._topic}/{letter.partition}/{letter.offset}".encode()
        headers: Any = [*letter.own, (REPLAYED, origin)]
        while True:
            try:
                self._ready.produce(topic, letter.value, letter.key, timestamp=letter.timestamp, headers=headers)
                return
            except BufferError:
                self._ready.poll(_POLL)

    @property
    def _ready(self) -> Producer:
        assert self._producer is not None, "open it first"
        return self._producer

    def _ask(self, question: Callable[[], Answer], doing: str) -> Answer:
        try:
            return question()
        except KafkaException as exception:
            raise sorted_error(error_of(exception), doing) from exception

    def close(self) -> None:
        self._consumer.close()


def _letter(message: Message) -> Letter:
    headers = cast(Headers, message.headers() or [])
    # The worker's come last; an event that was sent back by some other tool may have brought older ones of that name.
    names = [name for name, _ in headers]
    cut = len(names) - 1 - names[::-1].index(FIRST_OF_ABOUT) if FIRST_OF_ABOUT in names else len(names)
    return Letter(
        cast(int, message.partition()),
        cast(int, message.offset()),
        message.timestamp()[1],
        message.key(),
        message.value(),
        headers[:cut],
        {name: (value or b"").decode(errors="replace") for name, value in headers[cut:]},
    )
