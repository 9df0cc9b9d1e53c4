"""What the peers' own scripts do: the worker's job with the worker's model, in the way that their titles say."""

import importlib
import json
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from tests.benchmark.contender import Job
from tests.benchmark.environments import PEERS
from tests.benchmark.model import Model, _write_dense, _write_merged
from tests.small_bundle import export_small_bundle
from worker.adapters.ports import Records
from worker.inference.labeller import open_labeller
from worker.inference.session import open_session
from worker.pipeline import Pipeline, Policy

SONGS = ["s1", "s2", "s3", "s5", "s8"]
AT = "2026-01-01T00:00:00Z"


class Ended(Exception):
    """There are no more events."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model")
    export_small_bundle(folder / "bundle")
    model = Model(folder, units=8, vocabulary=200)
    _write_merged(model)
    _write_dense(model)
    return model


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: Model) -> Callable[[str], ModuleType]:
    """The script of a peer with a job to do, in which no signal is caught."""
    servers: Any = Mock(brokers="127.0.0.1:1", redis_url="redis://127.0.0.1:1")
    for name, value in Job(servers, "events", "labels", "run-1", model, 321, tmp_path).environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(PEERS)

    def load(peer: str) -> ModuleType:
        spec = spec_from_file_location(f"{peer}_contender", PEERS / peer / "contender.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(module.signal, "signal", Mock())
        return module

    return load


def message(partition: int, offset: int, *, add: list[str] = SONGS, remove: tuple[str, ...] = ()) -> Mock:
    event = {"type": "change", "user": "ann", "add": add, "remove": remove, "at": AT}
    answers = {"value": json.dumps(event).encode(), "key": b"ann", "partition": partition, "offset": offset}
    return Mock(**{f"{name}.return_value": answer for name, answer in answers.items()}, error=lambda: None)


def workers_label(model: Model, record: Mock) -> Any:
    """What the worker writes of an event of somebody whom it does not know."""
    partition, key = record.partition(), record.key()
    records = Records([partition], [record.offset()], [0], [key], [record.value()], lambda _: [], None)
    pipeline = Pipeline(open_labeller(model.bundle), Policy(100, 10_000, labelling_default=True, chunk_events=10))
    (outputs,) = pipeline.process(records, pipeline.decode(records), {partition: {key: None}}, {partition: {}})
    pipeline.close()
    ((_, label, _),) = outputs.records
    return json.loads(label or b"")


def test_every_form_of_the_model_says_what_the_worker_says(model: Model) -> None:
    labeller = open_labeller(model.bundle)
    features = labeller.features([SONGS, ["s0"], [f"s{number}" for number in range(40)]])
    dense = np.zeros((3, 200), np.float32)
    dense[features.user_rows, features.song_rows] = (features.song_counts**-0.5)[features.user_rows]
    right = labeller.run(features)
    for form, inputs in ((model.merged, features._asdict()), (model.dense, {"playlists": dense})):
        found = open_session(form.name, form.read_bytes()).run(["gender", "cluster"], inputs)
        for probabilities, expected in zip(found, right, strict=True):
            assert np.allclose(probabilities, expected, atol=1e-5), form.name


def test_peers_fold_an_event_and_write_its_label_as_the_worker_does(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(PEERS)
    changed = importlib.import_module("task.playlist").changed
    peer = importlib.import_module("task.model").Model(model.folder)
    before = changed(None, ["s1", "s2", "s9"], [], peer.rows)
    rows = changed(before.tobytes(), ["s2", "s3", "s5", "s8", "of no model"], ["s9", "s4"], peer.rows)
    one, (first, second) = peer.answer_one(rows), peer.answer([before, rows])
    assert one == pytest.approx(second, abs=1e-6)
    assert first == pytest.approx(peer.answer_one(before), abs=1e-6)
    assert peer.words.label("ann", one, len(rows), 3, 7, AT) == workers_label(model, message(3, 7))
    few = changed(None, ["s1", "s2"], [], peer.rows)
    unsure = peer.words.label("ann", peer.answer_one(few), len(few), 3, 7, AT)
    assert unsure == workers_label(model, message(3, 7, add=["s1", "s2"]))
    assert unsure["gender"]["label"] is None, "too few songs"


def test_the_ceiling_commits_its_offsets_in_the_transaction_of_its_copies(
    script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, first, rest = script("copy"), message(0, 7), [message(1, 3), message(0, 8)]
    consumer = Mock(poll=Mock(side_effect=[first, Ended]), consume=Mock(return_value=rest))
    producer = Mock()
    monkeypatch.setattr(copy, "Consumer", lambda _options: consumer)
    monkeypatch.setattr(copy, "Producer", lambda _options: producer)
    with pytest.raises(Ended):
        copy.main()
    consumer.consume.assert_called_once_with(320, 0)
    consumer.commit.assert_not_called()
    assert [name for name, _, _ in producer.mock_calls] == [
        *("init_transactions", "begin_transaction", "produce", "produce", "produce"),
        *("send_offsets_to_transaction", "commit_transaction"),
    ]
    (offsets, _), _ = producer.send_offsets_to_transaction.call_args
    assert {(each.topic, each.partition, each.offset) for each in offsets} == {("events", 0, 9), ("events", 1, 4)}


def test_the_loop_by_hand_takes_one_event_at_a_time_and_commits_every_thousand(
    script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    hand, kept = script("handwritten"), dict[str, str]()
    cache = Mock(get=Mock(side_effect=kept.get), set=Mock(side_effect=kept.__setitem__))
    consumer = Mock(poll=Mock(side_effect=[message(3, 7)] * 2_001 + [Ended]))
    producer = Mock()
    monkeypatch.setattr(hand.redis.Redis, "from_url", lambda _url: cache)
    monkeypatch.setattr(hand, "Consumer", lambda _options: consumer)
    monkeypatch.setattr(hand, "Producer", lambda _options: producer)
    with pytest.raises(Ended):
        hand.main()
    consumer.consume.assert_not_called()
    assert consumer.commit.call_count == producer.flush.call_count == 2
    assert cache.get.call_count == cache.set.call_count == producer.produce.call_count == 2_001
    assert sorted(json.loads(kept["run-1:ann"])) == SONGS
    topic, label, key = producer.produce.call_args.args
    assert (topic, key) == ("labels", b"ann")
    assert json.loads(label) == workers_label(model, message(3, 7))
