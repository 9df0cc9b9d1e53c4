"""One session: servers, models, and every run that was asked for, in turns, so that no contender has a better hour."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from tests.benchmark.contender import Contender, Contention, Unavailable
from tests.benchmark.environments import CACHE
from tests.benchmark.latency import AS_DOCUMENTED, FOR_LATENCY, Latency, Tuning, measure_latency
from tests.benchmark.model import Model, make_model
from tests.benchmark.servers import running_servers
from tests.benchmark.statistics import spread
from tests.benchmark.throughput import Bench, Throughput, measure_throughput
from tests.benchmark.usage import wait_until_quiet
from tests.benchmark.workload import Workload

QUIET_CORES = 0.3
WARM_SECONDS = 8.0
CAPACITY_SHARE = 0.7

Result = TypeVar("Result", Throughput, Latency)


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
    """A context manager. Its parts measure, one run at a time, and add to its results.

    Args:
        tell: is told, in words, what is going on.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        self.plan = plan
        self.tell = tell
        self.throughputs: list[Throughput] = []
        self.latencies: list[Latency] = []
        self.failures: list[str] = []
        """What could not be measured, and why."""
        self._numbers = itertools.count(1)
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        self.contenders = [each for each in self.plan.contenders if self._can_run(each)]
        scratch = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="songprint-bench-"))
        servers = self._resources.enter_context(running_servers(self.tell))
        logs = CACHE / "logs"
        shutil.rmtree(logs, ignore_errors=True)  # of the session before
        logs.mkdir(parents=True)
        self.bench = Bench(servers, Path(scratch), logs)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def throughput(self) -> None:
        workload = Workload().scaled(self.plan.events / Workload().events)
        for units, batch, contender in self._turns(self.plan.units, self.plan.batches):
            model, share = self.model(units), workload.scaled(contender.share)
            self.throughput_of(contender, share, model, batch)

    def latency(self) -> None:
        """At the plan's rates, and at a share of what each was able to do in the session's throughput runs."""
        for units, rate, contender in self._turns(self.plan.units[:1], [*self.plan.rates, None]):
            at = rate or CAPACITY_SHARE * self._capacity(contender, units)
            for tuning in (AS_DOCUMENTED, FOR_LATENCY) if contender.commits_by_time else (AS_DOCUMENTED,):
                if at:
                    self._latency_of(contender, self.model(units), at, tuning)

    def throughput_of(
        self, contender: Contender, workload: Workload, model: Model, batch: int, workers: int = 1
    ) -> Throughput | None:
        def measure(run: str) -> Throughput:
            return measure_throughput(self.bench, contender, workload, model, run=run, batch=batch, workers=workers)

        return self._attempt(contender, measure, self.throughputs)

    def model(self, units: int, vocabulary: int = Workload().vocabulary) -> Model:
        return make_model(CACHE, units, vocabulary)

    def _latency_of(self, contender: Contender, model: Model, rate: float, tuning: Tuning) -> None:
        def measure(run: str) -> Latency:
            return measure_latency(
                self.bench,
                contender,
                model,
                run=run,
                batch=self.plan.batches[0],
                rate=rate,
                seconds=self.plan.seconds,
                warm_seconds=WARM_SECONDS,
                tuning=tuning,
            )

        self._attempt(contender, measure, self.latencies)

    def _turns(self, first: Sequence[int], second: Sequence[int | None]) -> Iterator[tuple[int, int, Contender]]:
        """Every combination, contender after contender, and all of that as often as the plan repeats."""
        for _ in range(self.plan.repeat):
            yield from itertools.product(first, second, self.contenders)  # type: ignore[misc]

    def _attempt(self, contender: Contender, measure: Callable[[str], Result], results: list[Result]) -> Result | None:
        wait_until_quiet(QUIET_CORES, self.plan.quiet_seconds)
        try:
            result = measure(str(next(self._numbers)))
        except Contention as problem:
            self.tell(f"failed: {problem}")
            self.failures.append(f"{contender.name}: {problem}")
            return None
        finally:
            self.bench.servers.clean()
        results.append(result)
        self.tell(str(result))
        return result

    def _capacity(self, contender: Contender, units: int) -> float:
        """Events a second that a contender was able to do; 0 if that was not measured."""
        rates = [each.rate for each in self.throughputs if (each.contender, each.units) == (contender.name, units)]
        return spread(rates).median if rates else 0.0

    def _can_run(self, contender: Contender) -> bool:
        try:
            contender.set_up()
        except Unavailable as problem:
            self.tell(f"skipped: {contender.name}: {problem}")
            self.failures.append(f"{contender.name} skipped: {problem}")
            return False
        return True
