"""A seek right after the assignment, which librdkafka may undo, must not bring old events back."""

from collections.abc import Sequence

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.stream import PATIENCE, eventually
from worker.adapters.kafka_source import KafkaSource

START = 50
EVENTS = 60


class SeeksAtOnce:
    """Resumes every partition within the rebalance callback, while its placeholder is still being looked up."""

    def __init__(self, source: KafkaSource) -> None:
        self._source = source

    def assigned(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self._source.resume(partition, START)

    def revoked(self, partitions: Sequence[int]) -> None: ...

    def lost(self, partitions: Sequence[int]) -> None: ...


def test_events_before_the_position_never_come(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}events"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, num_partitions=8)])[topic].result(PATIENCE)
    producer = Producer({"bootstrap.servers": kafka})
    for _ in range(EVENTS):
        for partition in range(8):
            producer.produce(topic, b"{}", b"u", partition)
    assert producer.flush(PATIENCE) == 0
    for attempt in range(5):
        options = {
            "bootstrap.servers": kafka,
            "group.id": f"{topic_prefix}{attempt}",
            "partition.assignment.strategy": "cooperative-sticky",
            "auto.offset.reset": "error",
            "enable.auto.commit": False,
        }
        source = KafkaSource(options, admin, topic, incremental=True)
        source.subscribe(SeeksAtOnce(source))
        seen: list[tuple[int, int]] = []

        def all_there(source: KafkaSource = source, seen: list[tuple[int, int]] = seen) -> bool:
            if (records := source.poll(1000, 0.1)) is not None:
                seen += zip(records.partitions, records.offsets, strict=True)
            return len(seen) >= 8 * (EVENTS - START)

        try:
            eventually(all_there, "the events from the position on")
        finally:
            source.close()
        assert sorted(seen) == [(partition, offset) for partition in range(8) for offset in range(START, EVENTS)]
