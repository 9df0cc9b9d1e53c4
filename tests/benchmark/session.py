"""One session: servers, models, and every run that was asked for, in turns, so that no contender has a better hour."""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, Self, TypeVar

from tests.benchmark.contender import Contender, Contention, Unavailable
from tests.benchmark.environments import CACHE
from tests.benchmark.latency import AS_DOCUMENTED, FOR_LATENCY, measure_latency
from tests.benchmark.model import ROOT, Model, make_model
from tests.benchmark.own import WORKER
from tests.benchmark.restore import measure_restore
from tests.benchmark.results import Failure, Results
from tests.benchmark.scale import UNITS, measure_point, points
from tests.benchmark.servers import running_servers
from tests.benchmark.stages import measure_stages
from tests.benchmark.statistics import spread
from tests.benchmark.throughput import Bench, measure_throughput
from tests.benchmark.usage import wait_until_quiet
from tests.benchmark.workload import Workload

QUIET_CORES = 0.3
WARM_SECONDS = 8.0
CAPACITY_SHARE = 0.7

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Measure(Protocol[Result_co]):
    """One run, whose name no other run has. Raises Contention."""

    def __call__(self, *, run: str) -> Result_co: ...


@dataclass(frozen=True)
class Plan:
    contenders: Sequence[Contender]
    units: Sequence[int]
    batches: Sequence[int]
    events: int
    repeat: int
    rates: Sequence[int]
    seconds: float
    """Length of a latency run."""
    quiet_seconds: float
    """How long to wait for a quiet machine before a run."""


class Session:
    """A context manager. Its parts measure, one run at a time, and add to `results`.

    Args:
        tell: is told, in words, what is going on.
    """

    def __init__(self, plan: Plan, results: Results, tell: Callable[[str], None]) -> None:
        self.plan = plan
        self.results = results
        self.tell = tell
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self._contenders = [each for each in self.plan.contenders if self._can_run(each)]
        with ExitStack() as resources:
            scratch = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="songprint-bench-")))
            servers = resources.enter_context(running_servers(self.tell))
            self._resources = resources.pop_all()
        logs = CACHE / "logs" / time.strftime("%Y-%m-%dT%H-%M-%S")
        logs.mkdir(parents=True)
        self._bench = Bench(servers, scratch, logs)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def throughput(self) -> None:
        workload = Workload().scaled(self.plan.events / Workload().events)
        for units, batch, contender in self._turns(self.plan.units, self.plan.batches):
            measure = partial(
                measure_throughput,
                self._bench,
                contender,
                workload.scaled(contender.share),
                self._model(units),
                batch=batch,
            )
            what = f"throughput, {units} units, batches of {batch:,}"
            self._attempt(contender.name, what, measure, self.results.throughputs)

    def latency(self) -> None:
        """At the plan's rates, and at a share of what each was able to do in the session's throughput runs.

        With the first of the plan's widths: a whole session would take half as long again with a second one.
        """
        for units, rate, contender in self._turns(self.plan.units[:1], self.plan.rates):
            self._latency(contender, units, rate)
        capacities = self._capacities(self.plan.units[0])
        for units, _, contender in self._turns(self.plan.units[:1], [0]):
            if capacity := capacities.get(contender.name):
                self._latency(contender, units, CAPACITY_SHARE * capacity, CAPACITY_SHARE)

    def scale(self) -> None:
        """The worker under other conditions than the usual ones."""
        batch = self.plan.batches[0]
        for _ in range(self.plan.repeat):
            for point in points(self.plan.events):
                model = self._model(UNITS, point.workload.vocabulary)
                measure = partial(measure_point, self._bench, point, model, batch=batch)
                results = self.results.points.setdefault(point.question, [])
                self._attempt(WORKER.name, f"scale, {point.question}", measure, results)
            restore = partial(measure_restore, self._bench, self._model(UNITS), batch=batch)
            self._attempt(WORKER.name, "scale, restore", restore, self.results.restored)

    def stage(self) -> None:
        """What each step of the worker costs alone."""
        for units in self.plan.units:
            measure = partial(measure_stages, self._bench, self._model(units))
            self._attempt(WORKER.name, f"steps alone, {units} units", measure, self.results.stages)

    def _latency(self, contender: Contender, units: int, rate: float, share: float = 0.0) -> None:
        for tuning in (AS_DOCUMENTED, FOR_LATENCY) if contender.commits_by_time else (AS_DOCUMENTED,):
            measure = partial(
                measure_latency,
                self._bench,
                contender,
                self._model(units),
                batch=self.plan.batches[0],
                rate=rate,
                share=share,
                seconds=self.plan.seconds,
                warm_seconds=WARM_SECONDS,
                tuning=tuning,
            )
            what = f"latency at {rate:,.0f} events/s, {units} units, set {tuning.name}"
            self._attempt(contender.name, what, measure, self.results.latencies)

    def _turns(self, first: Sequence[int], second: Sequence[int]) -> Iterator[tuple[int, int, Contender]]:
        """Every combination, contender after contender, and all of that as often as the plan repeats."""
        for _ in range(self.plan.repeat):
            yield from itertools.product(first, second, self._contenders)

    def _attempt(self, contender: str, what: str, measure: Measure[Result], results: list[Result]) -> None:
        wait_until_quiet(QUIET_CORES, self.plan.quiet_seconds)
        try:
            result = measure(run=str(next(self._numbers)))
        except Exception as problem:  # whatever a run died of, the hours of the others are not lost
            said = str(problem) if isinstance(problem, Contention) else repr(problem)
            said = said.replace(f"{ROOT}/", "")  # a result is committed, and read elsewhere
            self.tell(f"failed: {contender}, {what}: {said}")
            self.results.failures.append(Failure(contender, what, said.splitlines()[0]))
        else:
            results.append(result)
            self.tell(str(result))
        finally:
            self._bench.servers.clean()

    def _model(self, units: int, vocabulary: int = Workload().vocabulary) -> Model:
        return make_model(CACHE, units, vocabulary)

    def _capacities(self, units: int) -> dict[str, float]:
        """Events a second that each contender was able to do, and labelled; the others are left out with a word."""
        runs = [run for run in self.results.throughputs if run.units == units]
        capacities = {}
        for contender in self._contenders:
            what = f"{contender.name}, latency at {CAPACITY_SHARE:.0%} of capacity"
            rates = [run.rate for run in runs if run.contender == contender.name]
            if not contender.labels:
                self._leave_out(f"{what}: nothing here paces events as fast as it copies them")
            elif not rates:
                self._leave_out(f"{what}: this session has no throughput of it to take a share of")
            else:
                capacities[contender.name] = spread(rates).median
        return capacities

    def _leave_out(self, what: str) -> None:
        self.tell(f"left out: {what}")
        self.results.left_out.append(what)

    def _can_run(self, contender: Contender) -> bool:
        try:
            contender.set_up()
        except Unavailable as problem:
            self._leave_out(f"{contender.name} skipped: {problem}")
            return False
        return True
