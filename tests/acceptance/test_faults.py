"""The promise is kept while a fixed selection of faults breaks every part; `make chaos` goes on for longer."""

from pathlib import Path

import pytest

from tests.acceptance.faults import FAULTS, brokers, inputs, redis, workers
from tests.acceptance.run import run
from tests.acceptance.system import Plan, export_bundles

SELECTION = (
    "kill -9 inside the transaction",
    "kill -9 after the commit, before Redis",
    "kill -9 after the Redis read",
    "kill -9 while the changelog is read",
    "zombie in a transaction",
    "zombie before Redis",
    "planned restart",
    "Redis killed, back empty after 2 s",
    "Redis emptied between two reads",
    "Redis out of memory for 2 s",
    "failover to a stale replica",
    "a partition leader killed, back after 2 s",
    "labels refused as too large for 2 s",
    "EndTxn: answer lost",
    "EndTxn: request lost",
    "EndTxn: never answered",
    "1,500 poison events in a row",
    "another model deployed",
)
PLAN = Plan(
    seed=11,
    minutes=30,  # a bound for a busy machine; the run is over once every fault was in, a few minutes where it is idle
    faults=SELECTION,
    decks=1,
    workers=2,
    rate=300,  # other tests share the machine
    session_timeout_ms=6_000,
    transaction_timeout_ms=5_000,
    hot_bytes=200_000,
)


@pytest.mark.timeout(3000)  # those minutes, and what the last fault, the drain and the verdict may take
def test_the_promise_is_kept_whatever_breaks(tmp_path: Path) -> None:
    told: list[str] = []
    result = run(PLAN, tmp_path, export_bundles(tmp_path), told.append)
    assert result.passed, "\n".join([f"seed {PLAN.seed}", *map(str, result.findings), *map(str, result.crashes), *told])
    assert not [outcome for outcome in result.outcomes if outcome.missed], "\n".join(told)
    assert {outcome.fault for outcome in result.outcomes} == set(SELECTION)


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len(FAULTS) == sum(len(part.FAULTS) for part in (brokers, inputs, redis, workers))
