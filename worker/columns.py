"""Some of a batch's entries."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from worker.contract.event import Event
from worker.contract.user_label import encode_time, encode_timestamp
from worker.errors import Reject

T = TypeVar("T")


def picked(column: Sequence[T], indexes: Sequence[int]) -> Sequence[T]:
    """The entries at rising indexes; mostly there is no gap between these, and one slice does it."""
    first, last = indexes[0], indexes[-1]
    if last - first + 1 == len(indexes):
        return column[first : last + 1]
    return [column[index] for index in indexes]


def times(events: Iterable[Event | Reject], timestamps: Iterable[int]) -> list[bytes]:
    """When each event was, as a JSON string: what it says itself, or else its Kafka timestamp."""
    stamps: dict[int, bytes] = {}
    said = []
    for event, timestamp in zip(events, timestamps, strict=True):
        at = event.at  # type: ignore[union-attr]  # a labelled event is no Reject
        if at is not None:
            said.append(encode_time(at))
        else:
            if timestamp not in stamps:
                stamps[timestamp] = encode_timestamp(timestamp)
            said.append(stamps[timestamp])
    return said
