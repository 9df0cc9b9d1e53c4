"""Events that leave playlists as long as they are, so that a cost can be told by anything else than that."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.benchmark.workload import AT_ONCE, POPULARITY, Change, song_list

TASTES = 50_000
"""Most users that have songs of their own; beyond them they are the same again."""
SPARE = 22
"""Songs that a user has on and off, beside those that are in the playlist at the time."""


class Snapshot(NamedTuple):
    user: int
    songs: list[int]

    @property
    def key(self) -> bytes:
        return b"user-%d" % self.user

    def value(self) -> bytes:
        """The event as JSON."""
        return b'{"type":"snapshot","user":"user-%d","songs":[%b]}' % (self.user, song_list(self.songs))


@dataclass(frozen=True)
class Steady:
    """Users with a playlist each, and changes that remove as many songs as they add.

    Each user has a ring of songs, and the playlist is a stretch of it: a change drops what stands at its start and adds
    what comes after its end.
    """

    events: int = 1_000_000
    """Changes."""
    users: int = 50_000
    vocabulary: int = 16_692
    songs: int = 22
    """Of every user, at any time."""
    changed: int = 2
    """Songs that an event adds, and as many that it removes; SPARE at most."""
    seed: int = 0

    def snapshots(self) -> Iterator[Snapshot]:
        """Everyone's playlist before the first change."""
        return (Snapshot(user, self.playlist(user)) for user in range(self.users))

    def playlist(self, user: int) -> list[int]:
        """A user's songs before the first change."""
        rings = self._rings()
        songs: list[int] = rings[user % len(rings), : self.songs].tolist()
        return songs

    def changes(self) -> Iterator[Change]:
        rings, random = self._rings(), np.random.default_rng([self.seed, 1])
        ahead = np.concatenate([np.arange(self.changed), self.songs + np.arange(self.changed)])  # removed, then added
        starts = [0] * self.users
        for start in range(0, self.events, AT_ONCE):
            users = random.integers(0, self.users, min(AT_ONCE, self.events - start)).tolist()
            places = []
            for user in users:
                places.append(starts[user])
                starts[user] += self.changed
            columns = (np.array(places)[:, None] + ahead) % rings.shape[1]
            songs = rings[(np.array(users) % len(rings))[:, None], columns]
            yield from map(Change, users, songs[:, self.changed :].tolist(), songs[:, : self.changed].tolist())

    def _rings(self) -> NDArray[np.int32]:
        return _rings(min(self.users, TASTES), self.songs + SPARE, self.vocabulary, self.seed)


@lru_cache(maxsize=1)
def _rings(count: int, length: int, vocabulary: int, seed: int) -> NDArray[np.int32]:
    """Rings of different songs [count, length], each in an order of its own; popular songs are in most of them."""
    random = np.random.default_rng(seed)
    rings = np.empty((count, length), np.int32)
    for ring in rings:
        songs: dict[int, None] = {}
        while len(songs) < length:
            songs |= dict.fromkeys((random.zipf(POPULARITY, 4 * length) % vocabulary).tolist())
        ring[:] = random.permutation(list(songs)[:length])
    return rings
