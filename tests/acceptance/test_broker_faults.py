"""Each fault of the brokers really strikes one, which is back afterwards."""

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.acceptance import proxy
from tests.acceptance.faults import brokers as faults
from tests.acceptance.injection import Injection, Missed
from tests.acceptance.servers import Brokers, start_brokers
from tests.stream import PATIENCE, eventually

FAULTS = {fault.name: fault for fault in faults.FAULTS}
GROUP, MEMBER = "group", "group-w0"
LABELS = "labels"


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """One, with the topics in which groups and transactions have their place."""
    started = start_brokers(tmp_path_factory.mktemp("brokers"), 1, 10_000)
    admin = AdminClient({"bootstrap.servers": started.direct})
    admin.create_topics([NewTopic(LABELS, 1, 1)])[LABELS].result()
    producer = Producer({"bootstrap.servers": started.direct, "transactional.id": MEMBER})
    producer.init_transactions(PATIENCE)
    member = Consumer({"bootstrap.servers": started.direct, "group.id": GROUP})
    member.subscribe([LABELS])
    eventually(lambda: member.poll(0.1) or member.assignment(), "the group has a coordinator")
    member.close()
    yield started
    started.close()


def injection(brokers: Brokers) -> Injection:
    admin = AdminClient({"bootstrap.servers": brokers.direct, "log_level": 0})
    stream = SimpleNamespace(
        topics=SimpleNamespace(events=LABELS, labels=LABELS),
        admin=SimpleNamespace(admin=admin),
        settings=SimpleNamespace(kafka=SimpleNamespace(group=GROUP)),
    )
    system = SimpleNamespace(
        servers=SimpleNamespace(brokers=brokers),
        stream=stream,
        plan=SimpleNamespace(partitions=1),
        group=SimpleNamespace(names=["w0"]),
        watch=SimpleNamespace(begin=lambda _marks: None),
        ledger=SimpleNamespace(ends={}),
    )
    return Injection(cast(Any, system), random.Random(1))


KILLED = [fault.name for fault in faults.FAULTS if "killed" in fault.name or "disk" in fault.name]


@pytest.mark.parametrize("name", KILLED)
def test_a_broker_goes_down_and_comes_back(brokers: Brokers, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "OUTAGE", 0.1)
    (broker,) = brokers.cluster.brokers
    before = broker.process.session
    FAULTS[name].inject(injection(brokers))
    assert broker.process.running
    assert broker.process.session != before


def noticed(look: Callable[[], bool], inject: Callable[[], None]) -> bool:
    """Whether `look` was true at some time during `inject`."""
    seen, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            if look():
                seen.set()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        inject()
    finally:
        over.set()
        watching.join()
    return seen.is_set()


def test_a_hung_broker_is_stopped_and_goes_on(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "HANG", 1.0)
    server = psutil.Process(faults._server_pid(brokers.cluster.brokers[0]))
    stopped = lambda: server.status() == psutil.STATUS_STOPPED  # noqa: E731
    made = injection(brokers)
    assert noticed(stopped, lambda: FAULTS["a broker hung for 8 s"].inject(made))
    eventually(lambda: not stopped(), "it goes on")


def test_labels_are_refused_as_too_large_for_a_while(brokers: Brokers) -> None:
    refusals: list[int] = []

    def told(error: KafkaError | None, _message: object) -> None:
        refusals.extend([] if error is None else [error.code()])

    producer = Producer({"bootstrap.servers": brokers.direct})

    def refused() -> bool:
        producer.produce(LABELS, random.Random(1).randbytes(500), on_delivery=told)
        producer.flush(PATIENCE)
        return refusals == [KafkaError.MSG_SIZE_TOO_LARGE]

    made = injection(brokers)
    assert noticed(refused, lambda: FAULTS["labels refused as too large for 2 s"].inject(made))
    refusals.clear()
    eventually(lambda: refusals.clear() or (not refused() and not refusals), "labels are taken again")


DEEDS = {
    "EndTxn: answer lost": proxy.LOSE_ANSWER,
    "EndTxn: request lost": proxy.LOSE_REQUEST,
    "EndTxn: never answered": proxy.SWALLOW_ANSWER,
    "EndTxn: answered after 4 s": proxy.DELAY_ANSWER,
}


@pytest.mark.parametrize("name", DEEDS)
def test_the_end_of_the_next_transaction_meets_its_fate(name: str) -> None:
    trap = proxy.Trap(0.0)
    made = injection(cast(Any, SimpleNamespace(trap=trap, direct="127.0.0.1:1")))
    taken: list[proxy.Deed] = []

    def end_transactions() -> None:
        assert trap.take(proxy.LIST_OFFSETS) is None, "other requests pass"
        taken.append(eventually(lambda: trap.take(proxy.END_TXN), "the trap is set"))

    (transactions := threading.Thread(target=end_transactions)).start()
    FAULTS[name].inject(made)
    transactions.join()
    assert taken == [DEEDS[name]]
    assert trap.take(proxy.END_TXN) is None, "once"


def test_a_trap_that_no_transaction_comes_to_is_no_injection_and_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "PATIENCE", 0.0)
    trap = proxy.Trap(0.0)
    with pytest.raises(Missed, match="no transaction ended"):
        FAULTS["EndTxn: answer lost"].inject(injection(cast(Any, SimpleNamespace(trap=trap, direct="127.0.0.1:1"))))
    assert trap.take(proxy.END_TXN) is None


def test_every_fault_of_the_brokers_is_tried_here() -> None:
    others = {"a broker hung for 8 s", "labels refused as too large for 2 s"}
    assert {fault.name for fault in faults.FAULTS if fault.part == "broker"} == {*KILLED, *others}
    assert {fault.name for fault in faults.FAULTS if fault.part == "network"} == set(DEEDS)


ASKING = """
import sys
from threading import Event, Thread
from confluent_kafka.admin import AdminClient
from worker.adapters import kafka_group
from worker.errors import Retry

kafka_group._WAIT = 0.3
over, unanswered = Event(), []

def ask():
    options = {"bootstrap.servers": sys.argv[1], "log_level": 0}
    group = kafka_group.KafkaGroup(AdminClient(options), sys.argv[2], options)
    while not over.is_set():
        try:
            group.members()
        except Retry:
            unanswered.append(group)

threads = [Thread(target=ask) for _ in range(4)]
for thread in threads:
    thread.start()
sys.stdin.read()
over.set()
for thread in threads:
    thread.join()
print(bool(unanswered))
"""


def test_a_coordinator_that_goes_down_ends_nobody_who_asks_for_its_group(brokers: Brokers) -> None:
    """librdkafka alone would: it aborts the process (its issue #4605)."""
    command = [sys.executable, "-c", ASKING, brokers.direct, GROUP]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
        FAULTS[KILLED[0]].inject(injection(brokers))
        told, _ = asking.communicate()
    assert asking.returncode == 0
    assert told.strip() == "True", "somebody asked while it was down"
