"""The events of a benchmark: the same for every contender, and made anew from a seed wherever they are needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

import numpy as np

POPULARITY = 1.3
"""Exponent of the songs' popularity: few songs are sung by nearly all, most by hardly anyone."""
AT_ONCE = 1 << 16
PREFIX = "workload-"
"""Of the topics that hold a workload."""


class Change(NamedTuple):
    user: int
    songs: list[int]
    """Songs that the user adds; some of them may be there already."""
    removed: Sequence[int] = ()

    @property
    def key(self) -> bytes:
        return b"user-%d" % self.user

    def value(self, more: bytes = b"") -> bytes:
        """The event as JSON; `more` are further fields, each with a comma before it."""
        fields = self.user, song_list(self.songs), song_list(self.removed), more
        return b'{"type":"change","user":"user-%d","add":[%b],"remove":[%b]%b}' % fields


def song_list(songs: Sequence[int]) -> bytes:
    """The inside of a JSON array."""
    return b",".join([b'"song-%d"' % song for song in songs])


class Changes(Protocol):
    """Users whose playlists change, the same in whichever process they are made."""

    @property
    def events(self) -> int: ...

    @property
    def users(self) -> int: ...

    def playlist(self, user: int) -> list[int]:
        """A user's songs before the first change."""
        ...

    def changes(self) -> Iterator[Change]: ...


@dataclass(frozen=True)
class Workload:
    """Users who add songs, a few at a time. As it stands, a user has 22 songs at the end on average."""

    events: int = 1_000_000
    users: int = 50_000
    vocabulary: int = 16_692
    added: int = 2
    """Songs of one event."""
    seed: int = 0

    @property
    def topic(self) -> str:
        return f"{PREFIX}{self.events}-{self.users}-{self.vocabulary}-{self.added}-{self.seed}"

    def scaled(self, share: float) -> Self:
        """A share of the events, of as large a share of the users, so that playlists are as long as before."""
        return replace(self, events=max(1, round(self.events * share)), users=max(1, round(self.users * share)))

    def playlist(self, user: int) -> list[int]:
        return []

    def changes(self) -> Iterator[Change]:
        random = np.random.default_rng(self.seed)
        for start in range(0, self.events, AT_ONCE):
            count = min(AT_ONCE, self.events - start)
            users = random.integers(0, self.users, count).tolist()
            songs = (random.zipf(POPULARITY, (count, self.added)) % self.vocabulary).tolist()
            yield from map(Change, users, songs)
