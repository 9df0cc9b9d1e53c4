"""Fakes of the ports, in memory: for tests of what is built on them. They pass the same tests as the real adapters."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from worker.adapters.ports import (
    NO_OFFSET,
    NOWHERE,
    Committed,
    DeadLetter,
    Headers,
    OutputRecord,
    Ownership,
    Records,
    StateChange,
)
from worker.errors import Retry


class Event(NamedTuple):
    """One record of the events topic."""

    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Headers = []  # noqa: RUF012  # never changed


class MemoryBroker:
    """What outlives a worker: topics, committed offsets, and who may write."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.events: list[list[Event]] = [[] for _ in range(partitions)]
        self.states: list[list[StateChange]] = [[] for _ in range(partitions)]
        self.labels: list[OutputRecord] = []
        self.letters: list[DeadLetter] = []
        self.committed: dict[int, Committed] = {}
        self.producer_epoch = 0


class MemorySource:
    """A `Source` that owns every partition of its broker from the first poll on."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._ownership: Ownership | None = None
        self._positions: dict[int, int] = {}
        self._assigned = False

    def subscribe(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def poll(self, limit: int, timeout: float) -> Records | None:  # noqa: ARG002  # nothing arrives while it waits
        if self._ownership and not self._assigned:
            self._assigned = True
            self._ownership.assigned(range(self._broker.partitions))
            return None
        picked = [
            (partition, offset)
            for partition, position in sorted(self._positions.items())
            for offset in range(position, len(self._broker.events[partition]))
        ][:limit]
        if not picked:
            return None
        events = [self._broker.events[partition][offset] for partition, offset in picked]
        records = Records(
            [partition for partition, _ in picked],
            [offset for _, offset in picked],
            [event.timestamp for event in events],
            [event.key for event in events],
            [event.value for event in events],
            lambda index: events[index].headers,
            None,
        )
        self._positions |= records.ends()
        return records

    def committed(self, partition: int, timeout: float) -> Committed | None:  # noqa: ARG002  # known at once
        return self._broker.committed.get(partition, Committed(NO_OFFSET))

    def bounds(self, partition: int) -> tuple[int, int]:
        return 0, len(self._broker.events[partition])

    def member(self) -> object:
        return None

    def pause(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._positions.pop(partition, None)

    def resume(self, partition: int, offset: int) -> None:
        self._positions[partition] = offset

    def lag(self) -> Mapping[int, int]:
        return {number: len(self._broker.events[number]) - at for number, at in self._positions.items()}

    def close(self) -> None:
        if self._ownership and self._assigned:
            self._ownership.revoked(range(self._broker.partitions))


class MemorySink:
    """A `Sink` whose transactions appear in its broker as a whole, or not at all."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._epoch = -1
        self._labels: list[OutputRecord] = []
        self._letters: list[DeadLetter] = []

    def open(self) -> None:
        self._broker.producer_epoch += 1
        self._epoch = self._broker.producer_epoch

    def begin(self) -> None:
        self._labels, self._letters = [], []

    def publish(self, records: Iterable[OutputRecord]) -> None:
        self._labels += records

    def bury(self, letter: DeadLetter) -> None:
        self._letters.append(letter)

    def commit(
        self,
        states: Mapping[int, Mapping[bytes, bytes | None]],
        ends: Mapping[int, int],
        member: object,  # noqa: ARG002  # the fake has one member only
        positions: Mapping[int, int] = NOWHERE,
    ) -> dict[int, int]:
        if self._epoch != self._broker.producer_epoch:
            raise Retry("fenced by a newer producer", "kafka")
        self._broker.labels += self._labels
        self._broker.letters += self._letters
        reached = {}
        for partition, users in states.items():
            log = self._broker.states[partition]
            log += [StateChange(user, state) for user, state in users.items()]
            if users:
                reached[partition] = len(log)
        for partition, offset in ends.items():
            self._broker.committed[partition] = Committed(offset, {**positions, **reached}.get(partition, 0))
        return reached

    def recover(self) -> None:
        if self._epoch != self._broker.producer_epoch:
            self.open()

    def close(self) -> None:
        self._labels, self._letters = [], []


class MemoryChangelog:
    """A `Changelog` that reads its broker's states."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._partition = 0
        self._position = 0

    def end(self, partition: int) -> int:
        return len(self._broker.states[partition])

    def start(self, partition: int) -> int:  # noqa: ARG002  # nothing is ever deleted
        return 0

    def seek(self, partition: int, offset: int) -> None:
        self._partition, self._position = partition, offset

    def read(self, limit: int, timeout: float) -> list[StateChange]:  # noqa: ARG002  # all is there at once
        changes = self._broker.states[self._partition][self._position : self._position + limit]
        self._position += len(changes)
        return changes

    def position(self) -> int:
        return self._position

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryStates:
    """A `StateCache` in dicts."""

    def __init__(self) -> None:
        self._watermarks: dict[int, bytes] = {}
        self._states: dict[int, dict[bytes, bytes]] = defaultdict(dict)
        self._requests: set[int] = set()

    def check(self) -> None:
        """A dict evicts nothing."""

    def watermark(self, partition: int) -> bytes | None:
        return self._watermarks.get(partition)

    def read(self, partition: int, watermark: bytes, users: Sequence[bytes]) -> list[bytes | None] | None:
        if self._watermarks.get(partition) != watermark:
            return None
        return [self._states[partition].get(user) for user in users]

    def write(self, partition: int, watermark: bytes, successor: bytes, states: Mapping[bytes, bytes | None]) -> bool:
        if self._watermarks.get(partition) != watermark:
            return False
        self._watermarks[partition] = successor
        for user, state in states.items():
            if state is None:
                self._states[partition].pop(user, None)
            else:
                self._states[partition][user] = state
        return True

    def claim(self, partition: int, watermark: bytes | None, claim: bytes, *, empty: bool) -> bool:
        if self._watermarks.get(partition) != watermark:
            return False
        self._watermarks[partition] = claim
        if empty:
            self._states[partition].clear()
        return True

    def scan(self, partition: int, watermark: bytes, cursor: int, count: int) -> tuple[int, dict[bytes, bytes]] | None:
        if self._watermarks.get(partition) != watermark:
            return None
        users = sorted(self._states[partition].items())
        end = cursor + count
        return end if end < len(users) else 0, dict(users[cursor:end])

    def request_relabel(self, partition: int, *, wanted: bool) -> None:
        (self._requests.add if wanted else self._requests.discard)(partition)

    def relabel_requested(self, partition: int) -> bool:
        return partition in self._requests

    def forget(self, partition: int) -> None:
        self._watermarks.pop(partition, None)
        self._states.pop(partition, None)

    def close(self) -> None:
        """Nothing to let go of."""
