"""What the group counts as a member's is compared with what it holds, and two looks in a row have to agree."""

from collections.abc import Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from worker.adapters.kafka_membership import LOOK_SECONDS, Membership

ERROR = KafkaException(KafkaError(KafkaError.COORDINATOR_NOT_AVAILABLE))
OWN = {0, 1}
"""What the member holds."""


class Group:
    """An admin client that tells the group as `answers` have it, one after the other."""

    def __init__(self, answers: Sequence[dict[str, Sequence[tuple[str, int]]] | Exception]) -> None:
        self._answers = iter(answers)
        self.asked = 0

    def describe_consumer_groups(self, groups: list[str], **_more: object) -> dict[str, Future[Any]]:
        self.asked += 1
        answer, future = next(self._answers), Future[Any]()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(SimpleNamespace(members=[member(name, told) for name, told in answer.items()]))
        return {groups[0]: future}


def member(name: str, told: Sequence[tuple[str, int]]) -> SimpleNamespace:
    parts = [SimpleNamespace(topic=topic, partition=partition) for topic, partition in told]
    return SimpleNamespace(group_instance_id=name, assignment=SimpleNamespace(topic_partitions=parts))


def of(*partitions: int) -> dict[str, Sequence[tuple[str, int]]]:
    """A group in which the member has these partitions, and others stand beside them."""
    return {
        "other": [("events", 7)],
        "me": [("another topic", 5), *(("events", partition) for partition in partitions)],
    }


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([of(0, 1), of(0, 1)], [set(), set()]),
        ([of(0, 1, 2), of(0, 1, 2)], [set(), {2}]),
        ([of(0), of(0)], [set(), {1}]),
        ([of(0, 1, 2), of(0, 1), of(0, 1, 2)], [set(), set(), set()]),
        ([of(0, 1, 2), of(0, 1, 3)], [set(), set()]),
        ([of(0, 1, 2), ERROR, of(0, 1, 2)], [set(), set(), set()]),
        ([{"other": [("events", 7)]}] * 2, [set(), set()]),
    ],
    ids=["agreed", "not told", "not given up", "on its way", "moving", "no answer", "not a member"],
)
def test_what_differs_twice_in_a_row_is_misunderstood(answers: list[Any], found: list[set[int]]) -> None:
    now, group = 0.0, Group(answers)
    membership = Membership(group, "singers", "me", "events", lambda: now)  # type: ignore[arg-type]
    for number, expected in enumerate(found):
        now += LOOK_SECONDS - 0.1
        assert membership.misunderstood(lambda: OWN) == set()
        assert group.asked == number, "not before its time"
        now += 0.1
        assert membership.misunderstood(lambda: OWN) == expected
