"""What was read back from Kafka and Redis, as plain data that the checks can be tried on without any server."""

from collections.abc import Mapping
from typing import NamedTuple

Headers = list[tuple[str, bytes | None]]
Place = tuple[int, int]
"""Partition and offset of an input record."""
States = dict[int, dict[bytes, bytes]]
"""Partition → user's key → packed state."""


class Seen(NamedTuple):
    """A committed record of a topic."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> Place:
        return self.partition, self.offset

    def header(self, name: str) -> bytes | None:
        """The last header of that name, as a dead letter that was replayed may have it twice."""
        return dict(self.headers).get(name)


class Copy(NamedTuple):
    """One partition's hash in Redis."""

    watermark: bytes | None
    states: dict[bytes, bytes]


class Observation(NamedTuple):
    """Everything that can be seen from outside once all workers have stopped."""

    inputs: list[Seen]
    labels: list[Seen]
    """Labels and tombstones; this and the others in offset order, partition after partition."""
    letters: list[Seen]
    changelog: list[Seen]
    copies: Mapping[int, Copy]
    committed: Mapping[int, int]
    """Partition → the group's committed offset."""
    model: str
    """Version of the model that was deployed last."""
    unreached: list[tuple[str, int]]
    """Topic and partition of every plain record, appended at the end, that no read_committed reader gets to."""
