"""Steps of the worker alone."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import onnx
import pytest

from tests.benchmark import stages as module
from tests.benchmark.contender import Job
from tests.benchmark.model import Model
from tests.benchmark.own import worker_environment
from tests.benchmark.plain_steps import half_precision
from tests.benchmark.stages import TURNS, _own_steps, _plain_steps, _server_steps, _timed, make_batch
from tests.benchmark.workload import Workload
from worker.assemble import policy
from worker.contract.features import Features
from worker.inference.joined_model import HEADS, join_models
from worker.inference.labeller import open_labeller
from worker.inference.session import open_session
from worker.pipeline import Pipeline
from worker.settings import load_settings


def test_a_step_is_told_by_its_time_for_each_event(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([at for turn in range(TURNS) for at in (100.0 * turn, 100.0 * turn + 2 + turn)])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(now))
    step = Mock()
    found = _timed(step, events=1_000)
    assert step.call_count == TURNS
    assert (found.least, found.median, found.most) == pytest.approx((2_000, 5_000, 8_000)), "microseconds"


def varying(label: bytes) -> dict[str, Any]:
    """What it says, but for where the event was and when."""
    fields: dict[str, Any] = msgspec.json.decode(label)
    return {name: value for name, value in fields.items() if name not in {"source", "at"}}


def test_models_with_a_table_of_half_the_width_say_nearly_the_same(small_bundle: Path) -> None:
    parts = {name: onnx.load(small_bundle / f"{name}.onnx") for name in ("encoder", *HEADS)}
    merged = join_models(parts)
    rows = np.arange(190, dtype=np.int32)
    inputs = Features(rows, rows // 19, np.full(10, 19, np.float32))._asdict()
    whole = open_session("merged.onnx", merged).run(["gender", "cluster"], inputs)
    halved = half_precision(merged).run(["gender", "cluster"], inputs)
    for one, other in zip(whole, halved, strict=True):
        assert 0 < np.abs(one - other).max() < 0.01


def test_every_step_of_the_worker_is_measured_over_the_same_events(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS", 2_000)
    monkeypatch.setattr(module, "Workload", lambda: Workload().scaled(0.1))
    monkeypatch.setattr(module, "Producer", Mock())
    monkeypatch.setattr(module, "redis_states", Mock())
    servers: Any = Mock(brokers="127.0.0.1:9092", redis_url="redis://127.0.0.1:6379")
    job = Job(servers, "events", "labels", "stages", Model(tmp_path, 8, 200), 2_000, tmp_path)
    settings = load_settings(None, {}, worker_environment(job, "0"))
    labeller = open_labeller(small_bundle)
    pipeline = Pipeline(labeller, policy(settings))
    batch = make_batch(pipeline, settings)
    done = {name: step() for name, step in _own_steps(batch, pipeline, labeller, settings).items()}
    plain = {name: step() for name, step in _plain_steps(batch, labeller).items()}
    pipeline.close()
    assert plain["look songs up"] == plain["look songs up, plainly"]
    assert plain["unpack states, plainly"] == batch.states
    assert [each["add"] for each in plain["decode, plainly"]] == [event.add for event in batch.decoded.events]  # type: ignore[union-attr]
    for told, label in zip(plain["write labels, plainly"], done["write labels"], strict=True):
        assert varying(told) == varying(label)
    assert list(done) == [
        *("decode", "fold", "features", "models, as the worker runs them", "judge", "write labels"),
        *("pack states", "unpack states"),
    ]
    assert done["decode"] == batch.decoded
    assert done["fold"] == batch.states, "it begins from what was known before the batch"
    assert done["pack states"] == [state.pack() for state in batch.states]
    assert done["unpack states"] == batch.states
    assert len(done["write labels"]) == len(batch.states) == 2_000
    assert 20 < sum(state.song_count for state in batch.states) / 2_000 < 30
    assert list(_server_steps(batch, settings)) == [
        *("produce and wait for delivery", "write states to Redis", "read states from Redis")
    ]
