"""What the worker asks of the outside world, and the values that cross the border.

Every method may raise Retry (something is away for now) or Stop (a person has to change something).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

Headers = list[tuple[str, bytes | None]]
NOWHERE: Mapping[int, int] = MappingProxyType({})

NO_OFFSET = -1
"""Stands for "the group has committed nothing for this partition"."""


class Committed(NamedTuple):
    """How far the group is in a partition of the events."""

    offset: int
    """Of the next event; NO_OFFSET if nothing was committed."""
    position: int = 0
    """The changelog reached at least so far when that was committed; 0 where the commit does not tell."""


class Records(NamedTuple):
    """Consumed records as parallel columns, in offset order per partition."""

    partitions: Sequence[int]
    offsets: Sequence[int]
    timestamps: Sequence[int]
    """Kafka timestamps, milliseconds since 1970."""
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Callable[[int], Headers]
    """The headers of the record at an index; asked for dead letters only."""
    member: object
    """The group metadata taken right after the poll; the commit proves with it that this worker still owns them."""

    def __len__(self) -> int:
        return len(self.offsets)

    def ends(self) -> dict[int, int]:
        """Partition → the offset after its last record here."""
        return {
            partition: offset + 1 for partition, offset in dict(zip(self.partitions, self.offsets, strict=True)).items()
        }


class Ownership(Protocol):
    """Whom the source tells about rebalances, from within `poll` and `close`, before ownership changes hands."""

    def assigned(self, partitions: Sequence[int]) -> None: ...

    def revoked(self, partitions: Sequence[int]) -> None: ...

    def lost(self, partitions: Sequence[int]) -> None: ...


class Source(Protocol):
    """The events, partition by partition. New partitions are paused until `resume`."""

    def subscribe(self, ownership: Ownership) -> None: ...

    def poll(self, limit: int, timeout: float) -> Records | None:
        """Up to `limit` records; None after `timeout` seconds, or if the assignment changed meanwhile."""

    def committed(self, partition: int, timeout: float) -> Committed | None:
        """What the group has committed for good; None while an open transaction hides it."""

    def bounds(self, partition: int) -> tuple[int, int]:
        """First offset that is still there, and the offset after the last."""

    def member(self) -> object:
        """The group metadata as of now; for commits between two polls."""

    def pause(self, partitions: Iterable[int]) -> None: ...

    def resume(self, partition: int, offset: int) -> None:
        """Deliver the partition's records from `offset` on."""

    def lag(self) -> Mapping[int, int]:
        """Partition → events not yet processed, as last reported; zero when nothing is left."""

    def close(self) -> None: ...


OutputRecord = tuple[bytes, bytes | None, Headers | None]
"""Key, value, headers: a label (no headers) or a tombstone (no value, its source in the headers)."""


class DeadLetter(NamedTuple):
    """An event that can never be processed, as it came, and what is to be told about it."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    """The event's own."""
    about: Headers
    """Where it stood and why it was rejected; all that is kept of an event which is too large with them."""
    timestamp: int


class Sink(Protocol):
    """The outputs, one transaction at a time."""

    def open(self) -> None:
        """Take over the transactional id; fences whoever used it before and ends their transaction."""

    def begin(self) -> None: ...

    def publish(self, records: Iterable[OutputRecord]) -> None: ...

    def bury(self, letter: DeadLetter) -> None: ...

    def commit(
        self,
        states: Mapping[int, Mapping[bytes, bytes | None]],
        ends: Mapping[int, int],
        member: object,
        positions: Mapping[int, int] = NOWHERE,
    ) -> dict[int, int]:
        """Publish states (partition → user → packed state, None for an erased one) and commit with the input offsets.

        `positions` tells how far the changelog of a partition reached before. Returns, for every partition with states,
        the changelog offset after its last one. What is committed tells the later of the two. Once it returns, a
        read_committed reader sees everything; if it raises, call `recover` before anything else.
        """

    def recover(self) -> None:
        """Bring the producer back to where `begin` may be called; nothing of an open transaction stays."""

    def close(self) -> None: ...


class StateChange(NamedTuple):
    """One record of the changelog."""

    key: bytes
    state: bytes | None


class Changelog(Protocol):
    """The truth about every user, read back partition by partition."""

    def end(self, partition: int) -> int:
        """The offset after everything ever written, open transactions included."""

    def start(self, partition: int) -> int:
        """The first offset that is still there."""

    def seek(self, partition: int, offset: int) -> None:
        """Begin reading `partition` at `offset`; whatever was being read is dropped."""

    def read(self, limit: int, timeout: float) -> list[StateChange]:
        """The next committed records, at most `limit`."""

    def position(self) -> int:
        """The offset up to which the partition has been read, transaction markers and compacted gaps included."""

    def close(self) -> None: ...


class StateCache(Protocol):
    """A copy of every partition's states that may vanish at any time; believed only under its watermark.

    The watermark is an opaque value that moves with the states in one step.
    """

    def check(self) -> None:
        """Raises Stop if the server evicts keys, Retry if it is away."""

    def watermark(self, partition: int) -> bytes | None: ...

    def read(self, partition: int, watermark: bytes, users: Sequence[bytes]) -> list[bytes | None] | None:
        """Packed states of `users`, None for unknown ones; None as a whole unless `watermark` is current."""

    def write(self, partition: int, watermark: bytes, successor: bytes, states: Mapping[bytes, bytes | None]) -> bool:
        """Write (None deletes) and move the watermark to `successor`; False, and no write, if it is not current."""

    def claim(self, partition: int, watermark: bytes | None, claim: bytes, *, empty: bool) -> bool:
        """Put `claim` in place of `watermark` (None: absent), dropping all states if `empty`; False if it moved."""

    def scan(self, partition: int, watermark: bytes, cursor: int, count: int) -> tuple[int, dict[bytes, bytes]] | None:
        """The cursor to go on with (0 begins, and 0 is the end), and about `count` users with their packed states.

        Every user that is there throughout is met at least once. None as a whole unless `watermark` is current.
        """

    def request_relabel(self, partition: int, *, wanted: bool) -> None:
        """Leaves word for the partition's owner that all its users shall be labelled again, or takes it back."""

    def relabel_requested(self, partition: int) -> bool: ...

    def forget(self, partition: int) -> None:
        """Drop the partition's copy and its watermark."""

    def close(self) -> None: ...
