"""Every metric of the worker, once, with its meaning. What is counted per event is counted a batch at a time."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from worker.adapters.ports import Records
from worker.contract.rejection import Reason
from worker.observe.drift import Drift, Labels, drift_of
from worker.observe.histogram import BatchHistogram
from worker.pipeline import Model, Outputs

ABSTAIN = "abstain"
"""Value of the label `gender` where the model abstains; no class may be called so."""
STAGES = ("poll", "decode", "read", "label", "publish", "commit", "cache")
PARTS = ("kafka", "redis")
RESTORES = ("none", "tail", "full")

LATENCY_BOUNDS = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1, 2, 5, 10, 30, 60, 300, 3600),
)
STAGE_BOUNDS = (0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
RESTORE_BOUNDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
BATCH_BOUNDS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
SONGS_BOUNDS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000)
SHARE_BOUNDS = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
CONFIDENCE_BOUNDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1)

Stage = Literal["poll", "decode", "read", "label", "publish", "commit", "cache"]
Part = Literal["kafka", "redis"]


class DescribedModel(Model, Protocol):
    """A model that tells when it was trained, and what its labels looked like then."""

    @property
    def created(self) -> datetime: ...

    @property
    def distribution(self) -> Mapping[str, object]: ...


class Metrics:
    """The metrics of one worker in one registry. Names are said here; what they mean stands in their help text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # A second series for every counter, of no use to anyone.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        ProcessCollector(registry=registry)
        self.registry = registry
        self._make_stream_metrics()
        self._make_label_metrics()
        self._make_state_metrics()
        self._make_model_metrics()

    def _make_stream_metrics(self) -> None:
        self._events = self._counter("events", "Events whose outputs are committed, by input partition.", "partition")
        self._rejects = self._counter("rejects", "Events that ended in the dead-letter topic, by reason.", "reason")
        self._retries = self._counter("retries", "Times that the worker stepped back, by the part that failed.", "part")
        self._transactions = self._counter("transactions", "Transactions by how they ended.", "outcome")
        self._batch_events = self._histogram("batch_events", "Events of a committed batch.", BATCH_BOUNDS)
        self._batch_seconds = self._histogram(
            "batch_seconds", "Time of a committed batch, its poll aside.", STAGE_BOUNDS
        )
        self._stage = self._histogram("stage_seconds", "Time of one stage of one batch.", STAGE_BOUNDS, "stage")
        self._latency = self._batched(
            "event_latency_seconds", "Time from an event's Kafka timestamp to the commit of its label.", LATENCY_BOUNDS
        )
        self._lag = self._gauge(
            "lag_events", "Events that wait in an owned partition; stands still while it is paused.", "partition"
        )
        self._last_commit = self._gauge("last_commit_timestamp_seconds", "When the last transaction was committed.")
        self._silence = self._gauge("loop_silence_seconds", "Time since the loop last polled.")
        for reason in Reason:
            self._rejects.labels(reason)
        for part in PARTS:
            self._retries.labels(part)
        for stage in STAGES:
            self._stage.labels(stage)
        self._committed, self._aborted = (self._transactions.labels(word) for word in ("committed", "aborted"))

    def _make_label_metrics(self) -> None:
        self._labels = self._counter("labels", "Labels by gender class, or abstain.", "gender")
        self._clusters = self._counter("cluster_labels", "Labels by cluster id.", "cluster")
        self._abstentions = self._counter("abstentions", "Labels without a gender, by cause.", "cause")
        self._few_songs, self._unsure = (self._abstentions.labels(cause) for cause in ("few_songs", "unsure"))
        self._tombstones = self._counter("tombstones", "Tombstones in a label's place, by kind of user.", "kind")
        for kind in ("erased", "objecting"):
            self._tombstones.labels(kind)
        self._relabels = self._counter("relabels", "Labels published because the model changed.")
        self._relabel_failures = self._counter(
            "relabel_failures", "Users who kept the label of an older model because the new one fails on them."
        )
        self._songs = self._counter("songs", "Songs of the labelled playlists.")
        self._known_songs = self._counter("known_songs", "Songs of the labelled playlists that the model knows.")
        self._playlist_songs = self._batched("playlist_songs", "Songs of a labelled playlist.", SONGS_BOUNDS)
        self._known_share = self._batched(
            "known_song_share", "Share of a labelled playlist's songs that the model knows.", SHARE_BOUNDS
        )
        self._confidence = self._batched(
            "gender_confidence", "Probability of the likelier gender, abstentions included.", CONFIDENCE_BOUNDS
        )

    def _make_state_metrics(self) -> None:
        self._assigned = self._gauge("assigned_partitions", "Partitions that this worker owns.")
        self._ready = self._gauge("ready_partitions", "Owned partitions that are restored.")
        self._restores = self._counter(
            "restores", "Restores: none if Redis was complete, tail if it lacked the end, full if written anew.", "kind"
        )
        self._restore_seconds = self._histogram("restore_seconds", "Time to restore a partition.", RESTORE_BOUNDS)
        self._restored_records = self._counter(
            "restored_records", "Changelog records that restores have copied to Redis, as they go."
        )
        self._lookups = self._counter(
            "state_lookups", "States looked up: hot in process, hit in Redis, miss if nothing is known.", "result"
        )
        self._hot_bytes = self._gauge("hot_state_bytes", "Bytes of users' states held in process.")
        for kind in RESTORES:
            self._restores.labels(kind)
        for result in ("hot", "hit", "miss"):
            self._lookups.labels(result)

    def _make_model_metrics(self) -> None:
        self._build = self._gauge("build_info", "Always 1; the label tells the version of the worker.", "version")
        self._build.labels(_version()).set(1)
        self._model = self._gauge("model_info", "Always 1; the label tells the version of the model in use.", "version")
        self._model_load = self._gauge("model_load_seconds", "Time that loading and checking the model took.")
        self._model_loaded = self._gauge("model_loaded_timestamp_seconds", "When the model in use was loaded.")
        self._model_created = self._gauge("model_created_timestamp_seconds", "When the model in use was trained.")
        self._reloads = self._counter("model_reloads", "New bundles that were found, by what became of them.", "result")
        self._reload_results = {word: self._reloads.labels(word) for word in ("loaded", "refused")}
        self._drift_index = self._gauge(
            "drift_index", "Population stability index of recent labels against the bundle's held-out users.", "of"
        )
        self._drift_labels = self._gauge("drift_labels", "Labels that drift is measured on, older ones counted less.")
        self._drift: Drift | None = None
        self._min_known_songs = 0.0
        self._genders: list[str] = []
        self._cluster_ids: list[str] = []

    def watch_loop(self, silence: Callable[[], float]) -> None:
        """`silence` is asked at every scrape, not by the loop: a loop that hangs tells nothing."""
        self._silence.set_function(silence)

    def stage(self, stage: Stage, seconds: float) -> None:
        """One stage of one batch took so long."""
        self._stage.labels(stage).observe(seconds)

    def batch(self, records: Records, started: float, now: float) -> None:
        """A batch is committed; `started` and `now` are seconds since 1970."""
        per_partition = np.bincount(np.asarray(records.partitions, np.int64))
        for partition in per_partition.nonzero()[0].tolist():
            self._events.labels(str(partition)).inc(int(per_partition[partition]))
        self._batch_events.observe(len(records))
        self._batch_seconds.observe(max(0.0, now - started))
        # Never negative, though the clocks of two machines are not one.
        self._latency.observe(np.maximum(now - np.asarray(records.timestamps) / 1000, 0.0))
        self._last_commit.set(now)
        self._committed.inc()

    def aborted(self) -> None:
        self._aborted.inc()

    def retried(self, part: Part) -> None:
        self._retries.labels(part).inc()

    def chunk(self, outputs: Outputs) -> None:
        """What one chunk of a batch has yielded."""
        for rejected in outputs.rejected:
            self._rejects.labels(rejected.reject.reason).inc()
        if len(outputs.records) > len(outputs.songs):
            for _, _, headers in outputs.records:
                if headers:
                    self._tombstones.labels((dict(headers)["songprint.reason"] or b"").decode()).inc()
        if len(outputs.songs):
            self._verdicts(outputs)

    def _verdicts(self, outputs: Outputs) -> None:
        verdicts, songs, known = outputs.verdicts, outputs.songs, outputs.known_songs
        genders, clusters = verdicts.genders, verdicts.clusters
        abstained = genders == len(self._genders) - 1
        few = int((abstained & (known < self._min_known_songs)).sum())
        _count(self._labels, self._genders, genders)
        _count(self._clusters, self._cluster_ids, clusters)
        self._few_songs.inc(few)
        self._unsure.inc(int(abstained.sum()) - few)
        self._songs.inc(int(songs.sum()))
        self._known_songs.inc(int(known.sum()))
        known_share, confidence = known / np.maximum(songs, 1), verdicts.gender_probabilities / 10_000
        self._playlist_songs.observe(songs)
        self._known_share.observe(known_share)
        self._confidence.observe(confidence)
        if self._drift is not None:
            self._drift.observe(Labels(genders, clusters, confidence, known_share, songs))

    def relabelled(self, count: int, *, failed: int) -> None:
        """So many users got a fresh label, and so many did not, as the model fails on them."""
        self._relabels.inc(count)
        self._relabel_failures.inc(failed)

    def lookups(self, *, hot: int, hits: int, misses: int) -> None:
        """States found in process, found in Redis, and found nowhere."""
        for result, count in (("hot", hot), ("hit", hits), ("miss", misses)):
            self._lookups.labels(result).inc(count)

    def partitions(self, assigned: Collection[int], ready: int, lag: Mapping[int, int], hot_bytes: int) -> None:
        """Where the owned partitions stand. `lag` may lack some of them, and still have some that are gone."""
        self._assigned.set(len(assigned))
        self._ready.set(ready)
        self._hot_bytes.set(hot_bytes)
        for partition in lag.keys() & set(assigned):
            self._lag.labels(str(partition)).set(lag[partition])

    def revoked(self, partition: int) -> None:
        """The partition's lag is the next owner's to tell."""
        self._lag.remove(str(partition))

    def restoring(self, records: int) -> None:
        """A restore has copied so many records more."""
        self._restored_records.inc(records)

    def restored(self, kind: str, seconds: float) -> None:
        self._restores.labels(kind).inc()
        self._restore_seconds.observe(seconds)

    def model(self, model: DescribedModel, load_seconds: float, now: float) -> None:
        """`model` is in use from `now`, seconds since 1970; series of the one before that no longer occur end."""
        genders, clusters = [*model.genders, ABSTAIN], [str(number) for number in range(len(model.cluster_names))]
        _replace_children(self._labels, self._genders, genders)
        _replace_children(self._clusters, self._cluster_ids, clusters)
        self._genders, self._cluster_ids = genders, clusters
        self._watch(drift_of(model.distribution, model.genders, len(model.cluster_names)))
        self._min_known_songs = model.abstention.min_known_songs
        self._model.clear()
        self._model.labels(model.version).set(1)
        self._model_load.set(load_seconds)
        self._model_loaded.set(now)
        self._model_created.set(model.created.timestamp())

    def _watch(self, drift: Drift | None) -> None:
        """Drift is computed when it is asked for, not a batch at a time; without a reference there is none."""
        self._drift = drift
        self._drift_index.clear()
        self._drift_labels.set_function(lambda: drift.labels if drift else 0.0)
        if drift is not None:
            for name in drift.names:
                self._drift_index.labels(name).set_function(partial(drift.index, name))

    def reloaded(self, result: Literal["loaded", "refused"]) -> None:
        """A new bundle was found, and taken or refused."""
        self._reload_results[result].inc()

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"songprint_{name}_total", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"songprint_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"songprint_{name}", meaning, labels, buckets=bounds, registry=self.registry)

    def _batched(self, name: str, meaning: str, bounds: tuple[float, ...]) -> BatchHistogram:
        return BatchHistogram(f"songprint_{name}", meaning, bounds, self.registry)


def _count(counter: Counter, values: list[str], indexes: NDArray[np.integer]) -> None:
    """Counts each occurrence of an index under the label value that stands there in `values`."""
    counts = np.bincount(indexes)
    for index in counts.nonzero()[0].tolist():
        counter.labels(values[index]).inc(int(counts[index]))


def _replace_children(counter: Counter, before: list[str], after: list[str]) -> None:
    for value in set(before) - set(after):
        counter.remove(value)
    for value in after:
        counter.labels(value)


def _version() -> str:
    try:
        return version("songprint")
    except PackageNotFoundError:  # run from a source tree
        return "source"
