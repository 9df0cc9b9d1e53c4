"""A broker that hung until it had lost its lead tells the end that it knew, for an instant after it has woken up."""

import signal
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.acceptance.servers import Brokers, start_brokers
from tests.stream import eventually
from worker.adapters.kafka_changelog import KafkaChangelog
from worker.adapters.memory import MemoryBroker, MemorySource, MemoryStates
from worker.adapters.ports import Committed
from worker.assemble import changelog_options, kafka_topics
from worker.errors import Retry
from worker.restore import Restored, Restorer
from worker.settings import load_settings
from worker.watermark import Identity

SESSION_MS = 10_000
BATCH = 10
ROUNDS = 3
"""In every one of them it has been so; but it is another process that may be late."""


@pytest.fixture
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    started = start_brokers(tmp_path_factory.mktemp("brokers"), 3, SESSION_MS)
    yield started
    started.close()


class Cluster:
    """The changelog of one partition on three brokers, and a worker's eye on it."""

    def __init__(self, brokers: Brokers) -> None:
        self.brokers = brokers
        settings = load_settings(None, {}, {"SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": brokers.direct})
        self.topic = settings.kafka.state_topic
        self.admin = kafka_topics(settings).admin
        self.admin.create_topics([NewTopic(self.topic, 1, 3)])[self.topic].result()
        self.changelog = KafkaChangelog(changelog_options(settings), self.admin, self.topic)
        self.written = 0

    def leader(self, admin: AdminClient) -> int:
        return admin.list_topics(self.topic).topics[self.topic].partitions[0].leader

    def in_sync(self) -> bool:
        return len(self.admin.list_topics(self.topic).topics[self.topic].partitions[0].isrs) == 3

    def write(self, servers: str) -> None:
        producer = Producer({"bootstrap.servers": servers, "acks": "all", "log_level": 0})
        for _ in range(BATCH):
            producer.produce(self.topic, b"state", b"u%d" % self.written, 0)
            self.written += 1
        assert producer.flush(60) == 0

    def depose(self) -> int:
        """Has the leader hang until another one leads and has taken more; returns its id."""
        self.write(self.brokers.direct)
        eventually(self.in_sync, "all replicas are in sync")
        eventually(lambda: self.end() == self.written, "the worker knows the leader")
        old = self.leader(self.admin)
        self.brokers.by_id(old).process.signal(signal.SIGSTOP)
        others = [broker for broker in self.brokers.cluster.brokers if broker.node.id != old]
        servers = ",".join(f"127.0.0.1:{broker.node.port}" for broker in others)
        beside = AdminClient({"bootstrap.servers": servers, "log_level": 0})
        eventually(lambda: self.leader(beside) not in (old, -1), "another broker leads")
        self.write(servers)
        return old

    def end(self) -> int | None:
        try:
            return self.changelog.end(0)
        except Retry:
            return None

    def restore(self) -> Restored:
        """By a worker whose group has committed everything that was written. Raises Retry."""
        broker = MemoryBroker(1)
        broker.committed[0] = Committed(0, self.written)
        identity = Identity("cluster", "events", "states", 1)
        restorer = Restorer(MemorySource(broker), self.changelog, MemoryStates(), identity, 1_000, lambda: 0.0)
        steps = restorer.restore(0)
        while True:
            try:
                next(steps)
            except StopIteration as finished:
                return finished.value


def test_a_restore_is_never_shorter_than_what_was_committed(brokers: Brokers) -> None:
    cluster = Cluster(brokers)
    refused: list[str] = []

    def restored() -> Restored | None:
        try:
            return cluster.restore()
        except Retry as problem:
            refused.append(str(problem))
            return None

    for _ in range(ROUNDS):
        old = cluster.depose()
        brokers.by_id(old).process.signal(signal.SIGCONT)
        assert eventually(restored, "the changelog is restored").records == cluster.written
        if any("an old leader" in words for words in refused):
            return
    pytest.fail(f"no old leader has told an old end: {refused}")
