"""Topics to run the suite of sources, sinks and changelogs on: in memory, and on a real Kafka."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from tests.stream import Stream, eventually
from worker.adapters.kafka_changelog import KafkaChangelog
from worker.adapters.kafka_offsets import look_up
from worker.adapters.kafka_sink import KafkaSink
from worker.adapters.kafka_source import KafkaSource
from worker.adapters.memory import Event, MemoryBroker, MemoryChangelog, MemorySink, MemorySource
from worker.adapters.ports import Changelog, Headers, Records, Sink, Source
from worker.assemble import changelog_options, consumer_options, producer_options
from worker.errors import Retry
from worker.settings import Settings, load_settings

PARTITIONS = 2
Output = tuple[bytes | None, bytes | None, dict[str, bytes | None]]
"""Key, value and headers, as an outside reader with read_committed sees them."""


class Log(Protocol):
    """The four topics and a group, both of one test."""

    def send(self, partition: int, *values: bytes | None, headers: Headers | None = None) -> None:
        """Events of user `u`, at 1,000 milliseconds."""

    def source(self) -> Source: ...

    def sink(self) -> Sink:
        """A sink of the same transactional id each time; not opened yet."""

    def changelog(self) -> Changelog: ...

    def labels(self, count: int = 0) -> list[Output]:
        """Those that are committed, once there are `count`: a transaction's markers arrive after its commit."""

    def letters(self, count: int = 0) -> list[Output]:
        """The same of the dead letters."""

    def close(self) -> None: ...


class Owner:
    """Remembers what a source tells about rebalances."""

    def __init__(self) -> None:
        self.owned: set[int] = set()
        self.told: list[tuple[str, list[int]]] = []

    def assigned(self, partitions: Sequence[int]) -> None:
        self.told.append(("assigned", sorted(partitions)))
        self.owned |= set(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        self.told.append(("revoked", sorted(partitions)))
        self.owned -= set(partitions)

    def lost(self, partitions: Sequence[int]) -> None:
        self.told.append(("lost", sorted(partitions)))
        self.owned -= set(partitions)


def own(source: Source) -> Owner:
    """Subscribes, and polls until every partition is assigned."""
    owner = Owner()
    source.subscribe(owner)

    def all_assigned() -> bool:
        assert source.poll(100, 0.05) is None, "nothing may be delivered before it is resumed"
        return owner.owned == set(range(PARTITIONS))

    eventually(all_assigned, "every partition is assigned")
    return owner


def poll(source: Source, limit: int = 100) -> Records:
    """The next records."""
    return eventually(lambda: source.poll(limit, 0.05), "there are records")


def collect(source: Source, count: int) -> list[tuple[int, int]]:
    """Partition and offset of the next `count` records, or more if they come together."""
    places: list[tuple[int, int]] = []

    def enough() -> bool:
        records = source.poll(100, 0.05)
        if records is not None:
            places.extend(zip(records.partitions, records.offsets, strict=True))
        return len(places) >= count

    eventually(enough, f"{count} records")
    return places


class MemoryLog:
    def __init__(self) -> None:
        self.broker = MemoryBroker(PARTITIONS)

    def send(self, partition: int, *values: bytes | None, headers: Headers | None = None) -> None:
        self.broker.events[partition] += [Event(b"u", value, 1_000, headers or []) for value in values]

    def source(self) -> Source:
        return MemorySource(self.broker)

    def sink(self) -> Sink:
        return MemorySink(self.broker)

    def changelog(self) -> Changelog:
        return MemoryChangelog(self.broker)

    def labels(self, count: int = 0) -> list[Output]:
        return [(key, value, dict(headers or [])) for key, value, headers in self.broker.labels]

    def letters(self, count: int = 0) -> list[Output]:
        return [(key, value, dict([*own, *about])) for key, value, own, about, _ in self.broker.letters]

    def close(self) -> None:
        """Nothing to let go of."""


class KafkaLog:
    """Topics of their own on a real broker."""

    def __init__(self, bootstrap_servers: str, prefix: str, logs: Path) -> None:
        self.environment = {
            "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "SONGPRINT_KAFKA__GROUP": f"{prefix}group",
            "SONGPRINT_KAFKA__INSTANCE": "a",
            "SONGPRINT_KAFKA__EVENTS_TOPIC": f"{prefix}events",
            "SONGPRINT_KAFKA__LABELS_TOPIC": f"{prefix}labels",
            "SONGPRINT_KAFKA__STATE_TOPIC": f"{prefix}states",
            "SONGPRINT_KAFKA__DEAD_LETTER_TOPIC": f"{prefix}letters",
            # No test waits for either to pass.
            "SONGPRINT_KAFKA__SESSION_TIMEOUT_MS": "45000",
            "SONGPRINT_KAFKA__TRANSACTION_TIMEOUT_MS": "40000",
            "SONGPRINT_KAFKA__CONSUMER_OPTIONS": '{"fetch.wait.max.ms": 50, "heartbeat.interval.ms": 300}',
        }
        self.stream = Stream(self.environment, logs)
        self.stream.create_topics(PARTITIONS)
        self.topics = self.stream.topics
        self._closing: list[Callable[[], None]] = []
        eventually(self._led, "the new topics have leaders, and the group a coordinator")

    def _led(self) -> bool:
        admin = self.stream.admin.admin
        try:
            self.stream.group.members()
            for topic in (self.topics.events, self.topics.states):
                for partition in range(PARTITIONS):
                    look_up(admin, TopicPartition(topic, partition), OffsetSpec.latest())
        except Retry:
            return False
        return True

    def settings(self, **more: str) -> Settings:
        return load_settings(None, {}, {**self.environment, **more})

    def send(self, partition: int, *values: bytes | None, headers: Headers | None = None) -> None:
        for value in values:
            self.stream.send(b"u", value, partition=partition, timestamp=1_000, headers=headers or [])
        self.stream.flush()

    def source(self, statistics_ms: int = 100, clock: Callable[[], float] = time.monotonic, **more: str) -> KafkaSource:
        options = {**consumer_options(self.settings(**more)), "statistics.interval.ms": statistics_ms}
        source = KafkaSource(options, self.stream.admin.admin, self.topics.events, incremental=True, clock=clock)
        self._closing.append(source.close)
        return source

    def sink(self, clock: Callable[[], float] | None = None, **more: str) -> KafkaSink:
        settings = self.settings(**more)
        timeout = settings.kafka.transaction_timeout_ms / 1000
        clocks = {"clock": clock} if clock else {}
        sink = KafkaSink(producer_options(settings), self.topics, timeout, **clocks)
        self._closing.append(sink.close)
        return sink

    def changelog(self) -> KafkaChangelog:
        changelog = KafkaChangelog(changelog_options(self.settings()), self.stream.admin.admin, self.topics.states)
        self._closing.append(changelog.close)
        return changelog

    def labels(self, count: int = 0) -> list[Output]:
        return self._read(self.topics.labels, count)

    def letters(self, count: int = 0) -> list[Output]:
        return self._read(self.topics.dead_letters, count)

    def _read(self, topic: str, count: int) -> list[Output]:
        return [(record.key, record.value, dict(record.headers)) for record in self.stream.read(topic, count)]

    def close(self) -> None:
        for close in reversed(self._closing):
            close()
