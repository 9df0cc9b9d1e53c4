"""Sending events and reading labels, as any client of the stream does."""

import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, Producer, TopicPartition

from deploy.demo.errors import DemoError
from deploy.demo.events import Event
from worker.contract.user_label import Source, UserLabel
from worker.settings import Kafka

REQUEST_SECONDS = 10.0
SILENCE_SECONDS = 60.0
"""Without a label for so long, those that are missing count as lost."""


class Sender:
    """Writes events at a steady pace."""

    def __init__(self, kafka: Kafka) -> None:
        self._topic = kafka.events_topic
        # All producers of a topic have to agree on the partitioner, or a user's events end up in two partitions.
        self._producer = Producer(
            {**kafka.client_options(), "partitioner": "murmur2_random", "linger.ms": 0, "log_level": 3}
        )

    def send(self, event: Event) -> None:
        self._producer.produce(self._topic, event.value, event.user)
        self._producer.poll(0)

    def flush(self) -> None:
        """Returns when the broker has everything. Raises DemoError if it does not take it."""
        if left := self._producer.flush(REQUEST_SECONDS):
            raise DemoError(f"Kafka did not take {left} events within {REQUEST_SECONDS:.0f} s")


class Reader:
    """Reads committed labels from the beginning of their topic."""

    def __init__(self, kafka: Kafka) -> None:
        self._consumer = Consumer(
            {
                **kafka.client_options(),
                "group.id": f"{kafka.group}-reader",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",  # labels of aborted transactions never happened
            }
        )
        topic = self._consumer.list_topics(kafka.labels_topic, REQUEST_SECONDS).topics[kafka.labels_topic]
        self._consumer.assign([TopicPartition(topic.topic, number, OFFSET_BEGINNING) for number in topic.partitions])

    def labels(self, until: float) -> Iterator[UserLabel]:
        """Labels as they come, until `time.monotonic()` has reached `until`."""
        while (left := until - time.monotonic()) > 0:
            message = self._consumer.poll(left)
            if message is not None:
                yield _decoded(message)

    def close(self) -> None:
        self._consumer.close()


def _decoded(message: Message) -> UserLabel:
    if error := message.error():
        raise KafkaException(error)
    value = message.value()
    assert value is not None, "a tombstone, though nobody was erased or objected"
    return msgspec.json.decode(value, type=UserLabel)


def play(
    events: Sequence[Event],
    pace: float,
    kafka: Kafka,
    check: Callable[[], None],
    arrived: Callable[[UserLabel], None],
) -> None:
    """Send `pace` events a second, and pass on the labels until there is one for each event.

    `check` raises if what should make the labels has died. Raises DemoError if labels are missing or repeated.
    """
    sender, reader = Sender(kafka), Reader(kafka)
    sources: set[Source] = set()
    try:
        for label in _labels(events, pace, sender, reader, check):
            if label.source in sources:
                raise DemoError(f"the event at {label.source} has two labels")
            sources.add(label.source)
            arrived(label)
            if len(sources) == len(events):
                break
        sender.flush()
    finally:
        reader.close()
    if missing := len(events) - len(sources):
        raise DemoError(f"{missing} of {len(events)} events have no label after {SILENCE_SECONDS:.0f} s without any")


def _labels(
    events: Sequence[Event], pace: float, sender: Sender, reader: Reader, check: Callable[[], None]
) -> Iterator[UserLabel]:
    """Labels during the sending of the events and after it, until none has come for SILENCE_SECONDS."""
    started = time.monotonic()
    for number, event in enumerate(events, start=1):
        sender.send(event)
        check()
        yield from reader.labels(started + number / pace)
    sender.flush()
    last = time.monotonic()
    while time.monotonic() < last + SILENCE_SECONDS:
        check()
        for label in reader.labels(time.monotonic() + 0.2):
            yield label
            last = time.monotonic()
