"""The worker's loop: poll, read, label, publish, commit, cache; and what to do when one of them fails."""

import gc
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from worker.adapters.ports import Records, Sink, Source, StateCache
from worker.backoff import Backoff
from worker.cache_writer import CacheWriter
from worker.dead_letter import dead_letter
from worker.errors import Retry
from worker.model_watch import ModelWatch
from worker.observe.health import Health
from worker.observe.metrics import DescribedModel, Metrics, Stage
from worker.ownership import Partitions
from worker.pipeline import Changes, Decoded, Outputs, Pipeline, Poisoned, States
from worker.relabel import Relabeller
from worker.restore import Restorer
from worker.state_reader import StateReader
from worker.transactions import Transactions

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.2
BUSY_SECONDS = 0.02
CACHE_CHECK_SECONDS = 30.0
REPORT_SECONDS = 1.0
BACKLOG = 1_000
"""A batch of so many events has more behind it: the next one is labelled while it is committed. Otherwise events gather
meanwhile, since a transaction that begins the instant after a commit finds the broker still busy with that."""


class Ports(NamedTuple):
    source: Source
    sink: Sink
    cache: StateCache


class Observers(NamedTuple):
    metrics: Metrics
    health: Health


class Bounds(NamedTuple):
    events: int
    """Most events of one batch."""
    hot_bytes: int
    """Most bytes of states held in process for one partition."""
    relabel_rate: float
    """Most users relabelled per second; 0 to relabel none."""


