"""What only a real Kafka does to a source: transactions, rebalances, retention, a second member of the same name."""

import threading

import pytest
from confluent_kafka import Message, Producer, TopicPartition

from tests.adapters.logs import PARTITIONS, KafkaLog, Owner, collect, own, poll
from tests.stream import PATIENCE, eventually
from worker.adapters.kafka_source import RELEASE_SECONDS, KafkaSource
from worker.adapters.ports import NO_OFFSET, Committed
from worker.errors import Stop


@pytest.fixture
def transactional(kafka: str, topic_prefix: str) -> Producer:
    """An outside producer that writes transactions."""
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic_prefix}outside"})
    producer.init_transactions(PATIENCE)
    return producer


def test_a_committed_offset_is_hidden_while_a_transaction_is_open(kafka_log: KafkaLog, transactional: Producer) -> None:
    source = kafka_log.source()
    own(source)
    transactional.begin_transaction()
    offsets = [TopicPartition(kafka_log.topics.events, 0, 7)]
    transactional.send_offsets_to_transaction(offsets, source.member(), PATIENCE)
    assert source.committed(0, 0.3) is None
    assert source.committed(1, PATIENCE) == Committed(NO_OFFSET), "the other partition's is not part of it"
    transactional.abort_transaction(PATIENCE)
    assert source.committed(0, PATIENCE) == Committed(NO_OFFSET)

    transactional.begin_transaction()
    transactional.send_offsets_to_transaction(offsets, source.member(), PATIENCE)
    assert source.committed(0, 0.3) is None
    transactional.commit_transaction(PATIENCE)
    assert source.committed(0, PATIENCE) == Committed(7)


def test_a_poll_waits_for_its_first_record_alone(kafka_log: KafkaLog) -> None:
    """To wait for a full batch would hold up the labels of the events that are there."""
    source = kafka_log.source()
    own(source)
    consumer, asked = source._consumer, []

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(consumer, name)

        def consume(self, count: int, timeout: float) -> list[Message]:
            asked.append((count, timeout))
            return consumer.consume(count, timeout)

    source._consumer = Watched()  # type: ignore[assignment]
    kafka_log.send(0, b"x")
    source.resume(0, 0)
    assert len(poll(source, limit=10)) == 1
    assert asked == [(9, 0)]


def test_lag_reaches_zero_behind_transactions(kafka_log: KafkaLog, transactional: Producer) -> None:
    """Markers and aborted records stand at the end and will never be delivered."""
    source = kafka_log.source()
    own(source)
    for partition in range(PARTITIONS):
        source.resume(partition, 0)
    for outcome in (transactional.commit_transaction, transactional.abort_transaction):
        transactional.begin_transaction()
        for partition in range(PARTITIONS):
            transactional.produce(kafka_log.topics.events, b"x", b"u", partition)
        transactional.flush(PATIENCE)
        outcome(PATIENCE)
    assert sorted(collect(source, PARTITIONS)) == [(0, 0), (1, 0)]
    eventually(lambda: source.poll(1, 0.05) or source.lag() == {0: 0, 1: 0}, "nothing is left to do")
    source.pause([0, 1])
    source.resume(0, 1)
    source.resume(1, 1)
    assert source.lag() == {}, "until it is known again"
    eventually(lambda: source.poll(1, 0.05) or source.lag() == {0: 0, 1: 0}, "nothing is left to do after a restart")
    kafka_log.send(0, b"y", b"z")
    assert collect(source, 1)[0] == (0, 4), "what came behind them is delivered"


def test_lag_is_never_less_than_what_is_left(kafka_log: KafkaLog) -> None:
    kafka_log.send(0, *[b"x"] * 500)
    source = kafka_log.source(statistics_ms=1)
    own(source)
    eventually(lambda: source.bounds(0) == (0, 500), "the broker gives out what it was sent")
    source.resume(0, 0)
    unread = 500

    def known() -> bool:
        nonlocal unread
        unread -= len(poll(source, 1))
        return 0 in source.lag()

    eventually(known, "the lag is told")  # which waits a little between two records, for the statistics to come
    told = []
    for left in reversed(range(unread)):
        poll(source, 1)
        told.append((left, source.lag().get(0, 500)))
    assert all(left <= lag <= 500 for left, lag in told)
    assert any(0 < lag < 500 for _, lag in told)
    source.pause([0])
    source.resume(0, 100)
    eventually(lambda: poll(source, 1) and source.lag(), "the lag is told")
    assert source.lag()[0] > 0, "what was delivered before is no measure any more"


def test_an_event_that_retention_has_taken_stops_the_worker(kafka_log: KafkaLog) -> None:
    kafka_log.send(0, *[b"x"] * 5)
    admin = kafka_log.stream.admin.admin
    for future in admin.delete_records([TopicPartition(kafka_log.topics.events, 0, 3)]).values():
        future.result(PATIENCE)
    source = kafka_log.source()
    own(source)
    assert source.bounds(0) == (3, 5)
    source.resume(0, 1)
    with pytest.raises(
        Stop, match=rf"partition 0 of {kafka_log.topics.events} no longer has the next event: .*worker reset"
    ):
        eventually(lambda: source.poll(10, 0.05), "an event or an error")


def test_a_missing_topic_stops_the_worker(kafka_log: KafkaLog) -> None:
    missing = KafkaSource(
        {"bootstrap.servers": kafka_log.environment["SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"], "group.id": "g"},
        kafka_log.stream.admin.admin,
        "nowhere",
        incremental=False,
    )
    missing.subscribe(Owner())
    with pytest.raises(Stop, match="python -m worker topics --create"):
        eventually(lambda: missing.poll(10, 0.05), "an event or an error")
    missing.close()


