"""Events that leave playlists as long as they are."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import msgspec
import pytest

from tests.benchmark.scale import AS_USUAL, SONGS, USERS, VOCABULARIES, points
from tests.benchmark.steady import SPARE, Steady
from tests.benchmark.workload import AT_ONCE
from worker.contract.event import Change, Snapshot, decode_event

SMALL = Steady(events=2_000, users=50)


def lengths(workload: Steady) -> set[int]:
    """How long the playlists are at any time."""
    songs = {each.user: set(each.songs) for each in workload.snapshots()}
    found = {len(each) for each in songs.values()}
    for change in workload.changes():
        assert songs[change.user] >= set(change.removed), "what is removed was there"
        assert songs[change.user].isdisjoint(change.songs), "what is added was not"
        songs[change.user] -= set(change.removed)
        songs[change.user] |= set(change.songs)
        found.add(len(songs[change.user]))
    return found


@pytest.mark.parametrize("workload", [SMALL, replace(SMALL, songs=5), replace(SMALL, songs=300, vocabulary=1_000)])
def test_playlists_stay_as_long_as_they_are(workload: Steady) -> None:
    assert lengths(workload) == {workload.songs}


def test_one_thing_is_varied_at_a_time() -> None:
    usual, *others = [point for point in points(1_000_000) if point.workers == 1]
    assert usual.question == AS_USUAL
    assert (usual.workload.events, usual.workload.songs) == (1_000_000, 22)
    alike = [replace(each.workload, vocabulary=usual.workload.vocabulary) for each in others[:3]]
    alike += [replace(each.workload, songs=usual.workload.songs) for each in others[3:6]]
    alike += [replace(each.workload, users=usual.workload.users) for each in others[6:]]
    assert alike == [usual.workload] * len(others)
    assert tuple(each.workload.vocabulary for each in others[:3]) == VOCABULARIES
    assert tuple(each.workload.songs for each in others[3:6]) == SONGS
    assert tuple(each.workload.users for each in others[6:]) == USERS


def test_every_user_comes_once_in_the_snapshots() -> None:
    assert Counter(each.user for each in SMALL.snapshots()) == Counter(range(50))


def test_two_readers_see_the_same_events() -> None:
    workload = Steady(events=AT_ONCE + 10, users=100)
    assert list(workload.changes()) == list(workload.changes())
    assert sum(1 for _ in workload.changes()) == AT_ONCE + 10


def test_users_come_back_and_their_songs_too() -> None:
    """For as long as somebody listens: beyond the ring's end it goes on at its start."""
    one = Steady(events=100, users=1)
    assert len({song for change in one.changes() for song in change.songs}) == one.songs + SPARE
    assert lengths(one) == {one.songs}


def test_popular_songs_are_in_most_playlists() -> None:
    counts = Counter(song for each in Steady(users=1_000).snapshots() for song in each.songs)
    assert counts[1] > 300
    assert len(counts) > 2_000, "and most songs in hardly any"


def test_the_worker_takes_the_events() -> None:
    snapshot, change = next(SMALL.snapshots()), next(SMALL.changes())
    first = decode_event(snapshot.value(), "user-0", 10_000)
    assert isinstance(first, Snapshot)
    assert first.songs == [f"song-{song}" for song in SMALL.playlist(0)]
    second = decode_event(change.value(), change.key.decode(), 10_000)
    assert isinstance(second, Change)
    assert (len(second.add), len(second.remove)) == (2, 2)
    assert [msgspec.json.decode(each.value())["user"] for each in islice(SMALL.snapshots(), 2)] == ["user-0", "user-1"]
