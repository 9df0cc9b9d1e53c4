"""The ledger knows what was sent: every user's events by their number, so that none gets lost on its way in."""

from collections.abc import Callable

import pytest

from tests.acceptance.events import Event
from tests.acceptance.ledger import SEQUENCE, Ledger
from tests.acceptance.records import Seen


@pytest.fixture
def ledger() -> Ledger:
    """Of two events of one user, and one each of another and of nobody."""
    made = Ledger("127.0.0.1:1", "events")
    for key in (b"u", b"v", b"u", None):
        made.send(Event(key, b"{}"))
    made._producer.purge()  # which no broker is there to take
    return made


def topic() -> list[Seen]:
    """As the events should stand there."""
    numbered = [(b"u", b"1"), (b"v", b"1"), (b"u", b"2"), (None, b"1")]
    return [Seen(0, at, 0, key, b"{}", [(SEQUENCE, number)]) for at, (key, number) in enumerate(numbered)]


def test_a_topic_with_what_was_sent(ledger: Ledger) -> None:
    assert ledger.difference(topic()) is None


@pytest.mark.parametrize("at", [1, 4])
@pytest.mark.parametrize("again", [0, 3])
def test_an_event_may_stand_there_again(ledger: Ledger, again: int, at: int) -> None:
    events = topic()
    events.insert(at, events[again])
    assert ledger.difference(events) is None


def a_lost_event(events: list[Seen]) -> None:
    del events[0]


def the_last_event_lost(events: list[Seen]) -> None:
    del events[2]


def an_event_twice_in_anothers_place(events: list[Seen]) -> None:
    events[2] = events[0]


def nobodys_event_with_another_number(events: list[Seen]) -> None:
    events[3] = events[3]._replace(headers=[(SEQUENCE, b"2")])


def two_events_swapped(events: list[Seen]) -> None:
    events[0], events[2] = events[2], events[0]


def nobodys_event_lost(events: list[Seen]) -> None:
    del events[3]


def an_event_that_nobody_sent(events: list[Seen]) -> None:
    events.append(events[1]._replace(key=b"w"))


@pytest.mark.parametrize(
    "damage",
    [
        a_lost_event,
        the_last_event_lost,
        an_event_twice_in_anothers_place,
        nobodys_event_with_another_number,
        two_events_swapped,
        nobodys_event_lost,
        an_event_that_nobody_sent,
    ],
)
def test_a_topic_with_anything_else(ledger: Ledger, damage: Callable[[list[Seen]], None]) -> None:
    events = topic()
    damage(events)
    assert ledger.difference(events)
