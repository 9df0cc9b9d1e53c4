"""Every metric: what it is called, what it counts, and that its series stay few."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from worker.adapters.ports import Records
from worker.contract.features import Features
from worker.contract.rejection import Reason, Reject
from worker.contract.user_label import Abstention, Verdicts
from worker.contract.vocabulary import Vocabulary, song_keys
from worker.observe.health import Health
from worker.observe.metrics import ABSTAIN, PARTS, RESTORES, STAGES, Metrics
from worker.pipeline import NO_OUTPUTS, Outputs, Pipeline, Policy, Rejected


@dataclass
class Model:
    """Says the same of everyone."""

    version: str = "ktv-1"
    genders: Sequence[str] = ("f", "m")
    cluster_names: Sequence[str] = ("ballads", "rock", "duets")
    abstention: Abstention = field(default_factory=lambda: Abstention(0.6, 2))
    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary(np.sort(song_keys(["s1", "s2"]))))
    created: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    distribution: Mapping[str, object] = field(default_factory=dict)

    def run(self, features: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        users = len(features.song_counts)
        return np.full((users, 2), 0.5, np.float32), np.full((users, 3), 1 / 3, np.float32)


class Observed:
    """Metrics, and what a scrape of them says."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.metrics.model(Model(), 1.5, 1_000.0)

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"songprint_{name}", labels)

    def series(self) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {
            (sample.name, tuple(sorted(sample.labels.items())))
            for family in text_string_to_metric_families(generate_latest(self.registry).decode())
            for sample in family.samples
        }


@pytest.fixture
def observed() -> Observed:
    return Observed()


def records(partitions: Sequence[int], timestamps: Sequence[int]) -> Records:
    count = len(partitions)
    return Records(partitions, range(count), timestamps, [b"u"] * count, [b""] * count, lambda _: [], None)


def outputs(genders: list[int], clusters: list[int], songs: list[int], known: list[int]) -> Outputs:
    count = len(genders)
    verdicts = Verdicts(*map(np.array, (genders, [7_500] * count, clusters, [4_000] * count)))
    return Outputs([(b"u", b"{}", None)] * count, [], verdicts, np.array(songs), np.array(known))


def test_every_metric_is_named_by_the_conventions_and_explained(observed: Observed) -> None:
    families = list(text_string_to_metric_families(generate_latest(observed.registry).decode()))
    assert len(families) > 30
    for family in families:
        assert family.documentation.endswith((".", "seconds", "bytes")), family.name
        assert re.fullmatch(r"(songprint|process)_[a-z_]+", family.name)
        assert not re.search(r"_(ms|milliseconds|kb|mb|count|sum|bucket)$", family.name)
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)


def test_what_can_be_counted_is_there_from_the_start(observed: Observed) -> None:
    assert all(observed("rejects_total", reason=reason) == 0 for reason in Reason)
    assert all(observed("retries_total", part=part) == 0 for part in PARTS)
    assert all(observed("restores_total", kind=kind) == 0 for kind in RESTORES)
    assert all(observed("stage_seconds_count", stage=stage) == 0 for stage in STAGES)
    assert all(observed("transactions_total", outcome=outcome) == 0 for outcome in ("committed", "aborted"))
    assert all(observed("tombstones_total", kind=kind) == 0 for kind in ("erased", "objecting"))
    assert all(observed("abstentions_total", cause=cause) == 0 for cause in ("few_songs", "unsure"))
    assert all(observed("state_lookups_total", result=result) == 0 for result in ("hot", "hit", "miss"))
    assert all(observed("labels_total", gender=gender) == 0 for gender in ("f", "m", ABSTAIN))
    assert all(observed("cluster_labels_total", cluster=str(number)) == 0 for number in range(3))


def test_a_loop_that_hangs_is_seen_though_it_tells_nothing(observed: Observed) -> None:
    now = 5.0
    health = Health(lambda: now)
    observed.metrics.watch_loop(health.silence)
    now = 75.0
    assert observed("loop_silence_seconds") == 70
    health.polled()
    assert observed("loop_silence_seconds") == 0


def test_a_committed_batch(observed: Observed) -> None:
    observed.metrics.batch(records([0, 2, 2], [10_000, 9_000, 10_900]), 10.5, 11.0)

    assert observed("events_total", partition="0") == 1
    assert observed("events_total", partition="1") is None
    assert observed("events_total", partition="2") == 2
    assert observed("transactions_total", outcome="committed") == 1
    assert observed("batch_events_sum") == 3
    assert observed("batch_seconds_sum") == 0.5
    assert observed("last_commit_timestamp_seconds") == 11
    assert observed("event_latency_seconds_count") == 3
    assert observed("event_latency_seconds_sum") == pytest.approx(1 + 2 + 0.1)
    assert observed("event_latency_seconds_bucket", le="0.1") == 1
    assert observed("event_latency_seconds_bucket", le="1.0") == 2


def test_a_latency_is_never_negative(observed: Observed) -> None:
    observed.metrics.batch(records([0], [12_000]), 10.5, 11.0)
    assert observed("event_latency_seconds_sum") == 0


def test_labels(observed: Observed) -> None:
    observed.metrics.chunk(outputs([0, 1, 1, 2, 2], [0, 2, 2, 2, 2], [3, 4, 10, 1, 5], [3, 2, 5, 1, 5]))

    assert [observed("labels_total", gender=gender) for gender in ("f", "m", ABSTAIN)] == [1, 2, 2]
    assert [observed("cluster_labels_total", cluster=cluster) for cluster in "012"] == [1, 0, 4]
    assert observed("abstentions_total", cause="few_songs") == 1
    assert observed("abstentions_total", cause="unsure") == 1
    assert observed("songs_total") == 23
    assert observed("known_songs_total") == 16
    assert observed("playlist_songs_bucket", le="2.0") == 1
    assert observed("playlist_songs_count") == 5
    assert observed("known_song_share_bucket", le="0.5") == 2
    assert observed("gender_confidence_bucket", le="0.7") == 0
    assert observed("gender_confidence_bucket", le="0.75") == 5


