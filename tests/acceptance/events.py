"""Playlist events at random, of every kind there is, poison among them."""

import json
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

KNOWN_SONGS = 200  # s0 to s199, as the small bundle has them
UNKNOWN_SONGS = 5_000
LONGEST_PLAYLIST = 10_000
TOO_LARGE = 950_000


class Event(NamedTuple):
    key: bytes | None
    value: bytes | None


class EventMaker:
    """Events of `users` users; the seed decides them all."""

    def __init__(self, seed: int, users: int = 400) -> None:
        self._random = Random(seed)
        self._users = users
        self._kinds = list(KINDS)
        self._weights = list(KINDS.values())

    def next(self) -> Event:
        """Of any kind; about one in forty is poison."""
        (kind,) = self._random.choices(self._kinds, self._weights)
        return kind(self._user(), self._random)

    def poison(self) -> Event:
        return self._random.choice(POISON)(self._user(), self._random)

    def _user(self) -> bytes:
        # Squared, so that some users come often enough to be in a batch several times.
        return b"u%d" % int(self._users * self._random.random() ** 2)


def change(user: bytes, random: Random) -> Event:
    more: dict[str, Any] = {"add": _songs(random, 3)}
    if random.random() < 0.3:
        more["remove"] = _songs(random, 3)
    if random.random() < 0.2:
        more["at"] = f"2026-0{random.randint(1, 9)}-12T08:{random.randint(10, 59)}:00.5+02:00"
    return _json(user, type="change", **more)


def snapshot(user: bytes, random: Random) -> Event:
    return _json(user, type="snapshot", songs=_songs(random, 40), user=user.decode())


def objection(user: bytes, random: Random) -> Event:
    return _json(user, type="consent", labelling=False)


def agreement(user: bytes, random: Random) -> Event:
    return _json(user, type="consent", labelling=True)


def erasure(user: bytes, random: Random) -> Event:
    return Event(user, None)


def not_json(user: bytes, random: Random) -> Event:
    return Event(user, random.choice([b"", b"{", b"\xff\xfe", b'{"type":"change"', b"null", b"[" * 5000]))


def unknown_type(user: bytes, random: Random) -> Event:
    return _json(user, type="purge")


def wrong_field(user: bytes, random: Random) -> Event:
    return _json(user, type="snapshot", songs=random.choice(["s1", [1], None, {"s1": 1}]))


def other_user(user: bytes, random: Random) -> Event:
    return _json(user, type="change", add=["s1"], user="somebody else")


def bad_song(user: bytes, random: Random) -> Event:
    return _json(user, type="change", add=["s1", random.choice(["", "x" * 257, "\ud800"])])


def bad_key(user: bytes, random: Random) -> Event:
    return _json(random.choice([None, b"", b"\xff" + user, b"u" * 257]), type="change", add=["s1"])


def too_many_songs(user: bytes, random: Random) -> Event:
    return _json(user, type="snapshot", songs=[f"x{number}" for number in range(LONGEST_PLAYLIST + 1)])


def too_large(user: bytes, random: Random) -> Event:
    return Event(user, random.choice([b'{"type":"change","add":[]', b""]) + b" " * TOO_LARGE)


Kind = Callable[[bytes, Random], Event]
POISON: list[Kind] = [not_json, unknown_type, wrong_field, other_user, bad_song, bad_key]
KINDS: dict[Kind, float] = {
    change: 70,
    snapshot: 15,
    objection: 2,
    agreement: 4,
    erasure: 4,
    **dict.fromkeys(POISON, 0.4),
    too_many_songs: 0.005,
    too_large: 0.001,
}


def _songs(random: Random, most: int) -> list[str]:
    return [
        f"s{random.randrange(KNOWN_SONGS)}" if random.random() < 0.8 else f"x{random.randrange(UNKNOWN_SONGS)}"
        for _ in range(random.randint(0, most))
    ]


def _json(key: bytes | None, **fields: object) -> Event:
    return Event(key, json.dumps(fields).encode())
