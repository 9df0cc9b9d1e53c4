"""What the held-out listeners do: first everyone's playlist as it stands, then how it changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from deploy.demo.held_out import Listener

FIRST_SHARE = 0.75
"""Of a playlist: what the snapshot holds; the change adds the rest."""

Item = TypeVar("Item")


class Event(NamedTuple):
    """A record of `playlist-events`."""

    user: str
    value: bytes


@dataclass(frozen=True)
class _Evening:
    """One listener's songs: those there at first, those sung later, and one that is taken out again."""

    user: str
    first: list[str]
    later: list[str]
    mistaken: str | None

    def snapshot(self) -> Event:
        songs = self.first if self.mistaken is None else [*self.first, self.mistaken]
        return Event(self.user, msgspec.json.encode({"type": "snapshot", "songs": songs}))

    def change(self) -> Event:
        removed = [] if self.mistaken is None else [self.mistaken]
        return Event(self.user, msgspec.json.encode({"type": "change", "add": self.later, "remove": removed}))


def playlist_events(listeners: Sequence[Listener], rng: np.random.Generator) -> list[Event]:
    """All snapshots, then all changes. After its last event every listener has exactly the songs that are theirs."""
    evenings = list(_evenings(listeners, rng))
    snapshots = [evening.snapshot() for evening in evenings]
    changes = [evening.change() for evening in evenings if evening.later]
    return [*_shuffled(snapshots, rng), *_shuffled(changes, rng)]


def _evenings(listeners: Sequence[Listener], rng: np.random.Generator) -> Iterator[_Evening]:
    """A song of someone else's is the one taken out; playlists too short to grow stay as they are."""
    for listener in listeners:
        songs = _shuffled(listener.songs, rng)
        at_first = max(1, round(len(songs) * FIRST_SHARE))
        others = listeners[int(rng.integers(len(listeners)))].songs
        another = others[int(rng.integers(len(others)))]
        grows = at_first < len(songs) and another not in songs
        yield _Evening(listener.user, songs[:at_first], songs[at_first:], another if grows else None)


def _shuffled(items: Sequence[Item], rng: np.random.Generator) -> list[Item]:
    return [items[place] for place in rng.permutation(len(items))]
