"""What a contender has written, as a reader of committed records sees it."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from numpy.typing import NDArray

from tests.benchmark.servers import PARTITIONS


class Output(NamedTuple):
    """A label. All contenders write these fields, and call them the same."""

    user: str
    gender: str | None
    gender_probability: float
    cluster: int
    cluster_probability: float
    songs: int
    partition: int
    offset: int


class _Gender(msgspec.Struct):
    label: str | None
    probability: float


class _Cluster(msgspec.Struct):
    id: int
    name: str
    probability: float


class _Source(msgspec.Struct):
    partition: int
    offset: int


class _Label(msgspec.Struct):
    user: str
    gender: _Gender
    cluster: _Cluster
    songs: int
    known_songs: int
    model: str
    source: _Source
    reason: str
    at: str


class Outputs(NamedTuple):
    times: NDArray[np.float64]
    """Seconds since 1970 at which the broker took each record, ascending."""
    labels: list[Output]
    """Empty for a contender that writes no labels."""


def read_messages(brokers: str, topic: str) -> Iterator[Message]:
    """All committed records of a topic, to its end."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "benchmark-reader",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    ended: set[int] = set()
    try:
        while len(ended) < PARTITIONS:
            for message in consumer.consume(10_000, 1.0):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition() or 0)
                else:
                    raise RuntimeError(f"reading {topic}: {error.str()}")
    finally:
        consumer.close()


def read_outputs(brokers: str, topic: str, *, labels: bool) -> Outputs:
    times: list[int] = []
    read: list[Output] = []
    decode = msgspec.json.Decoder(_Label).decode
    for message in read_messages(brokers, topic):
        times.append(message.timestamp()[1])
        if labels:
            label = decode(message.value() or b"")
            gender, cluster, source = label.gender, label.cluster, label.source
            read.append(
                Output(
                    label.user,
                    gender.label,
                    gender.probability,
                    cluster.id,
                    cluster.probability,
                    label.songs,
                    source.partition,
                    source.offset,
                )
            )
    return Outputs(np.sort(np.array(times, np.float64)) / 1000, read)