class Worker:
    """One member of the group. Everything runs on the thread that calls `run`, but inference, commits and cache writes.

    While one batch is being committed, the next one is polled and labelled.
    """

    def __init__(
        self,
        ports: Ports,
        restorer: Restorer,
        pipelines: Callable[[DescribedModel], Pipeline],
        model: DescribedModel,
        watch: ModelWatch,
        observers: Observers,
        backoff: Callable[[], Backoff],
        bounds: Bounds,
        topic: str,
    ) -> None:
        self._source, self._sink, self._cache = ports
        self._pipelines = pipelines
        self._pipeline = pipelines(model)
        self._watch = watch
        self._metrics, self._health = observers
        self._backoff = backoff()
        self._writer = CacheWriter(self._cache, partial(self._metrics.stage, "cache"))
        self._transactions = Transactions(self._sink, self._writer, self._metrics)
        self._partitions = Partitions(
            self._source, restorer, self._transactions, backoff(), self._metrics, bounds.hot_bytes
        )
        self._reader = StateReader(self._cache, self._transactions, self._metrics)
        self._relabeller = Relabeller(
            self._source, self._cache, self._reader, self._transactions, self._metrics, bounds.relabel_rate
        )
        self._relabel_rate = bounds.relabel_rate
        self._max_events = bounds.events
        self._backlog = False
        self._topic = topic
        self._stopping = False  # no Event: its lock may be held by the very thread that a signal interrupts
        self._cache_checked = self._reported = time.monotonic()

    def stop(self) -> None:
        """Finish the batch under way and return from `run`; safe in a signal handler."""
        self._stopping = True

    def look_for_model(self) -> None:
        """Take the bundle that is there now, before the next batch; safe in a signal handler."""
        self._watch.look_now()

    def run(self) -> None:
        """Works until `stop`. Raises Stop when a person has to change something."""
        try:
            self._cache.check()
            self._source.subscribe(self._partitions)
            while not self._stopping:
                self._turn()
            log.info("stopping")
        finally:
            self._close()

    def _turn(self) -> None:
        try:
            if not self._backlog:
                self._transactions.finish()
            with self._timed("poll"):
                records = self._source.poll(self._max_events, self._patience())
            self._health.polled()
            if not self._backoff.remaining:
                self._transactions.prepare()
                if records is None:
                    self._transactions.settle()
                else:
                    self._process(records)
                self._partitions.restore_some()
                self._renew_labels()
            self._check_cache()
        except Retry as problem:
            self._step_back(problem)
        self._report()

    def _patience(self) -> float:
        """How long a poll may wait for events: not at all while a commit or a restore is under way."""
        if self._backoff.remaining:
            return min(IDLE_SECONDS, self._backoff.remaining)
        if self._partitions.restoring or self._transactions.committing:
            return 0.0
        return BUSY_SECONDS if self._relabelling() else IDLE_SECONDS

    def _relabelling(self) -> bool:
        owned, model = self._partitions.owned, self._pipeline.model.version
        return bool(self._relabel_rate) and self._relabeller.due(owned, model) is not None

    def _process(self, records: Records) -> None:
        started = time.time()
        self._backlog = len(records) >= min(BACKLOG, self._max_events)
        with self._timed("decode"):
            decoded = self._pipeline.decode(records)
        with self._timed("read"):
            before = self._reader.of_batch(self._partitions.owned, records, decoded, self._pipeline.model.vocabulary)
        with self._timed("label"):
            changed, outputs = self._label(records, decoded, before)
        with self._timed("publish"):
            self._publish(records, outputs)

        def done(at: float) -> None:
            self._backoff.succeeded()
            for part in outputs:
                self._metrics.chunk(part)
            self._metrics.batch(records, started, at)

        self._commit(records, changed, done)

    def _label(self, records: Records, decoded: Decoded, before: States) -> tuple[Changes, list[Outputs]]:
        while True:  # twice if there are poisoned events: all of them are dead letters the second time
            changed: Changes = {partition: {} for partition in before}
            try:
                return changed, list(self._pipeline.process(records, decoded, before, changed))
            except Poisoned as problem:
                log.error("inference failed", extra={"events": len(problem.indexes), "cause": str(problem.cause)})
                decoded.poison(problem)

    def _publish(self, records: Records, outputs: Iterable[Outputs]) -> None:
        """Puts a batch's outputs into a transaction, which begins when the last one is through."""
        self._transactions.begin()
        for part in outputs:
            self._transactions.publish(part.records)
            for rejected in part.rejected:
                self._transactions.bury(dead_letter(self._topic, records, rejected))

    def _commit(self, records: Records, changed: Changes, done: Callable[[float], None]) -> None:
        owned, ends, model = self._partitions.owned, records.ends(), self._pipeline.model.version
        # The first labels that a partition ever gets are all of the present model.
        labelled_by = {partition: model for partition in ends if owned[partition].unlabelled}
        self._transactions.commit(owned, changed, ends, labelled_by, records.member, done)

    def _renew_labels(self) -> None:
        """A new model if there is one, and a step towards labels that are all of the present one."""
        found = self._watch.poll()
        if found == "refused":
            self._metrics.reloaded("refused")
        elif found is not None and found.version != self._pipeline.model.version:
            self._swap(found)
        if self._relabel_rate:
            self._relabeller.take_requests(self._partitions.owned)
            self._relabeller.step(self._partitions.owned, self._pipeline)

    def _swap(self, model: DescribedModel) -> None:
        log.info("new model", extra={"model": model.version, "before": self._pipeline.model.version})
        try:
            self._transactions.settle()  # what is under way is counted as the old model's
        finally:
            self._replace_pipeline(model)

    def _replace_pipeline(self, model: DescribedModel) -> None:
        self._pipeline.close()
        self._pipeline = self._pipelines(model)
        self._relabeller.forget()
        gc.collect()  # otherwise seldom done: the old model's memory should not wait for that
        for partition in self._partitions.owned.values():
            partition.hot.clear()  # what is held in process has rows of the old vocabulary
        self._metrics.reloaded("loaded")
        self._metrics.model(model, model.load_seconds, time.time())

    def _step_back(self, problem: Retry) -> None:
        """Something is away: nothing of the batch stays, and what it may have touched is restored before it goes on."""
        wait = self._backoff.wait()
        log.warning("stepping back", extra={"cause": str(problem), "seconds": round(wait, 3)})
        self._metrics.retried(problem.part)
        self._transactions.abandon()
        self._partitions.distrust([number for number, partition in self._partitions.owned.items() if partition.ready])

    def _check_cache(self) -> None:
        """From time to time: a Redis that evicts, or no longer answers, is found even while all states are hot."""
        if time.monotonic() - self._cache_checked > CACHE_CHECK_SECONDS:
            self._cache_checked = time.monotonic()
            self._cache.check()

    def _report(self) -> None:
        unready = self._partitions.unready
        self._health.report([f"partition {number} is being restored" for number in unready])
        now = time.monotonic()
        if now - self._reported > REPORT_SECONDS:
            self._reported = now
            owned = self._partitions.owned
            lag, hot_bytes = self._source.lag(), self._partitions.hot_bytes
            self._metrics.partitions(owned.keys(), len(owned) - len(unready), lag, hot_bytes)

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._metrics.stage(stage, time.perf_counter() - started)

    def _close(self) -> None:
        """Leaves nothing open: what was committed gets into the cache, partitions are given back, clients closed."""
        with ExitStack() as closing:  # in reverse order, and all of them, whatever one of them raises
            parts = (
                self._cache,
                self._pipeline,
                self._watch,
                self._writer,
                self._sink,
                self._transactions,
                self._source,
            )
            for part in parts:
                closing.callback(part.close)
            try:
                self._transactions.settle()
            except Retry as problem:
                log.warning("the cache lacks the last batch; the next owner restores it", extra={"cause": str(problem)})
