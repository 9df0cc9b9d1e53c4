"""The demo on a folder of one's own, from its users to their score. What it starts is stood in for here: with real
servers, a real worker and synthetic data all of it runs in acceptance/test_demo.py.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from deploy.demo import flow
from deploy.demo.commands import spelled
from deploy.demo.events import Event
from deploy.demo.narrator import Narrator
from training.datasets.load import load_playlists
from worker.contract.user_label import Cluster, Gender, Source, UserLabel
from worker.observe.metrics import Metrics
from worker.settings import Kafka

GENDERS = {f"own user {number}": "f" if number % 3 else "m" for number in range(40)}
PLAYLISTS = {user: {f"own song {(number + k) % 50}" for k in range(6)} for number, user in enumerate(GENDERS)}
HELD_OUT = 8
ENVIRONMENT = {"SONGPRINT_KAFKA__EVENTS_TOPIC": "events-of-the-demo"}


def write_folder(folder: Path) -> Path:
    """Plays and genders, and no titles."""
    folder.mkdir()
    plays = [f"{user},{song}" for user, songs in PLAYLISTS.items() for song in sorted(songs)]
    genders = [f"{user},{gender}" for user, gender in GENDERS.items()]
    (folder / "plays.csv").write_text("\n".join(["user_id,song_id", *plays]))
    (folder / "users.csv").write_text("\n".join(["user_id,gender", *genders]))
    return folder


class Surroundings:
    """Stands for commands, servers, worker and stream, and remembers what the demo did with them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[str] = []
        self.playlists: dict[str, set[str]] = {}
        for name in ("run_command", "servers", "running_worker", "play"):
            monkeypatch.setattr(flow, name, getattr(self, name))

    def run_command(self, *words: str | Path, logs: Path, environment: Mapping[str, str] | None = None) -> None:
        assert logs == flow.LOGS
        self.did.append(spelled(*words) + (" there" if environment == ENVIRONMENT else ""))

    @contextmanager
    def servers(self, logs: Path, report: Callable[[str], None]) -> Iterator[dict[str, str]]:
        self.did.append("servers start")
        yield ENVIRONMENT
        self.did.append("servers end")

    @contextmanager
    def running_worker(self, bundle: Path, logs: Path, environment: Mapping[str, str]) -> Iterator[Any]:
        self.did.append(f"a worker of {bundle} starts" + (" there" if environment == ENVIRONMENT else ""))
        page = generate_latest(Metrics(CollectorRegistry()).registry).decode()
        yield SimpleNamespace(process=SimpleNamespace(check=lambda: None), settled=lambda: page)
        self.did.append("the worker ends")

    def play(
        self,
        events: Sequence[Event],
        pace: float,
        kafka: Kafka,
        check: Callable[[], None],
        arrived: Callable[[UserLabel], None],
    ) -> None:
        """Every listener is told to be a woman."""
        self.did.append(f"to {kafka.events_topic}")
        offsets = count()
        for user, value in events:
            event = msgspec.json.decode(value)
            songs = self.playlists.setdefault(user, set())
            songs -= set(event.get("remove", ()))
            songs |= set(event.get("songs", event.get("add")))
            arrived(label(user, len(songs), next(offsets)))


def label(user: str, songs: int, offset: int) -> UserLabel:
    return UserLabel(
        user=user,
        gender=Gender("f", 0.83),
        cluster=Cluster(1, "ballads", 0.41),
        songs=songs,
        known_songs=songs,
        model="m",
        source=Source(0, offset),
        reason="event",
        at=datetime(2026, 1, 31, 20, 15, tzinfo=UTC),
    )


def test_a_folder_of_ones_own_is_the_demos_from_its_users_to_their_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    surroundings, out = Surroundings(monkeypatch), io.StringIO()

    flow.demo(write_folder(tmp_path / "mine"), Narrator(Console(file=out, width=140), lambda: 0.0))

    assert surroundings.did == [
        f"python -m training fit --data {flow.TRAIN} --out {flow.RUN}",
        f"python -m export {flow.RUN} --out {flow.BUNDLE}",
        "servers start",
        "python -m worker topics --create there",
        f"a worker of {flow.BUNDLE} starts there",
        "to events-of-the-demo",
        "the worker ends",
        "servers end",
    ]
    learnt = set(load_playlists(flow.TRAIN).user_ids.to_pylist())
    assert surroundings.playlists == {user: songs for user, songs in PLAYLISTS.items() if user not in learnt}
    assert len(surroundings.playlists) == HELD_OUT
    women = sum(GENDERS[user] == "f" for user in surroundings.playlists)
    said = [line.split() for line in out.getvalue().splitlines()]
    assert ["labelled", "at", "all", str(HELD_OUT)] in said
    assert ["right", "(accuracy)", str(women), f"{women / HELD_OUT:.1%}"] in said
    assert flow.NO_PUBLISHED in out.getvalue()
