"""python -m tests.deploy.picture [FILE]: the dashboards' panels, drawn from 90 seconds of a real worker's life.

Trains two models on a small set of synthetic playlists, starts Kafka, Redis, Prometheus and a worker with the first
of them, and sends the playlists of listeners whom training did not see, in traffic that swells and falls. Redis is
killed on the way and comes back empty; later the second model is put in the first one's place. What each panel's
queries give is drawn: nobody needs a Grafana to know what the dashboards show.
"""

import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from deploy.demo.held_out import Listener, hold_out_listeners
from deploy.local.redis import RedisServer, start_redis
from deploy.local.stack import LocalStack
from tests.deploy.panel_drawing import Moment, draw
from tests.deploy.watched_worker import watched_worker
from tests.integration.own_settings import own_settings
from tests.stream import Stream

SECONDS = 90
REDIS_DIES, REDIS_IS_BACK, NEW_MODEL = 30, 34, 60


def main(arguments: Sequence[str]) -> int:
    target = Path(arguments[0]) if arguments else Path("docs/dashboards.png")
    with tempfile.TemporaryDirectory() as name, LocalStack(redis_implementation=None) as stack:
        folder = Path(name)
        listeners = train(folder)
        with start_redis(folder / "redis") as redis:
            settings = own_settings("picture-", stack.bootstrap_servers, redis.url, folder / "bundle")
            stream = Stream(settings | {"SONGPRINT_MODEL__WATCH_INTERVAL_S": "1"}, folder)
            stream.create_topics()
            _watch(stream, redis, listeners, folder, target)
    print(f"wrote {target}")
    return 0


def train(folder: Path) -> Sequence[Listener]:
    """Makes `folder`/bundle and `folder`/next, and returns listeners whom neither has seen."""
    _run("training", "synthesize", "--out", folder / "all", "--users", "2000", "--songs", "600")
    listeners = hold_out_listeners(folder / "all", folder / "data").listeners
    for number, bundle in enumerate(("bundle", "next")):
        _run("training", "fit", "--data", folder / "data", "--out", folder / f"run{number}", "--seed", number)
        _run("export", folder / f"run{number}", "--out", folder / bundle, "--name", "ktv")
    return listeners


def _run(*words: object) -> None:
    subprocess.run([sys.executable, "-m", *map(str, words)], check=True, capture_output=True)


def _watch(stream: Stream, redis: RedisServer, listeners: Sequence[Listener], folder: Path, target: Path) -> None:
    singers = Singers(listeners, random.Random(1))
    with watched_worker(stream, folder, singers.send) as server:
        began = time.time()
        moments = (
            (REDIS_DIES, redis.kill),
            (REDIS_IS_BACK, redis.start),
            (NEW_MODEL, lambda: _publish(folder)),
        )
        for moment, act in moments:
            _swell(stream, singers, began, moment)
            act()
        _swell(stream, singers, began, SECONDS)
        told = (Moment(REDIS_DIES, "Redis is lost"), Moment(NEW_MODEL, "a new model"))
        draw(server, began, time.time(), told, target)


def _swell(stream: Stream, singers: "Singers", began: float, until: float) -> None:
    while (passed := time.time() - began) < until:
        singers.send(stream, int(60 + 45 * math.sin(passed / 6)))
        time.sleep(0.1)


def _publish(folder: Path) -> None:
    (folder / "bundle").rename(folder / "before")
    (folder / "next").rename(folder / "bundle")


class Singers:
    """Send their playlists, whole and song by song; some object, some are erased, some events are bad."""

    def __init__(self, listeners: Sequence[Listener], rng: random.Random) -> None:
        self._listeners = listeners
        self._rng = rng

    def send(self, stream: Stream, events: int) -> None:
        for _ in range(events):
            user, songs, _ = astuple(self._rng.choice(self._listeners))
            kind = self._rng.random()
            if kind < 0.7:
                stream.send(user, {"type": "snapshot", "songs": songs})
            elif kind < 0.97:
                stream.send(user, {"type": "change", "add": [self._rng.choice(songs)]})
            elif kind < 0.98:
                stream.send(user, {"type": "consent", "labelling": self._rng.random() < 0.7})
            elif kind < 0.99:
                stream.send(user, None)
            else:
                stream.send(user, self._rng.choice([b"{", b'{"type":"x"}', b'{"type":"change","add":5}']))
        stream.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
