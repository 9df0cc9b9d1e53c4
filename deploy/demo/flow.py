"""The demo, step by step."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.text import Text

from deploy.demo.board import Board
from deploy.demo.commands import run_command, spelled
from deploy.demo.errors import DemoError
from deploy.demo.events import playlist_events
from deploy.demo.held_out import Listener, hold_out_listeners
from deploy.demo.narrator import Narrator
from deploy.demo.page import metrics_page
from deploy.demo.playlists import Published, compare, published_playlists
from deploy.demo.servers import servers
from deploy.demo.stream import play
from deploy.demo.worker_process import WorkerProcess, running_worker
from worker.contract.user_label import UserLabel
from worker.settings import load_settings

FOLDER = Path("build", "demo")
DATA, TRAIN, RUN, BUNDLE, LOGS = (FOLDER / name for name in ("data", "train", "run", "bundle", "logs"))
PACE = 80.0
"""Events a second: slow enough to watch."""
SEED = 1
NO_PUBLISHED = "The seven published playlists are left out: the data has no titles, or not those of their songs."


def demo(data: Path | None, narrator: Narrator) -> None:
    """From the data folder `data`, or a synthetic one, to labels; the servers and the worker end with it."""
    _empty_folder(data)
    if data is None:
        _command(narrator, "training", "synthesize", "--out", data := DATA)
    with narrator.step(f"holding out listeners of {data}, whom training will not see"):
        held_out = hold_out_listeners(data, TRAIN)
    narrator.detail(f"{len(held_out.listeners):,} for the stream, {held_out.training_users:,} users left for training")
    _command(narrator, "training", "fit", "--data", TRAIN, "--out", RUN)
    _command(narrator, "export", RUN, "--out", BUNDLE)
    published = published_playlists(held_out.titles)
    with ExitStack() as running:
        with narrator.step("starting a Kafka and a Redis"):
            environment = running.enter_context(servers(LOGS, narrator.detail))
        _command(narrator, "worker", "topics", "--create", environment=environment)
        with narrator.step(spelled("worker", "run", "--bundle", BUNDLE)):
            worker = running.enter_context(running_worker(BUNDLE, LOGS, environment))
        board = Board(held_out.listeners, narrator.console)
        _stream(narrator, [*held_out.listeners, *(each.listener for each in published)], board, worker, environment)
        _show(narrator, board, published, worker)
        narrator.say("stopping the worker, Kafka and Redis")
    narrator.say(f"done; data, run, bundle and logs are in {FOLDER}")


def _empty_folder(data: Path | None) -> None:
    """Remove what the last demo left. Raises DemoError if `data` is a part of it."""
    if data is not None and data.resolve().is_relative_to(FOLDER.resolve()):
        raise DemoError(f"{data} would be removed, as everything in {FOLDER} is at the start: move it elsewhere first")
    if FOLDER.exists():
        shutil.rmtree(FOLDER)


def _command(narrator: Narrator, *words: str | Path, environment: Mapping[str, str] | None = None) -> None:
    with narrator.step(spelled(*words)):
        run_command(*words, logs=LOGS, environment=environment)


def _stream(
    narrator: Narrator,
    listeners: Sequence[Listener],
    board: Board,
    worker: WorkerProcess,
    environment: Mapping[str, str],
) -> None:
    """Send the listeners' events and see every one of them answered."""
    events = playlist_events(listeners, np.random.default_rng(SEED))
    narrator.say(f"sending {len(events):,} events of {len(listeners):,} listeners, {PACE:.0f} a second")
    with board.shown():
        play(events, PACE, load_settings(None, {}, environment).kafka, worker.process.check, board.add)
    _check_songs(listeners, board.labels)
    narrator.say(f"{len(events):,} events sent, {board.arrived:,} labels read: none is missing, none came twice")


def _show(narrator: Narrator, board: Board, published: Sequence[Published], worker: WorkerProcess) -> None:
    """What came of it: the score, the published playlists where the data has their songs, and the worker's metrics."""
    narrator.show(
        board.score.table(),
        compare(published, board.labels, BUNDLE) if published else Text(NO_PUBLISHED),
        metrics_page(worker.settled()),
    )


def _check_songs(listeners: Sequence[Listener], labels: Mapping[str, UserLabel]) -> None:
    """The last label of every listener is about exactly the songs that are theirs."""
    for listener in listeners:
        counted = labels[listener.user].songs
        if counted != len(listener.songs):
            raise DemoError(f"the last label of {listener.user} counts {counted} songs, not {len(listener.songs)}")
