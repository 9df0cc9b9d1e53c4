"""One run from beginning to end: faults until the time is over, a last drain, and the verdict."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.acceptance.checks import Finding, verify
from tests.acceptance.faults import FAULTS
from tests.acceptance.group import Ending
from tests.acceptance.injection import Fault, Injection, Outcome, inject
from tests.acceptance.observe import observe
from tests.acceptance.records import Observation
from tests.acceptance.replay import Replay, replay
from tests.acceptance.schedule import deck
from tests.acceptance.system import Plan, System, running
from tests.stream import eventually
from worker.assemble import policy, redis_states
from worker.inference.labeller import open_labeller
from worker.watermark import Watermark

RECOVERED_WITHIN = 120.0
WARM_SECONDS, WARM_WITHIN = 1.0, 60.0
"""Within the first a running system labels what comes in; servers that have just started take several times as long,
and a machine that is busy may never get there."""
DRAINED_WITHIN = 180.0
Report = Callable[[str], None]


class Result(NamedTuple):
    plan: Plan
    events: int
    outcomes: list[Outcome]
    findings: list[Finding]
    endings: list[Ending]
    """Workers that ended although nobody had them stopped or killed."""
    seconds: float
    load: float
    """Of the machine at the end, mean of a minute: other work may have shared it."""

    @property
    def passed(self) -> bool:
        return not (self.findings or self.stalled or self.crashes)

    @property
    def stalled(self) -> list[str]:
        """Faults after which labels did not come back."""
        return [outcome.fault for outcome in self.outcomes if not outcome.missed and outcome.seconds is None]

    @property
    def crashes(self) -> list[Ending]:
        return [ending for ending in self.endings if ending.crashed]


def run(plan: Plan, folder: Path, bundles: list[Path], report: Report) -> Result:
    started = time.monotonic()
    with running(plan, folder, bundles) as system:
        outcomes = list(_inject_all(system, report))
        system.traffic.stop()
        system.ledger.flush()
        drained = _drain(system)
        seen = observe(system.stream, system.servers.redis, system.model)
        report(f"read back {len(seen.inputs)} events, {len(seen.labels)} labels, {len(seen.letters)} dead letters")
        if len(seen.inputs) > system.ledger.count:
            report(f"{len(seen.inputs) - system.ledger.count} events were written again by their own producer")
        findings = [Finding("the drain", drained)] if drained else []
        findings += _judge(system, seen)
    seconds = time.monotonic() - started
    return Result(plan, len(seen.inputs), outcomes, findings, system.group.endings, seconds, os.getloadavg()[0])


def _inject_all(system: System, report: Report) -> Iterator[Outcome]:
    random = Random(system.plan.seed)
    faults = [FAULTS[name] for name in system.plan.faults] or list(FAULTS.values())
    end = time.monotonic() + system.plan.minutes * 60
    _warm_up(system)
    for some in chain.from_iterable(deck(faults, random) for _ in range(system.plan.decks)):
        if time.monotonic() > end:
            return
        for outcome in _inject_together(system, some, random):
            if not outcome.missed and outcome.seconds is None:
                for condition in system.group.conditions():
                    report(condition)
                system.group.tell_stacks()
            felt = outcome.missed or ("NO LABELS" if outcome.seconds is None else f"{outcome.seconds:.1f} s")
            report(f"{outcome.fault}{'' if outcome.alone else ' (mixed)'}: {felt}")
            yield outcome
        _settle(system)


def _inject_together(system: System, faults: list[Fault], random: Random) -> list[Outcome]:
    alone = len(faults) == 1
    injections = [(fault, Injection(system, Random(random.random()))) for fault in faults]
    with ThreadPoolExecutor(len(faults)) as pool:
        futures = [
            pool.submit(inject, fault, injection, RECOVERED_WITHIN, alone=alone) for fault, injection in injections
        ]
        return [future.result() for future in futures]


def _settle(system: System, seconds: float = RECOVERED_WITHIN) -> bool:
    """Waits until every partition has labels of what comes in now: no fault is timed with another's after-effects."""
    return system.watch.begin(dict(system.ledger.ends)).done.wait(seconds)


def _warm_up(system: System) -> None:
    eventually(lambda: len(system.ledger.ends) == system.plan.partitions, "all partitions have events")
    assert _settle(system), "no labels before the first fault"
    given_up = time.monotonic() + WARM_WITHIN
    while not _settle(system, WARM_SECONDS) and time.monotonic() < given_up:
        pass


def _drain(system: System) -> str | None:
    """Stops all workers, starts them once more until all events are committed, and stops them."""
    system.group.stop()
    for name in system.group.names:
        system.group.start(name)
    system.group.wait_ready()
    model = system.model
    given_up = time.monotonic() + DRAINED_WITHIN
    while not (drained := _is_drained(system, model)) and time.monotonic() < given_up:
        time.sleep(0.2)
    system.group.stop()
    return None if drained else f"not all is labelled after {DRAINED_WITHIN:g} s"


def _is_drained(system: System, model: str) -> bool:
    """Whether all events are committed, in Redis too, and all labels of the present model."""
    if system.stream.group.committed(system.stream.topics.events) != system.ledger.ends:
        return False
    cache = redis_states(system.stream.settings)
    marks = {partition: Watermark.decode(cache.watermark(partition)) for partition in system.ledger.ends}
    cache.close()
    return all(
        mark and (mark.offset, mark.labelled_by) == (system.ledger.ends[partition], model)
        for partition, mark in marks.items()
    )


def _judge(system: System, seen: Observation) -> list[Finding]:
    sent = system.ledger.difference(seen.inputs)
    findings = [Finding("the ledger", sent)] if sent else []
    return findings + verify(seen, replays(system, seen))


def replays(system: System, seen: Observation) -> dict[str, Replay]:
    topic, rules = system.stream.topics.events, policy(system.stream.settings)
    models = map(open_labeller, system.bundles)
    return {model.version: replay(seen.inputs, model, rules, topic) for model in models}
