"""Dead letters as they stand in the topic: what was taken back is none, and what is sent back is as it was."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.adapters.logs import KafkaLog
from tests.stream import PATIENCE, eventually
from worker.adapters.kafka_dead_letters import REPLAYED, KafkaDeadLetters, Letter

Header = tuple[str, bytes | None]
ABOUT: list[Header] = [("__connect.errors.topic", b"events"), ("songprint.reason", b"not_json")]
OLDER: list[Header] = [("__connect.errors.topic", b"elsewhere"), ("trace", b"\x00\xff"), ("trace", None)]
"""Headers of an event that some other tool has sent back."""
SENT_AT = 1_700_000_000_000


@pytest.fixture
def producer(kafka: str, topic_prefix: str) -> Producer:
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic_prefix}outside"})
    producer.init_transactions(PATIENCE)
    return producer


@pytest.fixture
def letters(kafka: str, topic_prefix: str, kafka_log: KafkaLog) -> Iterator[KafkaDeadLetters]:
    made = KafkaDeadLetters({"bootstrap.servers": kafka}, kafka_log.topics.dead_letters, f"{topic_prefix}replay")
    yield made
    made.close()


def bury(producer: Producer, log: KafkaLog, value: bytes, *, taken_back: bool = False) -> None:
    headers: list[Header] = [*OLDER, *ABOUT]
    producer.begin_transaction()
    producer.produce(log.topics.dead_letters, value, b"u", 0, timestamp=SENT_AT, headers=headers)  # type: ignore[arg-type]
    assert producer.flush(PATIENCE) == 0
    (producer.abort_transaction if taken_back else producer.commit_transaction)(PATIENCE)


def read(letters: KafkaDeadLetters, count: int) -> list[Letter]:
    return eventually(lambda: (found := list(letters.read(letters.bounds()))) and len(found) >= count and found, "all")


def test_what_a_transaction_has_taken_back_is_no_dead_letter(
    letters: KafkaDeadLetters, producer: Producer, kafka_log: KafkaLog
) -> None:
    """The event is read again, and a replay would be a second one."""
    bury(producer, kafka_log, b"taken back", taken_back=True)
    bury(producer, kafka_log, b"kept")
    bury(producer, kafka_log, b"taken back too", taken_back=True)
    assert [letter.value for letter in read(letters, 1)] == [b"kept"]


def test_what_the_worker_says_is_told_from_what_the_event_has_brought(
    letters: KafkaDeadLetters, producer: Producer, kafka_log: KafkaLog
) -> None:
    bury(producer, kafka_log, b"{")
    (letter,) = read(letters, 1)
    assert letter.own == OLDER
    assert letter.about == {"__connect.errors.topic": "events", "songprint.reason": "not_json"}


def test_an_event_goes_back_as_it_came(
    kafka: str, letters: KafkaDeadLetters, producer: Producer, kafka_log: KafkaLog
) -> None:
    bury(producer, kafka_log, b"\xff")
    found = read(letters, 1)
    letters.open()
    letters.replay(found, kafka_log.topics.events, {0: found[0].offset + 1})
    reader = Consumer({"bootstrap.servers": kafka, "group.id": "g", "isolation.level": "read_committed"})
    reader.assign([TopicPartition(kafka_log.topics.events, number, 0) for number in range(2)])
    event = eventually(lambda: reader.poll(0.1), "the event")
    reader.close()
    assert (event.key(), event.value(), event.timestamp()[1]) == (b"u", b"\xff", SENT_AT)
    origin = f"{kafka_log.topics.dead_letters}/0/{found[0].offset}".encode()
    assert event.headers() == [*OLDER, (REPLAYED, origin)]
    eventually(lambda: letters.passed([0]) == {0: found[0].offset + 1}, "it is remembered")
