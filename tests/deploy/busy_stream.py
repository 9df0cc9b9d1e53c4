"""A stream in which everything that a dashboard shows happens."""

import random

from tests.stream import Stream


def send_some_of_everything(stream: Stream, events: int, rng: random.Random) -> None:
    """Snapshots and changes of some hundred users, a few erasures, objections and bad events among them."""
    for _ in range(events):
        user = f"u{rng.randrange(300)}"
        songs = [f"s{rng.randrange(230)}" for _ in range(rng.randrange(1, 40))]
        kind = rng.random()
        if kind < 0.6:
            stream.send(user, {"type": "change", "add": songs[:3], "remove": songs[3:5]})
        elif kind < 0.94:
            stream.send(user, {"type": "snapshot", "songs": songs})
        elif kind < 0.96:
            stream.send(user, {"type": "consent", "labelling": rng.random() < 0.5})
        elif kind < 0.98:
            stream.send(user, None)
        else:
            stream.send(user, rng.choice([b"{", b'{"type":"x"}', b'{"type":"change","add":5}']))
    stream.flush()
