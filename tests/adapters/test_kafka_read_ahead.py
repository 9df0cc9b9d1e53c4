"""How much of a backlog a worker has in memory before it gets to it."""

import json
import random
from contextlib import closing

from confluent_kafka import Consumer, TopicPartition

from tests.adapters.logs import PARTITIONS, KafkaLog
from tests.stream import eventually
from worker.adapters.kafka_client import make_client
from worker.assemble import consumer_options

BACKLOG = 40_000_000
EVENT = 10_000
MOST = 16_000_000
LOOKS = 20


def test_a_backlog_is_not_read_into_memory(kafka_log: KafkaLog) -> None:
    noise = random.Random(1)
    for partition in range(PARTITIONS):
        kafka_log.send(partition, *(noise.randbytes(EVENT) for _ in range(BACKLOG // PARTITIONS // EVENT)))
    ahead: list[int] = []

    def told(statistics: str) -> None:
        topics = json.loads(statistics)["topics"].values()
        # Of each partition librdkafka tells the size of the one queue that all of them share.
        ahead.append(max(part["fetchq_size"] for topic in topics for part in topic["partitions"].values()))

    options = {**consumer_options(kafka_log.settings()), "statistics.interval.ms": 100, "stats_cb": told}
    with closing(make_client(Consumer, options)) as consumer:
        consumer.assign([TopicPartition(kafka_log.topics.events, partition, 0) for partition in range(PARTITIONS)])

        def looked() -> bool:
            consumer.poll(0.05)  # takes some events, too, but far fewer than there are
            return len(ahead) >= LOOKS

        eventually(looked, "librdkafka has told often enough how much it holds")
    assert 0 < max(ahead) < MOST
