"""The ceiling: every event is read and written once, in transactions with the offsets, and nothing else is done."""

import os
import signal

from confluent_kafka import Consumer, Message, Producer, TopicPartition

BROKERS, EVENTS, COPIES, GROUP = (os.environ[f"BENCH_{name}"] for name in ("BROKERS", "EVENTS", "LABELS", "GROUP"))
BATCH = int(os.environ["BENCH_BATCH"])
LINGER = int(os.environ["BENCH_LINGER_MS"])


def main() -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": BROKERS,
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 10,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": BROKERS,
            "transactional.id": GROUP,
            "compression.type": "lz4",
            "linger.ms": LINGER,
            # A transaction that begins before the markers of the last one are written is told to come again: soon.
            "retry.backoff.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions()
    consumer.subscribe([EVENTS])
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    while not stopping:
        first = consumer.poll(0.2)
        if first is not None:
            copy([first, *consumer.consume(BATCH - 1, 0)], consumer, producer)
    consumer.close()


def copy(messages: list[Message], consumer: Consumer, producer: Producer) -> None:
    producer.begin_transaction()
    ends = {}
    for message in messages:
        producer.produce(COPIES, message.value(), message.key())
        ends[message.partition()] = message.offset() + 1
    offsets = [TopicPartition(EVENTS, partition, offset) for partition, offset in ends.items()]
    producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
    producer.commit_transaction()


if __name__ == "__main__":
    main()
