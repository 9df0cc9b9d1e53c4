"""Each fault of what comes in really strikes: events come at once, or another model is deployed."""

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.acceptance.events import Event, EventMaker
from tests.acceptance.faults import inputs as faults
from tests.acceptance.injection import Injection
from tests.acceptance.ledger import Traffic
from tests.acceptance.system import link

FAULTS = {fault.name: fault for fault in faults.FAULTS}
FLOOD, POISONED, MODEL = (
    "a flood of 15,000 events and a kill -9",
    "1,500 poison events in a row",
    "another model deployed",
)


class Ledger:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.ends: dict[int, int] = {}

    def send(self, event: Event) -> None:
        self.sent.append(event)

    def poll(self) -> None: ...


class Bench:
    def __init__(self, folder: Path) -> None:
        self.ledger, self.killed = Ledger(), list[str]()
        self.bundles = [folder / name for name in ("one", "two")]
        self.deployed = folder / "deployed"
        link(self.bundles[0], self.deployed)

    def injection(self) -> Injection:
        traffic = Traffic(cast(Any, self.ledger), EventMaker(seed=1), 0.0, Random(1))
        system = SimpleNamespace(
            traffic=traffic,
            group=SimpleNamespace(names=["w0"], kill=self.killed.append),
            bundles=self.bundles,
            deployed=self.deployed,
            deploy=lambda bundle: link(bundle, self.deployed),
            watch=SimpleNamespace(begin=lambda _marks: "it is timed"),
            ledger=self.ledger,
        )
        return Injection(cast(Any, system), Random(1))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_flood_ends_with_a_kill(bench: Bench) -> None:
    FAULTS[FLOOD].inject(injection := bench.injection())
    assert (len(bench.ledger.sent), bench.killed) == (15_000, ["w0"])
    assert injection.recovery


def test_poison_is_nothing_but_poison(bench: Bench) -> None:
    maker = EventMaker(seed=1)
    poison = [maker.poison() for _ in range(1_500)]
    FAULTS[POISONED].inject(injection := bench.injection())
    assert bench.ledger.sent == poison
    assert bench.killed == []
    assert injection.recovery


def test_another_model_takes_the_place_of_the_one_that_is_there(bench: Bench) -> None:
    for expected in (*bench.bundles[::-1], *bench.bundles[::-1]):
        FAULTS[MODEL].inject(injection := bench.injection())
        assert bench.deployed.readlink() == expected
        assert injection.recovery


def test_every_fault_of_what_comes_in_is_tried_here() -> None:
    assert set(FAULTS) == {FLOOD, POISONED, MODEL}
