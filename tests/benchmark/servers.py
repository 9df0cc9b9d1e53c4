"""The servers of a benchmark, the topics in them, and what is known of them while a contender runs."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from deploy.local.errors import LocalStackError
from deploy.local.process import ServerProcess
from deploy.local.stack import LocalStack
from tests.benchmark.steady import Snapshot
from tests.benchmark.workload import PREFIX, Change, Workload
from worker.adapters.kafka_group import KafkaGroup
from worker.errors import Retry

PARTITIONS = 8
SECONDS = 30.0
PRODUCER = {
    "enable.idempotence": True,  # or a repeated request could change the order of a user's events
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "linger.ms": 20,
    "queue.buffering.max.messages": 1_000_000,
}


@dataclass(frozen=True)
class Servers:
    """One broker and one Redis-protocol server, which belong to the benchmark alone."""

    brokers: str
    redis_url: str
    broker: ServerProcess
    cache: ServerProcess
    admin: AdminClient

    def create(self, topic: str, config: Mapping[str, str] | None = None) -> None:
        new = NewTopic(topic, PARTITIONS, 1, config=dict(config or {}))
        self.admin.create_topics([new])[topic].result(SECONDS)
        given_up = time.monotonic() + SECONDS
        while not self._serves(topic):
            if time.monotonic() > given_up:
                raise LocalStackError(f"the new topic {topic} has no leaders after {SECONDS:g} s")
            time.sleep(0.05)

    @property
    def workloads(self) -> list[str]:
        """Topics with events that several runs read."""
        return [name for name in self.admin.list_topics(timeout=SECONDS).topics if name.startswith(PREFIX)]

    def clean(self) -> None:
        """Deletes what a run has left behind, so that disk and memory are as they were."""
        kept = set(self.workloads)
        there = self.admin.list_topics(timeout=SECONDS).topics
        gone = [name for name in there if name not in kept and not name.startswith("__")]
        if gone:
            for future in self.admin.delete_topics(gone).values():
                future.result(SECONDS)
        redis.Redis.from_url(self.redis_url).flushall()

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The end of each partition, after its last record or transaction marker, whether committed or not."""
        parts = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(PARTITIONS)}
        answers = self.admin.list_offsets(parts)
        return {part.partition: answer.result(SECONDS).offset for part, answer in answers.items()}

    def ends(self, topic: str) -> int:
        """Sum of the ends: how many records and markers there are."""
        return sum(self.end_offsets(topic).values())

    def committed(self, group: str, topic: str) -> int:
        """Sum of the offsets up to which a group has dealt with a topic; 0 while there are none, or no answer."""
        try:
            return sum(KafkaGroup(self.admin, group, {"bootstrap.servers": self.brokers}).committed(topic).values())
        except Retry:  # a new broker's coordinator is still loading: whoever waits looks again
            return 0

    def _serves(self, topic: str) -> bool:
        """Whether all partitions of a new topic have a leader that knows it is one."""
        try:
            self.admin.list_topics(topic, SECONDS)  # or the client goes on with what it knew before there were leaders
            self.ends(topic)
        except KafkaException:
            return False
        return True

    def fill(self, workload: Workload) -> None:
        """The workload's topic with all its events, unless it is there."""
        if workload.topic in self.admin.list_topics(timeout=SECONDS).topics:
            return
        self.create(workload.topic, {"retention.ms": "-1"})
        self.send(workload.topic, workload.changes())

    def send(self, topic: str, events: Iterable[Change | Snapshot]) -> None:
        """Sends as fast as the broker takes them, and waits until it has all of them."""
        producer = Producer({"bootstrap.servers": self.brokers, **PRODUCER})
        for number, event in enumerate(events):
            producer.produce(topic, event.value(), event.key)
            if number % 10_000 == 0:
                producer.poll(0)
                while len(producer) > 500_000:
                    producer.poll(0.1)
        if producer.flush(SECONDS):
            raise LocalStackError(f"the last events of {topic} were not delivered within {SECONDS:g} s")


@contextmanager
def running_servers(report: Callable[[str], None]) -> Iterator[Servers]:
    """Always servers of our own: others might hold what a benchmark would disturb or delete."""
    # A broker that the quick compiler alone compiles makes every label wait for longer than one in production.
    with LocalStack(environ={}, heap="1g", quick=False, report=report) as stack:
        assert stack.kafka is not None
        assert stack.redis is not None
        admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers, "log_level": 2})
        yield Servers(
            stack.bootstrap_servers, stack.redis_url, stack.kafka.brokers[0].process, stack.redis.process, admin
        )
