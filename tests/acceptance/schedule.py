"""Which faults come when: all decided by the seed."""

from collections.abc import Iterator, Sequence
from random import Random

from tests.acceptance.injection import Fault

MIXED = 0.25
"""Share of the rounds in which two faults come at once."""


def rounds(faults: Sequence[Fault], random: Random) -> Iterator[list[Fault]]:
    """Endless rounds of one fault, or two that strike different parts. Each comes once before any comes again."""
    while True:
        deck = random.sample(faults, len(faults))
        while deck:
            some = [deck.pop()]
            if deck and random.random() < MIXED and deck[-1].part != some[0].part:
                some.append(deck.pop())
            yield some
