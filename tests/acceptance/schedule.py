"""Which faults come when: all decided by the seed."""

from collections.abc import Iterator, Sequence
from random import Random

from tests.acceptance.injection import Fault

MIXED = 0.4
"""Chance that another fault comes at the same time, and another one then."""


def deck(faults: Sequence[Fault], random: Random) -> Iterator[list[Fault]]:
    """Every fault once, in rounds of one, or of several that strike different parts."""
    left = random.sample(faults, len(faults))
    while left:
        some = [left.pop()]
        while left and random.random() < MIXED and all(left[-1].part != fault.part for fault in some):
            some.append(left.pop())
        yield some