def test_tombstones_and_rejects_of_a_real_chunk(observed: Observed) -> None:
    values = [None, b'{"type":"consent","labelling":false}', b'{"type":"snapshot","songs":["s1","s9"]}', b"?", b"3"]
    keys = [b"a", b"b", b"c", b"d", b"e"]
    batch = Records([0] * 5, range(5), [0] * 5, keys, values, lambda _: [], None)
    pipeline = Pipeline(Model(), Policy(10, 1_000, labelling_default=True, chunk_events=3))
    before = {0: dict.fromkeys(keys)}
    for chunk in pipeline.process(batch, pipeline.decode(batch), before, {0: {}}):
        observed.metrics.chunk(chunk)
    pipeline.close()

    assert observed("tombstones_total", kind="erased") == 1
    assert observed("tombstones_total", kind="objecting") == 1
    assert observed("rejects_total", reason="not_json") == 1
    assert observed("rejects_total", reason="invalid") == 1
    assert observed("labels_total", gender=ABSTAIN) == 1
    assert observed("abstentions_total", cause="few_songs") == 1
    assert (observed("songs_total"), observed("known_songs_total")) == (2, 1)


def test_a_chunk_of_rejects_alone(observed: Observed) -> None:
    reject = Rejected(0, Reject(Reason.INFERENCE, "why"))
    observed.metrics.chunk(NO_OUTPUTS._replace(rejected=[reject, reject]))
    assert observed("rejects_total", reason="inference") == 2


def test_where_the_partitions_stand(observed: Observed) -> None:
    observed.metrics.partitions([1, 4], 1, {1: 70, 4: 0, 5: 9}, 1_024)
    assert (observed("assigned_partitions"), observed("ready_partitions")) == (2, 1)
    assert (observed("lag_events", partition="1"), observed("lag_events", partition="4")) == (70, 0)
    assert observed("lag_events", partition="5") is None, "the lag of a partition that is gone"
    assert observed("hot_state_bytes") == 1_024

    observed.metrics.revoked(1)
    observed.metrics.revoked(7)
    assert observed("lag_events", partition="1") is None
    assert observed("lag_events", partition="4") == 0


def test_failures_restores_and_lookups(observed: Observed) -> None:
    observed.metrics.aborted()
    observed.metrics.retried("redis")
    observed.metrics.restoring(40)
    observed.metrics.restored("tail", 0.25)
    observed.metrics.lookups(hot=5, hits=3, misses=1)
    observed.metrics.stage("commit", 0.004)
    observed.metrics.relabelled(6, failed=2)
    observed.metrics.reloaded("refused")

    assert observed("transactions_total", outcome="aborted") == 1
    assert (observed("retries_total", part="redis"), observed("retries_total", part="kafka")) == (1, 0)
    assert observed("restores_total", kind="tail") == 1
    assert observed("restored_records_total") == 40
    assert observed("restore_seconds_sum") == 0.25
    assert [observed("state_lookups_total", result=result) for result in ("hot", "hit", "miss")] == [5, 3, 1]
    assert observed("stage_seconds_bucket", stage="commit", le="0.005") == 1
    assert observed("relabels_total") == 6
    assert observed("relabel_failures_total") == 2
    assert observed("model_reloads_total", result="refused") == 1


def test_a_new_model_ends_the_series_of_the_old_one(observed: Observed) -> None:
    observed.metrics.chunk(outputs([0, 1], [0, 2], [1, 1], [1, 1]))
    observed.metrics.model(Model("ktv-2", ("f", "x"), ("one", "two"), Abstention(0.5, 3)), 2.5, 2_000.0)

    assert observed("model_info", version="ktv-1") is None
    assert observed("model_info", version="ktv-2") == 1
    assert (observed("model_load_seconds"), observed("model_loaded_timestamp_seconds")) == (2.5, 2_000)
    assert observed("model_created_timestamp_seconds") == datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert [observed("labels_total", gender=gender) for gender in ("f", "m", "x", ABSTAIN)] == [1, None, 0, 0]
    assert [observed("cluster_labels_total", cluster=cluster) for cluster in "012"] == [1, 0, None]

    observed.metrics.chunk(outputs([2], [1], [4], [2]))
    assert observed("abstentions_total", cause="few_songs") == 1


def test_the_number_of_series_does_not_grow_with_the_events(observed: Observed) -> None:
    def batch(seed: int) -> None:
        draw = np.random.default_rng(seed)
        observed.metrics.batch(
            records(draw.integers(0, 4, 500).tolist(), draw.integers(0, 9_999, 500).tolist()), 10, 11
        )
        genders, clusters = (draw.integers(0, 3, 500).tolist() for _ in range(2))
        songs = draw.integers(1, 40, 500).tolist()
        observed.metrics.chunk(outputs(genders, clusters, songs, songs))

    batch(1)
    before = observed.series()
    for seed in range(2, 8):
        batch(seed)
        observed.metrics.model(Model(f"ktv-{seed}"), 1, 1)
        observed.metrics.model(Model("ktv-1"), 1, 1)
    assert observed.series() == before
    assert len(before) < 400
