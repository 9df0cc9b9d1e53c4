"""Micro-benchmarks: what each step costs per event, alone."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Producer
from onnxruntime import InferenceSession  # type: ignore[import-untyped]

from tests.benchmark import plain_steps
from tests.benchmark.contender import Job
from tests.benchmark.kafka_stages import kafka_steps
from tests.benchmark.model import Model
from tests.benchmark.own import worker_environment
from tests.benchmark.statistics import Spread, spread
from tests.benchmark.throughput import Bench
from tests.benchmark.workload import Change, Workload
from worker.adapters.ports import Records
from worker.adapters.redis_state import RedisStates
from worker.assemble import policy, producer_options, redis_states
from worker.contract.event import Change as ChangeEvent
from worker.contract.features import Features, build_features
from worker.contract.user_label import LabelWriter, encode_time, judge
from worker.contract.user_state import UserState, fold, unpack
from worker.contract.vocabulary import SongIndex
from worker.errors import Reject
from worker.inference.chunks import Chunk, cut
from worker.inference.labeller import Labeller, open_labeller
from worker.inference.session import open_session
from worker.pipeline import Decoded, Pipeline
from worker.settings import Settings, load_settings

EVENTS = 20_000
TURNS = 7
CHUNKS = (1, 64, 128, 256, 512, 1_024, 2_048, 8_192)
HALVED = 1_024
"""Size of the chunks with which the models run that have a table of float16."""
MOST_CALLS = 1_000
"""Of the models in a turn: one call for each event would take too long."""
TRANSACTIONAL = ("transactional.id", "transaction.timeout.ms")

PLAINLY = ", plainly"
"""Ends the name of a step that another one took the place of."""
YARDSTICK = f"decode{PLAINLY}"
"""What steps without such a one are compared with: nothing of ours is in it."""

Step = Callable[[], Any]


class Stages(msgspec.Struct, frozen=True):
    """Microseconds per event by step."""

    units: int
    microseconds: dict[str, Spread]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {spread.median:.2f} us" for name, spread in self.microseconds.items())


class Batch(NamedTuple):
    """A batch as the worker has it step after step; its users have about 22 songs."""

    records: Records
    decoded: Decoded
    before: dict[bytes, UserState | None]
    """What is known of all users when it begins."""
    states: list[UserState]
    """After the fold, one for each event."""

    @property
    def keys(self) -> list[bytes]:
        return [key or b"" for key in self.records.keys]

    def packed(self) -> dict[bytes, bytes]:
        """Each user's last state, as it is stored."""
        return {key: state.pack() for key, state in zip(self.keys, self.states, strict=True)}


def measure_stages(bench: Bench, model: Model, *, run: str) -> Stages:
    """Every step over one batch, beside the bench's servers."""
    name = f"stages-{run}"
    job = Job(bench.servers, f"{name}-events", f"{name}-labels", name, model, EVENTS, bench.scratch)
    settings = load_settings(None, {}, worker_environment(job, "0"))
    labeller = open_labeller(model.bundle)
    pipeline = Pipeline(labeller, policy(settings))
    batch = make_batch(pipeline, settings)
    own = _own_steps(batch, pipeline, labeller, settings)
    labels = [(key, label, None) for key, label in zip(batch.keys, own["write labels"](), strict=True)]
    with kafka_steps(bench.servers, settings, labels, batch.packed(), TURNS) as kafka:
        steps = own | _plain_steps(batch, labeller) | kafka | _server_steps(batch, settings)
        times = {name: _timed(step, EVENTS) for name, step in steps.items()}
    for name, events, step in _model_steps(build_features([state.rows for state in batch.states]), model):
        times[name] = _timed(step, events)
    pipeline.close()
    return Stages(model.units, times)


def make_batch(pipeline: Pipeline, settings: Settings) -> Batch:
    """The last EVENTS events of a workload, and the states that all of it leads to."""
    songs = SongIndex(pipeline.model.vocabulary)
    known: dict[bytes, UserState | None] = {}
    changes = list(Workload().scaled(0.1).changes())
    for start in range(0, len(changes), EVENTS):
        records = _records(changes[start : start + EVENTS])
        decoded, before = pipeline.decode(records), dict(known)
        states = _fold(records, decoded, known, songs, settings.policy.max_songs)
    return Batch(records, decoded, before, states)


def _records(changes: list[Change]) -> Records:
    count, now = len(changes), 1_700_000_000_000
    keys, values = [change.key for change in changes], [change.value() for change in changes]
    return Records([0] * count, list(range(count)), [now] * count, keys, values, lambda _: [], None)


