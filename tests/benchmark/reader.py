"""A reader of committed labels, as somebody else's service would read them."""

import time

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from tests.benchmark.contender import Contention, Job, Running
from tests.benchmark.servers import PARTITIONS
from tests.benchmark.workload import Change


class Arrived(list[Message]):
    """Labels that arrived together."""

    def __init__(self, messages: list[Message], at: float) -> None:
        super().__init__(messages)
        self.at = at
        """Seconds since 1970."""


class LabelReader:
    """Reads the labels of a job that are written from now on. A context manager."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> "LabelReader":
        self._consumer = Consumer(
            {
                "bootstrap.servers": self._job.servers.brokers,
                "group.id": "benchmark-labels",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.queue.backoff.ms": 10,
            }
        )
        ends = self._job.servers.end_offsets(self._job.labels)
        self._consumer.assign([TopicPartition(self._job.labels, number, end) for number, end in ends.items()])
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def wait_ready(self, running: Running, seconds: float) -> None:
        """Until an event in each partition has its label."""
        producer = Producer({"bootstrap.servers": self._job.servers.brokers})
        event = Change(0, [0]).value(b',"at":"2026-01-01T00:00:00.000000Z"')
        for partition in range(PARTITIONS):
            producer.produce(self._job.events, event, b"user-0", partition)
        producer.flush(seconds)
        self.read(PARTITIONS, seconds, running)

    def read(self, count: int, seconds: float, running: Running) -> list[Arrived]:
        """The next `count` labels. Raises Contention if they do not come in time."""
        arrived: list[Arrived] = []
        there, given_up = 0, time.monotonic() + seconds
        while there < count:
            if problem := running.ended():
                raise Contention(f"{self._job.group} ended by itself; its log {running.log} ends with\n{problem}")
            if time.monotonic() > given_up:
                raise Contention(f"{self._job.group}: {there} of {count} labels came in time; see {running.log}")
            if some := self._some():
                arrived.append(some)
                there += len(some)
        return arrived

    def _some(self) -> Arrived:
        first = self._consumer.poll(0.1)
        messages = [] if first is None else [first, *self._consumer.consume(1_000, 0)]
        for message in messages:
            if error := message.error():
                raise Contention(f"reading {self._job.labels}: {error.str()}")
        return Arrived(messages, time.time())
