"""What a contender has written, as a reader of committed records sees it."""

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

import msgspec
import numpy as np
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from numpy.typing import NDArray

from tests.benchmark.contender import Contention

PATIENCE = 90.0
"""Seconds without a record; a broker aborts the transactions of a writer that is gone sooner than that."""


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


def read_messages(brokers: str, topic: str, ends: Mapping[int, int]) -> Iterator[Message]:
    """The committed records of a topic up to the end of each partition, as `Servers.end_offsets` tells it.

    What a read_committed consumer takes for the end is not enough: a broker writes the markers of a committed
    transaction one partition after another, and those of the offsets may be there before those of the outputs.
    Raises Contention if an end is not reached.
    """
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
    left = {partition: end for partition, end in ends.items() if end}
    consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
    given_up = time.monotonic() + PATIENCE
    try:
        while left:
            messages = consumer.consume(10_000, 1.0)
            if messages:
                given_up = time.monotonic() + PATIENCE
            elif time.monotonic() > given_up:
                raise Contention(f"{topic} has a transaction that is still open in partitions {sorted(left)}")
            for message in messages:
                error, partition = message.error(), cast(int, message.partition())
                if error is None:
                    yield message
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise RuntimeError(f"reading {topic}: {error.str()}")
                elif cast(int, message.offset()) >= ends[partition]:
                    left.pop(partition, None)
    finally:
        consumer.close()


def read_outputs(brokers: str, topic: str, ends: Mapping[int, int], *, labels: bool) -> Outputs:
    """What `read_messages` reads, decoded."""
    times: list[int] = []
    read: list[Output] = []
    decode = msgspec.json.Decoder(_Label).decode
    for message in read_messages(brokers, topic, ends):
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
