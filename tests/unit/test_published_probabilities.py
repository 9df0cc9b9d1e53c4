"""What a label says is what the bundle's model files answer, run one by one."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from worker.adapters.ports import Records
from worker.contract.bundle import load_bundle
from worker.inference.labeller import Labeller
from worker.pipeline import Pipeline, Policy

LENGTHS = (0, 1, 2, 3, 5, 8, 12, 20, 40, 80)
POLICY = Policy(max_songs=100, max_event_bytes=10_000, labelling_default=True, chunk_events=4)


def random_playlists() -> list[list[str]]:
    random = np.random.default_rng(7)
    return [
        [f"s{song}" for song in random.choice(200, length, replace=False)] for length in LENGTHS for _ in range(100)
    ]


def answers(bundle: Path, labeller: Labeller, playlists: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Gender [B, 2] and cluster [B, 3] of the files as they lie there, with no code of the worker between them."""
    code = run(bundle / "encoder.onnx", labeller.features(playlists)._asdict())
    return run(bundle / "gender.onnx", {"code": code}), run(bundle / "cluster.onnx", {"code": code})


def run(model: Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    (answer,) = onnxruntime.InferenceSession(model).run(None, inputs)
    return answer


def labels_of(labeller: Labeller, playlists: list[list[str]]) -> list[dict]:
    values = [json.dumps({"type": "snapshot", "songs": songs}).encode() for songs in playlists]
    users = [f"u{number}".encode() for number in range(len(values))]
    count = len(values)
    records = Records([0] * count, range(count), [1_000] * count, users, values, lambda _: [], None)
    pipeline = Pipeline(labeller, POLICY)
    before = {0: dict.fromkeys(users)}
    outputs = list(pipeline.process(records, pipeline.decode(records), before, {0: {}}))
    pipeline.close()
    return [json.loads(value) for part in outputs for _, value, _ in part.records if value]


def test_labels_tell_the_models_probabilities(small_bundle: Path) -> None:
    labeller, playlists = Labeller.load(load_bundle(small_bundle)), random_playlists()
    genders, clusters = answers(small_bundle, labeller, playlists)
    labels = labels_of(labeller, playlists)

    assert len(labels) == len(playlists)
    for label, songs, gender, cluster in zip(labels, playlists, genders, clusters, strict=True):
        sure = len(songs) >= 3 and max(gender) >= 0.6
        assert label["gender"]["label"] == ("fm"[gender.argmax()] if sure else None)
        assert label["gender"]["probability"] == pytest.approx(max(gender), abs=6e-5)
        assert label["cluster"]["id"] == cluster.argmax()
        assert label["cluster"]["name"] == f"Cluster {cluster.argmax()}"
        assert label["cluster"]["probability"] == pytest.approx(max(cluster), abs=6e-5)
    told = {label["gender"]["label"] for label in labels}
    assert (told, len({label["cluster"]["id"] for label in labels})) == ({"f", "m", None}, 3), "each is among them"
    assert any(len(songs) >= 3 and max(gender) < 0.6 for songs, gender in zip(playlists, genders, strict=True))
