"""Which faults come when: all decided by the seed."""

from collections.abc import Iterator, Sequence
from random import Random

from tests.acceptance.injection import Fault

MIXED = 0.25
"""Share of the rounds in which two faults come at once."""


def deck(faults: Sequence[Fault], random: Random) -> Iterator[list[Fault]]:
    """Every fault once, in rounds of one, or of two that strike different parts."""
    left = random.sample(faults, len(faults))
    while left:
        some = [left.pop()]
        if left and random.random() < MIXED and left[-1].part != some[0].part:
            some.append(left.pop())
        yield some
