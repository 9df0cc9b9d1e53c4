"""Making a partition's copy in the cache complete again, from the changelog.

A restore is a generator: it does one bounded step between two `yield`s, so that the loop goes on polling and the
group keeps its member. It is the one way back from every doubt: a new assignment, a cache that lost something, a
transaction whose outcome is unknown.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Generator
from typing import NamedTuple

from worker.adapters.ports import NO_OFFSET, Changelog, Committed, Source, StateCache
from worker.errors import Retry, Stop
from worker.watermark import CLAIM_PREFIX, MODEL_KEY, Identity, Watermark

STEP_RECORDS = 10_000
STEP_SECONDS = 0.25
ENDS_ASKED = 6
"""How often in a row the events have to end before the committed offset until that is believed."""
RESET_HINT = "If the group's state is to be wiped on purpose, `python -m worker reset` does it"


class Restored(NamedTuple):
    """The end of a restore: the watermark under which the copy is complete, and what it took."""

    watermark: Watermark
    kind: str
    """none: the copy was complete. tail: it was brought up to date. full: it was written anew."""
    records: int
    unlabelled: bool
    """Nothing was ever processed."""


class Progress(NamedTuple):
    """How far the changelog has been copied."""

    records: int
    share: float
    """From 0 to 1, of the offsets that are to be read."""


class _Replayed(NamedTuple):
    records: int
    end: int
    model: str
    """What the changelog says last about the model behind the labels; empty if nothing."""


class Restorer:
    """Restores partitions of one group, one at a time.

    Args:
        keep_seconds: `delete.retention.ms` of the changelog: how long a deletion stays visible in it.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        source: Source,
        changelog: Changelog,
        cache: StateCache,
        identity: Identity,
        keep_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._changelog = changelog
        self._cache = cache
        self._identity = identity
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._short_ends: Counter[int] = Counter()

    def restore(self, partition: int) -> Generator[Progress | None, None, Restored]:
        """Yields until the partition's copy is complete: how far it is, or None while it waits for a transaction's end.

        Raises Stop if the group's offsets and its state disagree.
        """
        told = yield from self._committed(partition)
        committed = told.offset
        raw = self._cache.watermark(partition)
        found = Watermark.decode(raw)
        if found is not None:
            self._check_identity(partition, found)
        if committed != NO_OFFSET:
            self._check_bounds(partition, committed)
            if found is not None and found.offset == committed:
                return Restored(found, "none", 0, unlabelled=False)
        tail = found is not None and committed != NO_OFFSET and self._usable(partition, found, committed)
        start = found.position if tail and found is not None else self._changelog.start(partition)
        claim = CLAIM_PREFIX + secrets.token_bytes(16)
        if not self._cache.claim(partition, raw, claim, empty=not tail):
            raise Retry(f"the cache's watermark of partition {partition} moved: another worker is at it", "redis")
        replayed = yield from self._replay(partition, start, told.position, claim)
        unlabelled = committed == NO_OFFSET
        if unlabelled:
            committed = self._first_offset(partition, replayed.records)
        model = replayed.model or (found.labelled_by if tail and found is not None else "")
        watermark = Watermark(self._identity, committed, replayed.end, model, int(self._clock()))
        self._write(partition, claim, watermark.encode(), {})
        return Restored(watermark, "tail" if tail else "full", replayed.records, unlabelled)

    def _committed(self, partition: int) -> Generator[None, None, Committed]:
        # Hidden while a transaction is open: it ends when its owner comes back or when it times out at the broker.
        while True:
            committed = self._source.committed(partition, STEP_SECONDS)
            if committed is not None:
                return committed
            yield

    def _replay(self, partition: int, start: int, least: int, claim: bytes) -> Generator[Progress, None, _Replayed]:
        """Copies the changelog from `start` to its present end, which cannot be before `least`."""
        end = self._changelog.end(partition)
        if end < least:
            # A broker that hung and has lost its lead answers with what it knew before, for an instant.
            raise Retry(f"the changelog of partition {partition} ends at {end}, before {least}: an old leader", "kafka")
        records, model = 0, ""
        if start < end:
            self._changelog.seek(partition, start)
            while self._changelog.position() < end:
                changes = self._changelog.read(STEP_RECORDS, STEP_SECONDS)
                states = {change.key: change.state for change in changes}
                model = (states.pop(MODEL_KEY, None) or model.encode()).decode()
                if states:
                    self._write(partition, claim, claim, states)
                records += len(changes)
                yield Progress(records, (self._changelog.position() - start) / (end - start))
        return _Replayed(records, max(start, end), model)

    def _write(self, partition: int, claim: bytes, successor: bytes, states: dict[bytes, bytes | None]) -> None:
        if not self._cache.write(partition, claim, successor, states):
            raise Retry(
                f"the restore of partition {partition} lost its claim to another, or Redis was emptied", "redis"
            )

    def _usable(self, partition: int, found: Watermark, committed: int) -> bool:
        """Whether the copy can be brought up to date from where it stands, rather than written anew."""
        age = self._clock() - found.at
        # Half the time only: the clocks of two machines, and of the broker, are not one.
        recent = 0 <= age < self._keep_seconds / 2
        return recent and found.offset < committed and found.position >= self._changelog.start(partition)

    def _check_identity(self, partition: int, found: Watermark) -> None:
        if found.identity != self._identity:
            raise Stop(
                f"Redis holds partition {partition} of other topics: it has {found.identity}; Kafka has "
                f"{self._identity}. Topics were made anew or repartitioned under the group. {RESET_HINT}"
            )

    def _check_bounds(self, partition: int, committed: int) -> None:
        low, high = self._source.bounds(partition)
        if committed < low:
            raise Stop(
                f"partition {partition}: the group has committed offset {committed}, the first event still there "
                f"is {low}: {low - committed} events were deleted before they were processed. Raise the topic's "
                f"retention. {RESET_HINT}"
            )
        if committed <= high:
            self._short_ends.pop(partition, None)
            return
        self._short_ends[partition] += 1
        beyond = f"partition {partition}: the group has committed offset {committed}, but the topic ends at {high}"
        if self._short_ends[partition] < ENDS_ASKED:
            raise Retry(f"{beyond}: an old leader may have said so; it is asked again", "kafka")
        raise Stop(f"{beyond}: it was made anew or truncated. {RESET_HINT}")

    def _first_offset(self, partition: int, records: int) -> int:
        if records:
            raise Stop(
                f"partition {partition}: the group has committed no offset, but the changelog holds states ({records} "
                f"records): the group's offsets were deleted or expired. {RESET_HINT}"
            )
        return self._source.bounds(partition)[0]
