"""A partition that a rebalance leaves without an owner gets one, though librdkafka's group would go on without it."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import cycle, pairwise
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import NewPartitions

from tests.adapters.logs import PARTITIONS, KafkaLog, Owner, own
from tests.adapters.looks import Looks
from tests.stream import eventually
from worker.adapters import kafka_unowned
from worker.adapters.kafka_source import KafkaSource
from worker.adapters.kafka_unowned import DOUBLINGS, Unowned
from worker.errors import Stop


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_unowned, "LOOK_SECONDS", 0.5)


class Gone(Owner):
    """Comes to its end between the two rounds: it was told what to give up, and does not join again."""

    def __init__(self) -> None:
        super().__init__()
        self.told_to_revoke, self.over = Event(), Event()

    def revoked(self, partitions: Sequence[int]) -> None:
        self.told_to_revoke.set()
        self.over.wait()


def shared(members: dict[KafkaSource, Owner], partitions: int) -> Callable[[], bool]:
    def all_owned() -> bool:
        for source in members:
            source.poll(10, 0.05)
        owned = [number for owner in members.values() for number in owner.owned]
        return sorted(owned) == list(range(partitions))

    return all_owned


def subscribed(source: KafkaSource, owner: Owner) -> KafkaSource:
    source.subscribe(owner)
    return source


def warnings(caplog: pytest.LogCaptureFixture) -> list[list[int]]:
    return [record.__dict__["partitions"] for record in caplog.records if "partitions are nobody's" in record.message]


@pytest.fixture
def gone() -> Iterator[Gone]:
    owner = Gone()
    yield owner
    owner.over.set()


def test_what_a_member_gave_up_at_its_end_gets_an_owner(
    kafka_log: KafkaLog, gone: Gone, caplog: pytest.LogCaptureFixture
) -> None:
    first = subscribed(kafka_log.source(), gone)
    eventually(lambda: first.poll(10, 0.05) or len(gone.owned) == PARTITIONS, "it owns all partitions")
    other = subscribed(kafka_log.source(SONGPRINT_KAFKA__INSTANCE="b"), others := Owner())

    def poll_to_the_end() -> None:
        with suppress(Stop):  # its next life has taken its place
            eventually(lambda: first.poll(10, 0.02) or gone.over.is_set(), "it is over")

    (last_poll := Thread(target=poll_to_the_end)).start()
    eventually(lambda: other.poll(10, 0.02) or gone.told_to_revoke.is_set(), "it is told to give up a partition")
    next_life = subscribed(kafka_log.source(), owner := Owner())
    eventually(shared({next_life: owner, other: others}, PARTITIONS), "every partition has an owner")
    (unowned,) = warnings(caplog)
    assert len(unowned) == 1
    gone.over.set()
    last_poll.join()


def test_new_partitions_get_an_owner_after_every_member_was_restarted(
    kafka_log: KafkaLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the member that led the group looks for new partitions, and no life but the first is told that it leads."""
    own(first := kafka_log.source())
    first.close()
    own(second := kafka_log.source())
    admin = kafka_log.stream.admin.admin
    admin.create_partitions([NewPartitions(kafka_log.topics.events, PARTITIONS + 1)])[kafka_log.topics.events].result()
    told = partial(warnings, caplog)
    eventually(lambda: second.poll(10, 0.05) or told(), "the new partition is missed")
    assert told() == [[PARTITIONS]]
    second.close()  # while somebody passes by


def test_a_whole_group_is_left_alone(kafka_log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
    source = kafka_log.source()
    assert source._unowned
    source._unowned._admin = looks = Looks(source._unowned._admin)  # type: ignore[assignment]
    own(source)
    eventually(lambda: source.poll(10, 0.05) or looks.calls["describe_consumer_groups"] == 4, "three looks")
    assert not warnings(caplog)


class Answers:
    """An admin client that tells of a group with an unowned partition, and from time to time of one that rebalances."""

    def __init__(self) -> None:
        stable, moving = ConsumerGroupState.STABLE, ConsumerGroupState.PREPARING_REBALANCING
        self.states = cycle([stable, stable, moving])

    def describe_consumer_groups(self, groups: list[str], **_more: object) -> dict[str, Future[object]]:
        member = SimpleNamespace(group_instance_id="a", assignment=SimpleNamespace(topic_partitions=[]))
        return {groups[0]: told(SimpleNamespace(state=next(self.states), members=[member]))}

    def describe_topics(self, _topics: object, **_more: object) -> dict[str, Future[object]]:
        return {"events": told(SimpleNamespace(partitions=[SimpleNamespace(id=0)]))}


def told(answer: object) -> Future[object]:
    future = Future[object]()
    future.set_result(answer)
    return future


def test_what_is_of_no_use_is_tried_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now, acted = 0.0, []
    options = {"group.id": "singers", "group.instance.id": "a"}
    unowned = Unowned(Answers(), options, "events", lambda: now)  # type: ignore[arg-type]
    monkeypatch.setattr(unowned, "_pass_by", lambda: acted.append(now))
    while now < 3600:
        unowned.tend()
        unowned.close()
        now += 0.1
    waits = [later - earlier for earlier, later in pairwise(acted)]
    longest = 2**DOUBLINGS * kafka_unowned.LOOK_SECONDS
    assert waits[0] < longest / 10
    assert min(waits[-3:]) >= longest
    assert max(waits) < 5 * longest
