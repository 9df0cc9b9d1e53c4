"""A bundle that takes the place of another is noticed and loaded once, whether it may run or not."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest

from tests.stream import PATIENCE, eventually
from worker.errors import Stop
from worker.model_watch import ModelWatch

INTERVAL = 10.0


class Bench:
    """A watch over a folder, and the bundles that are loaded for it."""

    def __init__(self, folder: Path, interval: float = INTERVAL) -> None:
        self.folder = folder
        self.now = 0.0
        self.loaded = 0
        self.may_load = Event()
        self.may_load.set()
        self.refuse = False
        self.deploy("first")
        self.watch = ModelWatch(folder, cast(Any, self._load), interval, lambda: self.now)

    def deploy(self, content: str) -> None:
        fresh = self.folder / "manifest.new"
        fresh.write_text(content)
        fresh.replace(self.folder / "manifest.json")

    def _load(self) -> str:
        assert self.may_load.wait(PATIENCE)
        self.loaded += 1
        if self.refuse:
            raise Stop("the bundle is damaged")
        return (self.folder / "manifest.json").read_text()

    def look(self) -> object:
        """What the next look in its time leads to."""
        self.now += INTERVAL
        return self.after_loading()

    def after_loading(self) -> object:
        if (found := self.watch.poll()) is not None or self.watch._loading is None:
            return found
        return eventually(self.watch.poll, "the bundle is loaded")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.may_load.set()
    bench.watch.close()


def test_what_is_there_is_left_alone(bench: Bench) -> None:
    assert [bench.look(), bench.look()] == [None, None]
    assert bench.loaded == 0


def test_a_new_bundle_is_taken_once(bench: Bench) -> None:
    bench.deploy("second")
    assert [bench.look(), bench.look()] == ["second", None]
    assert bench.loaded == 1


def test_a_bundle_of_the_same_size_is_another_one(bench: Bench) -> None:
    facts = (bench.folder / "manifest.json").stat()
    bench.deploy("FIRST")
    os.utime(bench.folder / "manifest.json", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert bench.look() == "FIRST"


def test_a_bad_bundle_is_refused_once_and_the_next_one_is_taken(bench: Bench) -> None:
    bench.refuse = True
    bench.deploy("bad")
    assert [bench.look(), bench.look(), bench.look()] == ["refused", None, None]
    bench.refuse = False
    bench.deploy("good")
    assert bench.look() == "good"


def test_it_looks_from_time_to_time(bench: Bench) -> None:
    bench.deploy("second")
    bench.now += INTERVAL - 0.1
    assert bench.after_loading() is None
    assert bench.loaded == 0
    bench.now += 0.1
    assert bench.after_loading() == "second"


def test_while_a_bundle_is_loaded_the_old_model_goes_on(bench: Bench) -> None:
    bench.may_load.clear()
    bench.deploy("second")
    bench.now += INTERVAL
    assert [bench.watch.poll(), bench.watch.poll()] == [None, None], "nobody waits"
    bench.deploy("third")  # too late for this look
    bench.may_load.set()
    assert eventually(bench.watch.poll, "a bundle is loaded") in {"second", "third"}
    assert bench.look() == "third"


def test_between_two_bundles_there_is_none(bench: Bench) -> None:
    (bench.folder / "manifest.json").unlink()
    assert bench.look() is None
    bench.deploy("second")
    assert bench.look() == "second"


def test_whoever_asks_gets_what_is_there_though_it_looks_the_same(tmp_path: Path) -> None:
    bench = Bench(tmp_path, interval=0)
    bench.deploy("second")
    assert bench.look() is None, "it looks when asked to alone"
    for _ in range(2):
        bench.watch.look_now()
        assert bench.after_loading() == "second"
        assert bench.after_loading() is None
    bench.watch.close()
