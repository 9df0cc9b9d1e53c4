"""Brokers that die, hang, find their disk full, or refuse records; and transactions whose end gets lost on the way."""

import re
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from deploy.local.broker import KafkaBroker
from tests.acceptance import proxy
from tests.acceptance.injection import Fault, Injection, Missed

OUTAGE = 2.0
HANG = 8.0
PATIENCE = 120.0
MANY_BYTES = 1_048_588
"""Kafka's default for the largest record."""


def leader_of(topic: str, partition: int, injection: Injection) -> KafkaBroker:
    admin = injection.system.stream.admin.admin
    leader = admin.list_topics(topic, PATIENCE).topics[topic].partitions[partition].leader
    if leader < 0:
        raise Missed(f"{topic}, partition {partition}, has no leader")
    return injection.system.servers.brokers.by_id(leader)


def some_leader(injection: Injection) -> KafkaBroker:
    topic = injection.system.stream.topics.events
    return leader_of(topic, injection.random.randrange(injection.system.plan.partitions), injection)


def group_coordinator(injection: Injection) -> KafkaBroker:
    return _keeper("__consumer_offsets", injection.system.stream.settings.kafka.group, injection)


def transaction_coordinator(injection: Injection) -> KafkaBroker:
    member = f"{injection.system.stream.settings.kafka.group}-{injection.some_worker()}"
    return _keeper("__transaction_state", member, injection)


def _keeper(topic: str, name: str, injection: Injection) -> KafkaBroker:
    """The broker that leads the partition of an internal topic in which `name` has its place."""
    found = injection.system.stream.admin.admin.list_topics(topic, PATIENCE).topics.get(topic)
    if found is None or not found.partitions:
        raise Missed(f"there is no {topic} yet")
    return leader_of(topic, java_hash(name) % len(found.partitions), injection)


def java_hash(text: str) -> int:
    """Kafka's absolute value of Java's String.hashCode."""
    code = 0
    for character in text:
        code = (31 * code + ord(character)) & 0xFFFFFFFF
    return code & 0x7FFFFFFF if code < 0x80000000 else ((1 << 32) - code) & 0x7FFFFFFF


def killed(choose: Callable[[Injection], KafkaBroker]) -> Callable[[Injection], None]:
    def inject(injection: Injection) -> None:
        broker = choose(injection)
        injection.strike()
        broker.kill()
        time.sleep(OUTAGE)
        broker.start()
        _wait_in_sync(injection)

    return inject


def all_killed(injection: Injection) -> None:
    brokers = injection.system.servers.brokers.cluster.brokers
    injection.strike()
    for broker in brokers:
        broker.kill()
    injection.system.servers.brokers.cluster.start()
    _wait_in_sync(injection)


def hung(injection: Injection) -> None:
    """It neither answers nor closes its connections."""
    broker = some_leader(injection)
    injection.strike()
    broker.process.signal(signal.SIGSTOP)
    try:
        time.sleep(HANG)
    finally:
        broker.process.signal(signal.SIGCONT)
    _wait_in_sync(injection)


def disk_full(injection: Injection) -> None:
    """No file of the broker may grow any more: to Kafka as good as a full disk. It goes down and is started again."""
    broker = some_leader(injection)
    pid = _server_pid(broker)
    injection.strike()
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, 4096))
    _wait(lambda: not broker.process.running, "the broker went down")
    broker.kill()
    broker.start()
    _wait_in_sync(injection)


def _server_pid(broker: KafkaBroker) -> int:
    """Of the Java process, which is the child of its guard."""
    guard = broker.process.session
    for status in Path("/proc").glob("[0-9]*/status"):
        parent = re.search(r"^PPid:\s(\d+)", status.read_text(), re.MULTILINE)
        if parent and int(parent[1]) == guard:
            return int(status.parent.name)
    raise Missed("the broker does not run")


def refuses_large_records(injection: Injection) -> None:
    """The brokers take no record of the labels of more than a few bytes, as if a label had become too large."""
    injection.strike()
    with _limited(injection, injection.system.stream.topics.labels, 150):
        time.sleep(OUTAGE)


@contextmanager
def _limited(injection: Injection, topic: str, size: int) -> Iterator[None]:
    def alter(value: int) -> None:
        entry = ConfigEntry("max.message.bytes", str(value), incremental_operation=AlterConfigOpType.SET)
        change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin = injection.system.stream.admin.admin
        for future in admin.incremental_alter_configs([change]).values():
            future.result(PATIENCE)

    alter(size)
    try:
        yield
    finally:
        alter(MANY_BYTES)


def end_of_transaction(deed: proxy.Deed) -> Callable[[Injection], None]:
    def inject(injection: Injection) -> None:
        trap = injection.system.servers.brokers.trap
        trap.set(deed)
        if not trap.struck.wait(PATIENCE):
            trap.release()
            raise Missed("no transaction ended")
        injection.strike()

    return inject


def _wait_in_sync(injection: Injection) -> None:
    """Until every partition has all of its replicas again: the next broker may not die before."""
    admin = injection.system.stream.admin.admin

    def in_sync() -> bool:
        topics = admin.list_topics(timeout=PATIENCE).topics.values()
        return all(len(part.isrs) == len(part.replicas) for topic in topics for part in topic.partitions.values())

    _wait(in_sync, "all replicas are in sync", 2 * PATIENCE)


def _wait(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    given_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > given_up:
            raise Missed(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


FAULTS = [
    Fault("a partition leader killed, back after 2 s", "broker", killed(some_leader)),
    Fault("the group's coordinator killed, back after 2 s", "broker", killed(group_coordinator)),
    Fault("a transaction coordinator killed, back after 2 s", "broker", killed(transaction_coordinator)),
    Fault("all brokers killed", "broker", all_killed),
    Fault("a broker hung for 8 s", "broker", hung),
    Fault("a broker's disk full", "broker", disk_full),
    Fault("labels refused as too large for 2 s", "broker", refuses_large_records),
    Fault("EndTxn: answer lost", "network", end_of_transaction(proxy.LOSE_ANSWER)),
    Fault("EndTxn: request lost", "network", end_of_transaction(proxy.LOSE_REQUEST)),
    Fault("EndTxn: never answered", "network", end_of_transaction(proxy.SWALLOW_ANSWER)),
    Fault("EndTxn: answered after 4 s", "network", end_of_transaction(proxy.DELAY_ANSWER)),
]
