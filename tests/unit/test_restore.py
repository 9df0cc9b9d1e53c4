"""Restores, on the fakes: what is believed, what is copied, and when a person has to decide."""

import itertools
from collections.abc import Collection, Generator, Mapping

import pytest

from worker.adapters.memory import Event, MemoryBroker, MemoryChangelog, MemorySource, MemoryStates
from worker.adapters.ports import Committed, StateChange
from worker.backoff import Backoff
from worker.errors import Retry, Stop
from worker.restore import ENDS_ASKED, Progress, Restored, Restorer
from worker.settings import Settings
from worker.watermark import CLAIM_PREFIX, MODEL_KEY, Identity, Watermark

PARTITION = 1
NOW = 1_000_000
KEEP_SECONDS = 1_000
IDENTITY = Identity("cluster-1", "events-1", "states-1", 2)


class BoundedSource(MemorySource):
    """Retention has passed events below `low`, and what is committed stays hidden for some questions."""

    low = 0
    end: int | None = None
    """What an old leader takes for the end."""
    hidden = 0

    def bounds(self, partition: int) -> tuple[int, int]:
        return self.low, super().bounds(partition)[1] if self.end is None else self.end

    def committed(self, partition: int, timeout: float) -> Committed | None:
        self.hidden -= 1
        return None if self.hidden >= 0 else super().committed(partition, timeout)


class ShortenedChangelog(MemoryChangelog):
    """Begins at `first`, since what stood before was compacted away."""

    first = 0

    def start(self, partition: int) -> int:
        return self.first

    def read(self, limit: int, timeout: float) -> list[StateChange]:
        return super().read(2, timeout)


class CompactedChangelog(MemoryChangelog):
    """Gives one record at a time, of those whose offsets are not `gone` by then."""

    gone: Collection[int] = ()

    def read(self, limit: int, timeout: float) -> list[StateChange]:
        while self._position in self.gone:
            self._position += 1
        return super().read(1, timeout)


class Partition:
    """One partition: what the group has committed, its changelog, and its copy in the cache."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(2)
        self.broker.events[PARTITION] = [Event(b"u", b"{}")] * 100
        self.source = BoundedSource(self.broker)
        self.changelog = ShortenedChangelog(self.broker)
        self.cache = MemoryStates()
        self.restorer = Restorer(self.source, self.changelog, self.cache, IDENTITY, KEEP_SECONDS, lambda: NOW)

    def commit(self, offset: int, *changes: tuple[bytes, bytes | None]) -> None:
        """A batch that ended at `offset` and changed these states."""
        self.broker.states[PARTITION] += itertools.starmap(StateChange, changes)
        self.broker.committed[PARTITION] = Committed(offset, len(self.broker.states[PARTITION]))

    def cached(self, watermark: Watermark | bytes, states: Mapping[bytes, bytes]) -> None:
        """What the cache holds before the restore."""
        raw = watermark if isinstance(watermark, bytes) else watermark.encode()
        self.cache.claim(PARTITION, self.cache.watermark(PARTITION), raw, empty=True)
        self.cache.write(PARTITION, raw, raw, states)

    def restore(self) -> Restored:
        steps = self.restorer.restore(PARTITION)
        while True:
            try:
                next(steps)
            except StopIteration as finished:
                return finished.value

    def states(self, restored: Restored, *users: bytes) -> list[bytes | None]:
        """States as a worker reads them that believes `restored`."""
        found = self.cache.read(PARTITION, restored.watermark.encode(), users)
        assert found is not None, "the copy must stand under the watermark that the restore tells"
        return found


def watermark(offset: int, position: int, model: str = "", age: int = 0, identity: Identity = IDENTITY) -> Watermark:
    return Watermark(identity, offset, position, model, NOW - age)


@pytest.fixture
def partition() -> Partition:
    return Partition()


def test_the_first_start_begins_at_the_earliest_event(partition: Partition) -> None:
    partition.source.low = 7
    restored = partition.restore()
    assert restored == Restored(watermark(7, 0), "full", 0, unlabelled=True)
    assert partition.states(restored, b"u") == [None]


def test_a_copy_that_is_as_far_as_the_group_is_believed_as_it_stands(partition: Partition) -> None:
    partition.commit(50, (b"u", b"truth"))
    here = watermark(50, 1, "small-1", age=10 * KEEP_SECONDS)
    partition.cached(here, {b"u": b"copy"})
    restored = partition.restore()
    assert restored == Restored(here, "none", 0, unlabelled=False)
    assert partition.states(restored, b"u") == [b"copy"], "nothing is read again"


def test_a_copy_that_lags_behind_gets_what_it_lacks(partition: Partition) -> None:
    partition.commit(40, (b"u", b"u1"), (b"v", b"v1"), (b"w", b"w1"))
    partition.cached(watermark(40, 3, "small-1"), {b"u": b"copy", b"v": b"v1", b"w": b"w1"})
    partition.commit(50, (b"v", b"v2"), (b"w", None), (b"x", b"x1"))
    restored = partition.restore()
    assert restored == Restored(watermark(50, 6, "small-1"), "tail", 3, unlabelled=False)
    assert partition.states(restored, b"u", b"v", b"w", b"x") == [b"copy", b"v2", None, b"x1"]


def test_an_end_that_lacks_what_was_committed_is_not_believed(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that hung and is not the leader any more says at first what it knew before."""
    partition.commit(40, (b"u", b"u1"))
    partition.cached(watermark(40, 1), {b"u": b"u1"})
    partition.commit(50, (b"u", b"u2"))
    with monkeypatch.context() as old_leader:
        old_leader.setattr(partition.changelog, "end", lambda _partition: 1)
        with pytest.raises(Retry, match="ends at 1, before 2"):
            partition.restore()
    restored = partition.restore()
    assert restored.watermark == watermark(50, 2)
    assert partition.states(restored, b"u") == [b"u2"]


