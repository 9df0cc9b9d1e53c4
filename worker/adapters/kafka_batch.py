"""What a batch of consumed messages says of itself."""

from collections.abc import Callable
from typing import cast

import numpy as np
from confluent_kafka import Message

from worker.adapters.ports import Headers

# Typed as optional, since the class also stands for events without a place; consumed records have one.
partition_of = cast("Callable[[Message], int]", Message.partition)
offset_of = cast("Callable[[Message], int]", Message.offset)


def headers_of(message: Message) -> Headers:
    return cast(Headers, message.headers() or [])


def turned_back(partitions: list[int], offsets: list[int]) -> set[int]:
    """Partitions in which a record is followed by one of the same or a lower offset."""
    partition, offset = np.array(partitions), np.array(offsets)
    order = np.argsort(partition, kind="stable")
    partition, offset = partition[order], offset[order]
    back = (np.diff(partition) == 0) & (np.diff(offset) <= 0)
    return set(partition[1:][back].tolist())
