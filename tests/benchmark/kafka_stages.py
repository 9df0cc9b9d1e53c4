"""What the worker's own ends of Kafka cost: reading a batch of events, and writing its labels in a transaction."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice

from tests.benchmark.contender import Contention
from tests.benchmark.servers import PARTITIONS, Servers
from tests.benchmark.workload import Workload
from worker.adapters.kafka_sink import KafkaSink
from worker.adapters.kafka_source import KafkaSource
from worker.adapters.ports import OutputRecord
from worker.assemble import consumer_options, kafka_topics, producer_options
from worker.settings import Settings

SECONDS = 60.0
"""Within which the group gives its only member all partitions, and a batch is there."""


class OnlyMember(list[int]):
    """The partitions that the group has given."""

    def assigned(self, partitions: Sequence[int]) -> None:
        self += partitions

    def revoked(self, partitions: Sequence[int]) -> None: ...

    def lost(self, partitions: Sequence[int]) -> None: ...


@contextmanager
def kafka_steps(
    servers: Servers, settings: Settings, labels: Sequence[OutputRecord], states: Mapping[bytes, bytes], turns: int
) -> Iterator[dict[str, Callable[[], object]]]:
    """Steps over one batch, with topics of their own that hold events for so many `turns`.

    Args:
        labels: as many as events are read.
        states: by user, as they are after the batch.
    """
    kafka = kafka_topics(settings)
    for topic in (kafka.topics.events, kafka.topics.labels, kafka.topics.states):
        servers.create(topic)
    servers.send(kafka.topics.events, islice(Workload().changes(), turns * len(labels)))
    source = KafkaSource(consumer_options(settings), kafka.admin, kafka.topics.events, incremental=True)
    sink = KafkaSink(producer_options(settings), kafka.topics, settings.kafka.transaction_timeout_ms / 1000)
    users = list(states)
    changed = {number: {user: states[user] for user in users[number::PARTITIONS]} for number in range(PARTITIONS)}

    def publish() -> None:
        sink.begin()
        sink.publish(labels)
        sink.commit(changed, dict.fromkeys(range(PARTITIONS), len(labels)), source.member())

    with closing(source), closing(sink):
        _join(source)
        sink.open()
        yield {"read events": lambda: _read(source, len(labels)), "publish and commit": publish}


def _join(source: KafkaSource) -> None:
    owned, given_up = OnlyMember(), time.monotonic() + SECONDS
    source.subscribe(owned)
    while len(owned) < PARTITIONS:
        source.poll(1, 0.1)
        if time.monotonic() > given_up:
            raise Contention(f"the group gave {len(owned)} of {PARTITIONS} partitions within {SECONDS:g} s")
    for partition in owned:
        source.resume(partition, 0)


def _read(source: KafkaSource, count: int) -> None:
    there, given_up = 0, time.monotonic() + SECONDS
    while there < count:
        if records := source.poll(count - there, 0.1):
            there += len(records.keys)
        if time.monotonic() > given_up:
            raise Contention(f"{there} of {count} events were read within {SECONDS:g} s")
