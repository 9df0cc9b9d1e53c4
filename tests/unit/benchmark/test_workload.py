"""The events of a benchmark."""

from itertools import islice

import numpy as np

from tests.benchmark.workload import AT_ONCE, Workload


def mean_songs(workload: Workload) -> float:
    songs: dict[int, set[int]] = {}
    for change in workload.changes():
        songs.setdefault(change.user, set()).update(change.songs)
    return float(np.mean([len(each) for each in songs.values()]))


def test_two_readers_see_the_same_events() -> None:
    workload = Workload(events=AT_ONCE + 10, users=100)
    assert list(workload.changes()) == list(workload.changes())


def test_another_seed_makes_other_events() -> None:
    assert list(islice(Workload(seed=1).changes(), 20)) != list(islice(Workload().changes(), 20))


def test_there_are_as_many_events_as_were_asked_for() -> None:
    assert sum(1 for _ in Workload(events=AT_ONCE + 10).changes()) == AT_ONCE + 10


def test_a_share_of_the_events_leaves_the_playlists_as_long() -> None:
    whole = Workload().scaled(0.1)
    assert (whole.events, whole.users) == (100_000, 5_000)
    assert 20 < mean_songs(whole) < 28
    assert abs(mean_songs(whole.scaled(0.2)) / mean_songs(whole) - 1) < 0.05
