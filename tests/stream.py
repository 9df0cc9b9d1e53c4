"""One consumer group's topics on a real Kafka, and real worker processes on them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from worker.adapters.kafka_group import KafkaGroup
from worker.adapters.kafka_topics import KafkaTopics, plan
from worker.assemble import redis_states, topics_of
from worker.settings import Settings, load_settings
from worker.watermark import MODEL_KEY

GUARDED = Path(__file__).with_name("guarded.py")
PATIENCE = 60.0  # seconds after which a condition counts as never met
Found = TypeVar("Found")


def eventually(question: Callable[[], Found | None], what: str, seconds: float = PATIENCE) -> Found:
    """The first truthy answer. Fails with `what` if there is none in time."""
    given_up = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < given_up, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return answer


class Record(NamedTuple):
    """A consumed record, as an outside reader sees it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]

    @property
    def label(self) -> dict[str, Any]:
        assert self.value is not None, "a tombstone has no label"
        label: dict[str, Any] = json.loads(self.value)
        return label


class Stream:
    """Topics, settings and workers that belong to one test.

    Args:
        environment: the settings of every worker, as environment variables.
    """

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self.environment = dict(environment)
        self.settings: Settings = load_settings(None, {}, self.environment)
        self.topics = topics_of(self.settings)
        # As assemble.kafka_topics, but for how long it waits: a fixture asks once, while the machine is at its busiest.
        self.admin = KafkaTopics(self.settings.kafka.client_options(), self.topics, PATIENCE)
        kafka = self.settings.kafka
        self.group = KafkaGroup(self.admin.admin, kafka.group, kafka.client_options())
        self.cache = redis_states(self.settings)
        self._producer = Producer(
            {
                "bootstrap.servers": self.settings.kafka.bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,  # or a repeated request may overtake, and change a user's order
                "linger.ms": 1,
                "log_level": 0,  # a test that stops brokers knows it
            }
        )
        self._logs = logs
        self._started = 0

    def create_topics(self, partitions: int = 4) -> None:
        """The topics as the protocol needs them, but that labels are not compacted, and that nothing is too old to be
        kept: the tests count the records, and give some a time of years ago.
        """
        plans = plan(self.topics, partitions, retention_ms=-1)
        forever = {"retention.ms": "-1"}
        kept = [each._replace(config=forever) if each.name == self.topics.labels else each for each in plans]
        self.admin.create(kept, 1)
        eventually(lambda: len(self.admin.facts()) == len(plans), "the topics exist")

    def send(self, user: str | bytes | None, event: object, **more: Any) -> None:
        """One event: a dict as JSON, bytes as they are, None for an erasure."""
        value = event if event is None or isinstance(event, bytes) else json.dumps(event).encode()
        self._producer.produce(self.topics.events, value, user, **more)
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(PATIENCE) == 0, "events were not delivered"

    def read(self, topic: str, count: int) -> list[Record]:
        """The first `count` committed records of a topic, and whatever else is there by then."""
        records: list[Record] = []

        def enough() -> bool:
            records[:] = self.read_all(topic)
            return len(records) >= count

        try:
            eventually(enough, f"{count} records in {topic}")
        except AssertionError as error:
            there = Counter(record.partition for record in records)
            raise AssertionError(f"{error}; {len(records)} are there: {dict(there)}") from error
        return records

    def read_all(self, topic: str) -> list[Record]:
        """All committed records of a topic, partition after partition."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.kafka.bootstrap_servers,
                "group.id": "outside-reader",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
            }
        )
        try:
            parts = consumer.list_topics(topic, PATIENCE).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in parts])
            records, ended = [], set()
            while len(ended) < len(parts):
                for message in consumer.consume(1000, 0.05):
                    error = message.error()
                    if error is None:
                        headers = {name: value or b"" for name, value in message.headers() or []}
                        records.append(
                            Record(message.partition(), message.offset(), message.key(), message.value(), headers)
                        )
                    else:
                        assert error.code() == KafkaError._PARTITION_EOF, error.str()
                        ended.add(message.partition())
        finally:
            consumer.close()
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def labels(self, count: int) -> list[Record]:
        return self.read(self.topics.labels, count)

    def states(self, count: int = 0) -> list[Record]:
        """The users' states in the changelog, at least `count`, without its word on which model the labels are of."""
        states: list[Record] = []

        def enough() -> bool:
            states[:] = [record for record in self.read_all(self.topics.states) if record.key != MODEL_KEY]
            return len(states) >= count

        eventually(enough, f"{count} states")
        return states

    def letters(self, count: int) -> list[Record]:
        return self.read(self.topics.dead_letters, count)

    @contextmanager
    def worker(
        self, instance: str = "a", command: Sequence[str] = ("-m", "worker"), **environment: str
    ) -> Iterator["WorkerProcess"]:
        """A worker process, ready, stopped at the end of the block."""
        process = self.start(instance, command, **environment)
        try:
            process.wait_ready()
            yield process
        finally:
            process.end()

    def start(
        self, instance: str = "a", command: Sequence[str] = ("-m", "worker"), **environment: str
    ) -> "WorkerProcess":
        self._started += 1
        log = self._logs / f"worker-{instance}-{self._started}.log"
        own = {"SONGPRINT_KAFKA__INSTANCE": instance, "SONGPRINT_HTTP__PORT": "0", **environment}
        return WorkerProcess([sys.executable, *command, "run"], {**os.environ, **self.environment, **own}, log)


class WorkerProcess:
    """`python -m worker run` as a process of its own, which never outlives this one."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARDED), *command],
                env=dict(environment),
                stdin=subprocess.PIPE,  # never written to: its end tells the guard of ours
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self) -> None:
        eventually(lambda: self.exited() or self.ready(), f"the worker is ready; see {self.log}")
        assert self.process.poll() is None, f"the worker ended:\n{self.output()}"

    def ready(self) -> bool:
        """Whether it says that it is ready and owns partitions."""
        try:
            # The partitions first: a worker that is ready without any, and then gets some, is not ready with them.
            owns = self.metric("songprint_assigned_partitions") > 0
            return bool(owns and json.loads(self.get("/readyz"))["status"] == "ready")
        except (OSError, HTTPException):  # not there yet, or killed in the middle of its answer
            return False

    def get(self, path: str) -> str:
        """A page of the worker's HTTP port; an error status is raised as OSError."""
        port = self.logged("starting")
        if not port:
            raise OSError("no port yet")
        with urllib.request.urlopen(f"http://127.0.0.1:{port[0]['http_port']}{path}", timeout=PATIENCE) as answer:
            page: str = answer.read().decode()
            return page

    def metric(self, name: str) -> float:
        """The sum of a metric's series whose name, or name and labels, begin with `name`."""
        lines = [line.rsplit(" ", 1) for line in self.get("/metrics").splitlines() if line.startswith(name)]
        return sum(float(value) for series, value in lines if series in {name} or series.startswith(f"{name}{{"))

    def logged(self, message: str) -> list[dict[str, Any]]:
        """The log lines that say `message`."""
        whole, _, _ = self.output().rpartition("\n")  # behind it is a line that is being written
        lines = [line for line in whole.splitlines() if line.startswith("{")]
        return [line for line in map(json.loads, lines) if line["message"] == message]

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def exited(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Whatever happened, the process is gone after this."""
        if not self.exited():
            try:
                self.stop()
            finally:
                if not self.exited():
                    self.kill()
