"""A partition that a rebalance leaves without an owner gets one, though librdkafka's group would go on without it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import chain, cycle, pairwise, repeat
from threading import Event, Thread
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
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


@pytest.mark.timeout(60)  # or it would pass by for as long as the group takes
@pytest.mark.parametrize("closes", [True, False], ids=["closes", "waits in vain"])
def test_a_rebalance_is_not_waited_for_by_a_member_that_closes_nor_for_ever(
    closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled, now = Event(), 0.0
    passer = Mock(poll=lambda _seconds: polled.set())
    monkeypatch.setattr(kafka_unowned, "make_client", lambda _kind, _options: passer)
    unowned = Unowned(Answers([of("a")] * 2), OPTIONS, "events", lambda: now)  # type: ignore[arg-type]
    while not unowned._passing:
        now += kafka_unowned.LOOK_SECONDS
        unowned.tend()
    assert polled.wait(60)
    if not closes:
        now += kafka_unowned.PASS_SECONDS
        unowned._passing.join()
    unowned.close()
    passer.close.assert_called_once_with()


OPTIONS = {"group.id": "singers", "group.instance.id": "a", "bootstrap.servers": "nowhere"}
STABLE, MOVING = ConsumerGroupState.STABLE, ConsumerGroupState.PREPARING_REBALANCING
ERROR = KafkaException(KafkaError(KafkaError.COORDINATOR_NOT_AVAILABLE))


def of(*names: str, state: ConsumerGroupState = STABLE, topic: str = "events", given: Sequence[int] = ()) -> object:
    """A group whose last member, by name, has these partitions of a topic, and the others have none."""
    parts = [SimpleNamespace(topic=topic, partition=number) for number in given]
    members = [
        SimpleNamespace(group_instance_id=name, assignment=SimpleNamespace(topic_partitions=parts if last else []))
        for last, name in ((name == names[-1], name) for name in names)
    ]
    return SimpleNamespace(state=state, members=members)


class Answers:
    """An admin client that tells of a topic with two partitions, and of a group as `groups` have it."""

    def __init__(self, groups: Iterable[object]) -> None:
        self._groups = iter(groups)

    def describe_consumer_groups(self, groups: list[str], **_more: object) -> dict[str, Future[object]]:
        return {groups[0]: told(next(self._groups))}

    def describe_topics(self, _topics: object, **_more: object) -> dict[str, Future[object]]:
        return {"events": told(SimpleNamespace(partitions=[SimpleNamespace(id=0), SimpleNamespace(id=1)]))}


def told(answer: object) -> Future[object]:
    future = Future[object]()
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
    return future


class Looking:
    """Looks at a group, and notes in place of a rebalance when there would have been one."""

    def __init__(self, groups: Iterable[object], monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.acted: list[float] = []
        self._unowned = Unowned(Answers(groups), OPTIONS, "events", lambda: self.now)  # type: ignore[arg-type]
        monkeypatch.setattr(self._unowned, "_pass_by", lambda: self.acted.append(self.now))

    def go_on(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self._unowned.tend()
            self._unowned.close()  # what it has begun is done at once
            self.now += kafka_unowned.LOOK_SECONDS / 4

    @property
    def waits(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.acted)]


WHOLE = of("a", given=[0, 1])
LACKS = of("a", "b", given=[0])


@pytest.mark.parametrize(
    ("groups", "times"),
    [
        ([WHOLE, WHOLE], 0),
        ([LACKS, LACKS], 1),
        ([LACKS, WHOLE, LACKS], 0),
        ([of("a", given=[0]), of("a", given=[1])], 0),
        ([of("a", state=MOVING)] * 2, 0),
        ([of("0", "a", given=[0])] * 2, 0),
        ([of("a", topic="another topic", given=[0, 1])] * 2, 1),
        ([LACKS, ERROR, LACKS], 0),
    ],
    ids=["whole", "lacks", "once", "on its way", "moving", "not the first", "another topic", "no answer"],
)
def test_what_two_looks_in_a_row_find_unowned_is_acted_upon(
    groups: list[object], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = Looking(groups + [WHOLE] * 2, monkeypatch)
    looking.go_on(kafka_unowned.LOOK_SECONDS * (len(groups) + 0.9))
    assert looking.acted == [2 * kafka_unowned.LOOK_SECONDS] * times


def test_what_is_of_no_use_is_tried_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the group rebalances from time to time in between."""
    looking = Looking(cycle([LACKS, LACKS, of("a", state=MOVING)]), monkeypatch)
    looking.go_on(3600)
    waits, longest = looking.waits, 2**DOUBLINGS * kafka_unowned.LOOK_SECONDS
    assert waits[0] < longest / 10
    assert min(waits[-3:]) >= longest
    assert max(waits) < 5 * longest


def test_after_it_was_of_use_the_next_one_is_as_soon_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    looking = Looking(chain([LACKS] * 12, [WHOLE], repeat(LACKS)), monkeypatch)
    looking.go_on(300 * kafka_unowned.LOOK_SECONDS)
    waits = looking.waits
    assert waits[4] > 10 * waits[0]
    assert waits[6] == waits[0]