def test_a_restore_tells_how_far_it_is(partition: Partition) -> None:
    partition.commit(40, *[(b"%d" % user, b"state") for user in range(6)])
    partition.source.hidden = 1
    assert list(partition.restorer.restore(PARTITION)) == [None, (2, 1 / 3), (4, 2 / 3), (6, 1.0)]


def test_a_copy_that_lacks_no_state_only_moves_its_watermark(partition: Partition) -> None:
    partition.commit(40, (b"u", b"u1"))
    partition.cached(watermark(40, 1), {b"u": b"u1"})
    partition.commit(50)
    restored = partition.restore()
    assert restored == Restored(watermark(50, 1), "tail", 0, unlabelled=False)
    assert partition.states(restored, b"u") == [b"u1"]


@pytest.mark.parametrize(
    ("before", "first"),
    [
        (watermark(40, 1, age=KEEP_SECONDS), 0),
        (watermark(40, 1, age=KEEP_SECONDS // 2), 0),
        (watermark(40, 1, age=-1), 0),
        (watermark(60, 2), 0),
        (watermark(40, 1), 2),
        (CLAIM_PREFIX + b"of a restore that was killed", 0),
        (b"written by something else", 0),
        (b"\xff\xfe", 0),
        (watermark(50, 2).encode() + b" ", 0),
        (b'{"offset":50}', 0),
    ],
    ids=[
        "aged",
        "half aged",
        "from the future",
        "ahead of the group",
        "before the changelog begins",
        "a claim",
        "foreign",
        "no text",
        "not byte for byte ours",
        "an older format",
    ],
)
def test_a_copy_that_cannot_be_believed_is_written_anew(
    partition: Partition, before: Watermark | bytes, first: int
) -> None:
    partition.commit(40, (b"erased", None))
    partition.cached(before, {b"erased": b"must not survive", b"u": b"damaged"})
    partition.commit(50, (b"other", None), (b"u", b"u1"), (b"v", b"v1"))
    partition.changelog.first = first
    restored = partition.restore()
    assert restored == Restored(watermark(50, 4), "full", 4 - first, unlabelled=False)
    assert partition.states(restored, b"erased", b"u", b"v") == [None, b"u1", b"v1"]


def test_a_copy_just_young_enough_is_brought_up_to_date(partition: Partition) -> None:
    partition.commit(40, (b"u", b"u1"))
    partition.cached(watermark(40, 1, age=KEEP_SECONDS // 2 - 1), {b"u": b"u1"})
    partition.commit(50)
    assert partition.restore().kind == "tail"


def test_an_emptied_cache_is_filled_from_the_changelog(partition: Partition) -> None:
    partition.commit(50, (b"u", b"u1"), (b"gone", b"state"), (b"u", b"u2"), (b"gone", None))
    restored = partition.restore()
    assert restored == Restored(watermark(50, 4), "full", 4, unlabelled=False)
    assert partition.states(restored, b"u", b"gone") == [b"u2", None]


def test_the_changelog_tells_which_model_the_labels_are_of(partition: Partition) -> None:
    partition.commit(40, (MODEL_KEY, b"small-1"), (b"u", b"u1"))
    assert partition.restore().watermark == watermark(40, 2, "small-1")
    partition.commit(50, (b"u", b"u2"), (MODEL_KEY, b"small-2"))
    restored = partition.restore()
    assert restored.watermark == watermark(50, 4, "small-2")
    assert partition.states(restored, b"u") == [b"u2"]


@pytest.mark.parametrize(
    "gone", [{1, 2}, {2, 3, 4}, {1, 2, 3, 4, 5}], ids=["in between", "up to the end", "all the rest"]
)
def test_a_changelog_that_is_compacted_under_the_restore_is_read_to_its_end(
    partition: Partition, gone: set[int]
) -> None:
    """What has gone from it stands there again further behind: here, beyond the end that was asked for."""
    partition.commit(50, *[(b"u%d" % (number % 3), b"%d" % number) for number in range(6)])
    changelog = CompactedChangelog(partition.broker)
    partition.restorer = Restorer(partition.source, changelog, partition.cache, IDENTITY, KEEP_SECONDS, lambda: NOW)
    ends: list[Restored] = []

    def steps() -> Generator[Progress | None, None, None]:
        ends.append((yield from partition.restorer.restore(PARTITION)))

    running = steps()
    next(running)
    changelog.gone = gone
    progress = list(itertools.islice(running, 6))
    (restored,) = ends
    assert restored.watermark == watermark(50, 6)
    assert restored.records == 6 - len(gone)
    left = {b"u%d" % (number % 3): b"%d" % number for number in range(6) if number not in gone}
    assert partition.states(restored, b"u0", b"u1", b"u2") == [left.get(b"u%d" % user) for user in range(3)]
    assert progress[-1] == Progress(restored.records, 1.0)


def test_other_partitions_are_left_alone(partition: Partition) -> None:
    partition.cache.claim(0, None, b"w", empty=True)
    partition.cache.write(0, b"w", b"w", {b"u": b"theirs"})
    partition.broker.states[0].append(StateChange(b"v", b"theirs"))
    partition.commit(50, (b"u", b"u1"))
    restored = partition.restore()
    assert partition.states(restored, b"u", b"v") == [b"u1", None]
    assert partition.cache.read(0, b"w", [b"u"]) == [b"theirs"]


@pytest.mark.parametrize("steps", [1, 2])
def test_a_restore_whose_claim_was_taken_fails_and_nothing_is_believed(partition: Partition, steps: int) -> None:
    partition.commit(50, (b"u", b"u1"), (b"v", b"v1"), (b"w", b"w1"))
    restore = partition.restorer.restore(PARTITION)
    for _ in range(steps):
        next(restore)
    mine = partition.cache.watermark(PARTITION)
    assert mine is not None
    assert mine.startswith(CLAIM_PREFIX)
    assert partition.cache.claim(PARTITION, mine, CLAIM_PREFIX + b"other", empty=True)
    with pytest.raises(Retry, match="lost its claim") as caught:
        list(restore)
    assert caught.value.part == "redis"
    assert partition.cache.watermark(PARTITION) == CLAIM_PREFIX + b"other"
    assert partition.cache.read(PARTITION, CLAIM_PREFIX + b"other", [b"u", b"v", b"w"]) == [None] * 3, "no late writes"


def test_a_cache_that_is_emptied_in_between_is_not_believed(partition: Partition) -> None:
    partition.commit(50, (b"u", b"u1"), (b"v", b"v1"), (b"w", b"w1"))
    restore = partition.restorer.restore(PARTITION)
    next(restore)
    partition.cache.forget(PARTITION)
    with pytest.raises(Retry, match="or Redis was emptied"):
        list(restore)
    assert partition.cache.watermark(PARTITION) is None


class MovingStates(MemoryStates):
    """Another worker is faster: the watermark moves between the look and the claim."""

    def claim(self, partition: int, watermark: bytes | None, claim: bytes, *, empty: bool) -> bool:
        super().claim(partition, watermark, b"other", empty=False)
        return super().claim(partition, watermark, claim, empty=empty)


def test_a_watermark_that_moves_before_the_claim_is_left_alone(partition: Partition) -> None:
    partition.cache = MovingStates()
    partition.restorer = Restorer(
        partition.source, partition.changelog, partition.cache, IDENTITY, KEEP_SECONDS, lambda: NOW
    )
    partition.commit(50, (b"u", b"u1"))
    with pytest.raises(Retry, match="another worker is at it"):
        partition.restore()
    assert partition.cache.watermark(PARTITION) == b"other"


def test_two_restores_never_share_a_claim(partition: Partition) -> None:
    partition.commit(50, (b"u", b"u1"))
    claims = set()
    for _ in range(3):
        next(partition.restorer.restore(PARTITION))
        claims.add(partition.cache.watermark(PARTITION))
    assert len(claims) == 3


def test_an_open_transaction_is_waited_for(partition: Partition) -> None:
    partition.commit(50, (b"u", b"u1"))
    partition.cached(watermark(50, 1), {b"u": b"u1"})
    partition.source.hidden = 3
    restore = partition.restorer.restore(PARTITION)
    for _ in range(3):
        assert next(restore) is None
    with pytest.raises(StopIteration):
        next(restore)


def test_every_step_is_bounded(partition: Partition) -> None:
    """The loop polls between two steps, or the group loses its member."""
    partition.commit(50, *((b"%d" % number, b"state") for number in range(9)))
    assert len(list(partition.restorer.restore(PARTITION))) == 5


def test_what_is_written_after_the_restore_has_begun_is_left_to_the_batch_that_wrote_it(partition: Partition) -> None:
    partition.commit(50, (b"u", b"u1"), (b"v", b"v1"), (b"w", b"w1"))
    restore = partition.restorer.restore(PARTITION)
    next(restore)
    partition.broker.states[PARTITION] += [StateChange(b"u", b"late")] * 100
    assert len(list(restore)) == 1, "the end is asked for once, or a busy changelog would never be reached"


@pytest.mark.parametrize(
    "identity",
    [
        Identity("cluster-2", "events-1", "states-1", 2),
        Identity("cluster-1", "events-2", "states-1", 2),
        Identity("cluster-1", "events-1", "states-2", 2),
        Identity("cluster-1", "events-1", "states-1", 4),
    ],
    ids=["cluster", "events topic", "state topic", "partitions"],
)
def test_a_copy_of_other_topics_stops_the_worker(partition: Partition, identity: Identity) -> None:
    partition.commit(50, (b"u", b"u1"))
    theirs = watermark(50, 1, identity=identity)
    partition.cached(theirs, {b"u": b"theirs"})
    with pytest.raises(Stop) as caught:
        partition.restore()
    for words in (str(identity), str(IDENTITY), "python -m worker reset"):
        assert words in str(caught.value)
    assert partition.cache.watermark(PARTITION) == theirs.encode(), "nothing is touched"


def test_states_without_a_committed_offset_stop_the_worker(partition: Partition) -> None:
    partition.broker.states[PARTITION].append(StateChange(b"u", b"u1"))
    with pytest.raises(Stop, match=r"no offset, but the changelog holds states \(1 records\).*python -m worker reset"):
        partition.restore()


@pytest.mark.parametrize("copy", [None, watermark(9, 0), watermark(101, 0)], ids=["no copy", "below", "above"])
def test_an_offset_that_retention_has_passed_stops_the_worker(partition: Partition, copy: Watermark | None) -> None:
    partition.commit(9)
    partition.source.low = 10
    if copy:
        partition.cached(copy, {})
    with pytest.raises(Stop, match=r"committed offset 9, .* is 10: 1 events were deleted.*python -m worker reset"):
        partition.restore()


def test_an_offset_beyond_the_topic_stops_the_worker(partition: Partition) -> None:
    partition.commit(101)
    beyond = "committed offset 101, but the topic ends at 100"
    for _ in range(ENDS_ASKED - 1):
        with pytest.raises(Retry, match=beyond):
            partition.restore()
    with pytest.raises(Stop, match=f"{beyond}.*python -m worker reset"):
        partition.restore()


def test_an_end_of_the_events_that_an_old_leader_tells_stops_no_worker(partition: Partition) -> None:
    """However often one comes to the wrong broker, as long as it is not every time."""
    partition.commit(50, (b"u", b"u1"))
    for _ in range(2):
        partition.source.end = 49
        for _ in range(ENDS_ASKED - 1):
            with pytest.raises(Retry, match="an old leader may have said so"):
                partition.restore()
        partition.source.end = None
        assert partition.restore().watermark.offset == 50


def test_the_end_is_asked_for_longer_than_an_old_leader_tells_a_wrong_one() -> None:
    """Which was seen for a quarter of a second."""
    waits = Backoff(0.1, 10.0, 0.5, lambda: 0.0, chance=lambda: 1.0)  # as the settings are, and chance is against us
    retry = Settings().retry
    assert (retry.first_ms, retry.max_ms, retry.jitter) == (100, 10_000, 0.5)
    assert sum(waits.wait() for _ in range(ENDS_ASKED - 1)) > 1.0


@pytest.mark.parametrize("offset", [10, 100])
def test_an_offset_at_either_end_is_right(partition: Partition, offset: int) -> None:
    partition.commit(offset)
    partition.source.low = 10
    assert partition.restore().watermark.offset == offset