def _fold(
    records: Records, decoded: Decoded, known: dict[bytes, UserState | None], songs: SongIndex, most: int
) -> list[UserState]:
    states = []
    for key, event, offset in zip(records.keys, decoded.events, records.offsets, strict=True):
        assert key is not None
        assert not isinstance(event, Reject)
        state = known[key] = fold(known.get(key), event, offset, songs, most)
        assert state is not None
        states.append(state)
    return states


def _own_steps(batch: Batch, pipeline: Pipeline, labeller: Labeller, settings: Settings) -> dict[str, Step]:
    records, decoded, before, states = batch
    songs = SongIndex(labeller.vocabulary)
    most = settings.policy.max_songs
    rows = [state.rows for state in states]
    features = build_features(rows)
    gender, cluster = labeller.run(features)
    verdicts = judge(gender, cluster, features.song_counts, labeller.abstention)
    writer = LabelWriter(labeller.genders, labeller.cluster_names, labeller.version)
    at = [encode_time(datetime.now(UTC))] * EVENTS
    count = [state.song_count for state in states]
    packed = [state.pack() for state in states]
    write = partial(
        writer.write,
        verdicts,
        users=decoded.users,
        songs=count,
        known=count,
        partitions=records.partitions,
        offsets=records.offsets,
        times=at,
    )
    return {
        "decode": lambda: pipeline.decode(records),
        "fold": lambda: _fold(records, decoded, dict(before), songs, most),
        "features": lambda: build_features(rows),
        "models, as the worker runs them": lambda: labeller.run(features),
        "judge": lambda: judge(gender, cluster, features.song_counts, labeller.abstention),
        "write labels": write,
        "pack states": lambda: [state.pack() for state in states],
        "unpack states": lambda: unpack(packed, labeller.vocabulary),
    }


def _plain_steps(batch: Batch, labeller: Labeller) -> dict[str, Step]:
    """What the worker's own steps took the place of, over the same batch."""
    records, decoded, _, states = batch
    songs = [song for event in decoded.events if isinstance(event, ChangeEvent) for song in event.add]
    index, packed = SongIndex(labeller.vocabulary), [state.pack() for state in states]
    features = build_features([state.rows for state in states])
    verdicts = judge(*labeller.run(features), features.song_counts, labeller.abstention)
    counts = [state.song_count for state in states]
    return {
        f"decode{PLAINLY}": lambda: plain_steps.decode(records),
        "look songs up": lambda: [index[song] for song in songs],
        f"look songs up{PLAINLY}": lambda: plain_steps.look_up(songs, labeller.vocabulary),
        f"unpack states{PLAINLY}": lambda: plain_steps.unpack_each(packed, labeller.vocabulary),
        f"write labels{PLAINLY}": lambda: plain_steps.labels(labeller, verdicts, decoded.users, counts),
    }


def _server_steps(batch: Batch, settings: Settings) -> dict[str, Step]:
    options = {name: value for name, value in producer_options(settings).items() if name not in TRANSACTIONAL}
    producer = Producer(options)
    label = b"x" * 330
    keys, packed = batch.keys, batch.packed()
    cache: RedisStates = redis_states(settings)
    mark = b"benchmark"
    cache.claim(0, None, mark, empty=True)

    def produce() -> None:
        for key in keys:
            producer.produce(settings.kafka.labels_topic, label, key)
        producer.flush()

    return {
        "produce and wait for delivery": produce,
        "write states to Redis": lambda: cache.write(0, mark, mark, packed),
        "read states from Redis": lambda: cache.read(0, mark, keys),
    }


def _model_steps(features: Features, model: Model) -> Iterator[tuple[str, int, Step]]:
    """Name, events, and the step that runs the models, merged into one, on all of them in chunks."""

    def run(session: InferenceSession, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            session.run(["gender", "cluster"], chunk.features._asdict())

    merged = model.merged.read_bytes()
    whole, halved = open_session("merged.onnx", merged), plain_steps.half_precision(merged)
    for session, size in (*((whole, size) for size in CHUNKS), (halved, HALVED)):
        chunks = list(islice(cut(features, range(0, len(features.song_counts), size)), MOST_CALLS))
        how = "merged into one" if session is whole else "with a table of float16"
        yield f"models {how}, {size} at once", chunks[-1].stop, partial(run, session, chunks)


def _timed(step: Step, events: int) -> Spread:
    times = []
    for _ in range(TURNS):
        started = time.perf_counter()
        step()
        times.append((time.perf_counter() - started) / events * 1e6)
    return spread(times)
