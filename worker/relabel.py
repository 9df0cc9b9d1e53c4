"""Fresh labels for all users of a partition after the model has changed, a bounded number at a time."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from worker.adapters.ports import Source, StateCache
from worker.contract.user_label import encode_timestamp
from worker.contract.user_state import UserState
from worker.observe.metrics import Metrics
from worker.partition import OwnedPartition
from worker.pipeline import Model, Pipeline
from worker.state_reader import StateReader
from worker.transactions import Transactions

log = logging.getLogger(__name__)

REQUEST_SECONDS = 5.0
STEP_USERS = 1_000


class _Walk(NamedTuple):
    copy: object
    """The partition's copy that is walked through; a cursor means nothing in another one."""
    model: str
    cursor: int


class Relabeller:
    """Walks through the states of one partition after the other, between batches.

    What is read lies under the partition's watermark, so it is as new as the last committed event: a fresh label is
    never older than what an event said. A walk that is interrupted begins anew, at the partition's next owner or after
    its restore: what was read last may not have been committed.

    Args:
        rate: most users per second.
        clock, wall: monotonic seconds, seconds since 1970.
    """

    def __init__(
        self,
        source: Source,
        cache: StateCache,
        reader: StateReader,
        transactions: Transactions,
        metrics: Metrics,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._cache = cache
        self._reader = reader
        self._transactions = transactions
        self._metrics = metrics
        self._rate = rate
        self._clock = clock
        self._wall = wall
        self._allowed = 0.0
        self._counted_at = self._asked_at = clock()
        self._walk: _Walk | None = None

    def due(self, owned: Mapping[int, OwnedPartition], model: str) -> OwnedPartition | None:
        """A partition some of whose labels may be of another model than `model`."""
        for partition in owned.values():
            outdated = partition.ready and (partition.relabel_wanted or partition.watermark.labelled_by != model)
            if outdated and not partition.unlabelled:
                return partition
        return None

    def take_requests(self, owned: Mapping[int, OwnedPartition]) -> None:
        """From time to time: looks for what `worker relabel` has asked for."""
        if self._clock() - self._asked_at < REQUEST_SECONDS:
            return
        self._asked_at = self._clock()
        for number, partition in owned.items():
            if partition.ready and not partition.relabel_wanted and self._cache.relabel_requested(number):
                log.info("relabelling was requested", extra={"partition": number})
                partition.relabel_wanted = True

    def forget(self) -> None:
        """Begin the next walk at its beginning: another model has been in use meanwhile."""
        self._walk = None

    def step(self, owned: Mapping[int, OwnedPartition], pipeline: Pipeline) -> None:
        """Relabels some users if a partition is due and the rate allows it; one transaction at most."""
        now = self._clock()
        self._allowed = min(self._rate, self._allowed + (now - self._counted_at) * self._rate)
        self._counted_at = now
        if self._allowed < min(STEP_USERS, self._rate) or self.due(owned, pipeline.model.version) is None:
            return
        self._transactions.settle()  # a commit under way may be the one after which nothing is due
        partition = self.due(owned, pipeline.model.version)
        if partition is not None:
            self._relabel_some(owned, partition, pipeline)

    def _relabel_some(self, owned: Mapping[int, OwnedPartition], partition: OwnedPartition, pipeline: Pipeline) -> None:
        model = pipeline.model.version
        walk, states = self._next_users(partition, pipeline.model)
        finished = walk.cursor == 0
        relabelled = pipeline.relabel(partition.number, states, encode_timestamp(int(self._wall() * 1000)))

        def done(_at: float) -> None:
            self._walk = walk
            self._metrics.relabelled(len(relabelled.records), failed=len(relabelled.failed))
            if finished:
                self._take_back(partition)
                log.info("partition relabelled", extra={"partition": partition.number, "model": model})

        self._tell_failed(partition, model, relabelled.failed)
        self._transactions.begin()
        self._transactions.publish(relabelled.records)
        labelled_by = {partition.number: model} if finished else {}
        # The unchanged offset goes along: the commit fails if the partition belongs to someone else by now.
        ends = {partition.number: partition.watermark.offset}
        self._transactions.commit(owned, {}, ends, labelled_by, self._source.member(), done)
        self._allowed -= len(states)

    def _next_users(self, partition: OwnedPartition, model: Model) -> tuple[_Walk, dict[bytes, UserState]]:
        """Some users that this walk has not met yet, and the walk as it is after them."""
        walk = self._walk
        cursor = walk.cursor if walk and (walk.copy, walk.model) == (partition.copy, model.version) else 0
        cursor, states = self._reader.page(partition, cursor, STEP_USERS, model.vocabulary)
        return _Walk(partition.copy, model.version, cursor), states

    def _take_back(self, partition: OwnedPartition) -> None:
        """Only at the end, so that a request outlives the worker that works on it."""
        if partition.relabel_wanted:
            self._cache.request_relabel(partition.number, wanted=False)
            partition.relabel_wanted = False

    def _tell_failed(self, partition: OwnedPartition, model: str, users: list[bytes]) -> None:
        if users:
            about = {"partition": partition.number, "model": model, "failed": len(users)}
            log.error("inference failed; these users keep the label that they have", extra=about)
            log.debug("users on whom inference failed", extra={"keys": users})