def test_partitions_move_to_a_second_member_and_nothing_is_lost_or_repeated(kafka_log: KafkaLog) -> None:
    """What stays is not read again, what moves is told before it is taken away."""
    first, second = kafka_log.source(), kafka_log.source(SONGPRINT_KAFKA__INSTANCE="b")
    owner = own(first)
    for partition in range(PARTITIONS):
        kafka_log.send(partition, *[b"x"] * 50)
        first.resume(partition, 0)
    seen: list[tuple[int, int]] = []
    newcomer = Owner()
    second.subscribe(newcomer)

    def take(source: KafkaSource) -> None:
        records = source.poll(3, 0.02)
        if records is not None:
            seen.extend(zip(records.partitions, records.offsets, strict=True))

    def shared() -> bool:
        take(first)
        assert second.poll(10, 0.02) is None
        return len(owner.owned) == len(newcomer.owned) == 1

    eventually(shared, "each has one partition")
    (kept,), (moved,) = owner.owned, newcomer.owned
    assert told(owner) == [("assigned", [0, 1]), ("revoked", [moved])]
    assert told(newcomer) == [("assigned", [moved])]
    second.resume(moved, max([offset + 1 for partition, offset in seen if partition == moved], default=0))

    def all_seen() -> bool:
        take(first)
        take(second)
        return len(seen) >= 100

    eventually(all_seen, "all events")
    assert sorted(seen) == [(partition, offset) for partition in range(PARTITIONS) for offset in range(50)]
    assert {partition for partition, _ in seen[-1:]} <= {kept, moved}


def told(owner: Owner) -> list[tuple[str, list[int]]]:
    """What an owner was told, less the rebalances that changed nothing."""
    return [(what, partitions) for what, partitions in owner.told if partitions]


def test_a_batch_that_goes_back_to_older_events_is_read_again(kafka_log: KafkaLog) -> None:
    """The answer to an older look-up may come in the middle of a batch too."""
    kafka_log.send(0, *[b"x"] * 20)
    kafka_log.send(1, *[b"x"] * 20)
    source = kafka_log.source()
    own(source)
    for partition in range(PARTITIONS):
        source.resume(partition, 0)
    consumer, turned = source._consumer, []

    class Turning:
        """The consumer, but that one batch ends with records that were there before."""

        def __getattr__(self, name: str) -> object:
            return getattr(consumer, name)

        def consume(self, count: int, timeout: float) -> list[Message]:
            messages = consumer.consume(count, timeout)
            if messages and not turned:
                turned.extend(messages[:2])
                return [*messages, *turned]
            return messages

    source._consumer = Turning()  # type: ignore[assignment]
    assert sorted(collect(source, 40)) == [(partition, offset) for partition in range(2) for offset in range(20)]
    assert turned


def test_a_second_worker_of_the_same_name_stops_the_first(kafka_log: KafkaLog) -> None:
    first, second = kafka_log.source(), kafka_log.source()
    own(first)
    second.subscribe(Owner())
    ended = threading.Event()

    def join() -> None:
        while not ended.is_set():
            second.poll(10, 0.05)

    joining = threading.Thread(target=join)
    joining.start()
    try:
        with pytest.raises(
            Stop, match=r"fenced .*another worker uses this instance name, set SONGPRINT_KAFKA__INSTANCE"
        ):
            eventually(lambda: first.poll(10, 0.05), "an error")
    finally:
        ended.set()
        joining.join()
    first.close()


CONSUMER_PROTOCOL = {
    "SONGPRINT_KAFKA__GROUP_PROTOCOL": "consumer",
    "SONGPRINT_KAFKA__CONSUMER_OPTIONS": '{"fetch.wait.max.ms": 50}',
}


def refusals(caplog: pytest.LogCaptureFixture) -> int:
    return sum("still counts this worker's last life" in record.message for record in caplog.records)


def test_a_worker_whose_last_life_is_still_a_member_joins_once_that_is_over(
    kafka_log: KafkaLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Under the consumer protocol the broker holds a killed worker's name until its session times out."""
    last_life, source = kafka_log.source(**CONSUMER_PROTOCOL), kafka_log.source(**CONSUMER_PROTOCOL)
    own(last_life)
    refused = source._consumer
    source.subscribe(owner := Owner())
    eventually(lambda: source.poll(10, 0.05) or source._consumer is not refused, "it tries again")
    assert owner.owned == set()
    last_life.close()
    kafka_log.send(0, b"x")
    eventually(lambda: source.poll(10, 0.05) or owner.owned == {0, 1}, "every partition is assigned")
    source.resume(0, 0)
    assert collect(source, 1) == [(0, 0)]
    assert refusals(caplog) == 1


def test_a_name_that_is_never_let_go_of_stops_the_worker(kafka_log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    other, source = kafka_log.source(**CONSUMER_PROTOCOL), kafka_log.source(clock=lambda: now, **CONSUMER_PROTOCOL)
    own(other)
    source.subscribe(Owner())
    eventually(lambda: source.poll(10, 0.05) or refusals(caplog), "it is refused")
    now = RELEASE_SECONDS + 1
    with pytest.raises(Stop, match="if another worker uses this instance name, set SONGPRINT_KAFKA__INSTANCE"):
        eventually(lambda: source.poll(10, 0.05), "an error")
