"""Which partitions of a batch go back to events that were there before."""

from collections.abc import Sequence

import pytest

from worker.adapters.kafka_batch import turned_back

MANY = 200


@pytest.mark.parametrize(
    ("places", "back"),
    [
        ([], set()),
        ([(0, 5), (0, 6), (1, 1), (1, 2)], set()),
        ([(1, 1), (0, 5), (1, 2), (0, 6)], set()),
        ([(0, 6), (0, 5)], {0}),
        ([(0, 5), (1, 1), (0, 5), (1, 2)], {0}),
        ([(0, 5), (1, 2), (0, 6), (1, 1)], {1}),
        ([(number % 3, number) for number in range(MANY)], set()),
        ([*((number % 3, number) for number in range(MANY)), ((MANY - 1) % 3, MANY - 1)], {(MANY - 1) % 3}),
    ],
    ids=["none", "in order", "in turns", "back", "the same again", "one of two", "many in order", "many and one again"],
)
def test_a_record_that_is_not_behind_the_one_before_it_turns_its_partition_back(
    places: Sequence[tuple[int, int]], back: set[int]
) -> None:
    assert turned_back([partition for partition, _ in places], [offset for _, offset in places]) == back
