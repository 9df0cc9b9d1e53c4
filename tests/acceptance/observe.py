"""Reading back everything that can be seen from outside, once all workers have stopped."""

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.acceptance.records import Copy, Observation, Seen
from tests.acceptance.servers import RedisPair
from tests.stream import Stream

PROBE = ("probe", b"")
"""The header of the plain record that is appended to every partition to see whether a reader gets there."""
STUCK_SECONDS = 30.0
PATIENCE = 60.0


def observe(stream: Stream, redis: RedisPair, model: str) -> Observation:
    outputs = (stream.topics.labels, stream.topics.dead_letters, stream.topics.states)
    _append_probes(stream, outputs)
    unreached: list[tuple[str, int]] = []
    labels, letters, changelog = (_read(stream, topic, unreached, until_probe=True) for topic in outputs)
    inputs = _read(stream, stream.topics.events, unreached, until_probe=False)
    partitions = {seen.partition for seen in inputs}
    return Observation(
        inputs=inputs,
        labels=labels,
        letters=letters,
        changelog=changelog,
        copies={partition: _copy(stream, redis, partition) for partition in partitions},
        committed=stream.group.committed(stream.topics.events),
        model=model,
        unreached=unreached,
    )


def _partitions(stream: Stream, topic: str) -> list[int]:
    return list(stream.admin.admin.list_topics(topic, PATIENCE).topics[topic].partitions)


def _append_probes(stream: Stream, topics: tuple[str, ...]) -> None:
    producer = Producer({"bootstrap.servers": stream.settings.kafka.bootstrap_servers})
    for topic in topics:
        for partition in _partitions(stream, topic):
            producer.produce(topic, b"", b"probe", partition, headers=[PROBE])
    assert producer.flush(PATIENCE) == 0, "the plain records were not written"


def _read(stream: Stream, topic: str, unreached: list[tuple[str, int]], *, until_probe: bool) -> list[Seen]:
    """All committed records of a topic up to the probe, or to the end, of each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": stream.settings.kafka.bootstrap_servers,
            "group.id": "observer",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": not until_probe,
            "check.crcs": True,
        }
    )
    left = set(_partitions(stream, topic))
    consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
    records = []
    try:
        for seen, ended in _messages(consumer):
            if ended is not None:
                left.discard(ended)
            elif seen is not None:
                records.append(seen)
            if not left:
                break
    finally:
        consumer.close()
    unreached += [(topic, partition) for partition in sorted(left)]
    return sorted(records, key=lambda seen: seen.place)


def _messages(consumer: Consumer) -> Iterator[tuple[Seen | None, int | None]]:
    """Records, and the partitions that are at their end, until nothing has come for a while."""
    stuck = time.monotonic() + STUCK_SECONDS
    while time.monotonic() < stuck:
        for message in consumer.consume(5000, 0.2):
            stuck = time.monotonic() + STUCK_SECONDS
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    yield None, message.partition()
                continue
            headers = message.headers() or []
            if headers == [PROBE]:
                yield None, message.partition()
                continue
            yield (
                Seen(
                    message.partition(),
                    message.offset(),
                    message.timestamp()[1],
                    message.key(),
                    message.value(),
                    headers,
                ),
                None,
            )


def _copy(stream: Stream, redis: RedisPair, partition: int) -> Copy:
    fields = redis.ask(lambda client: client.hgetall(stream.cache.key(partition)))
    assert isinstance(fields, dict)
    watermark = fields.pop(b"", None)
    return Copy(watermark, fields)
