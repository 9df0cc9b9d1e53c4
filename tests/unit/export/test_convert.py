"""The serving model, in TensorFlow and as ONNX, against the definition written out in float64."""

from itertools import pairwise
from typing import Literal

import numpy as np
import onnxruntime
import pytest
import tf2onnx

from export.convert import ServingModel
from export.run_folder import ServingRule, Weights
from worker.contract.features import Features, build_features
from worker.contract.manifest import signatures
from worker.inference.graph_check import check_graph

SONGS, UNITS, CLUSTERS = 50, 6, 4
ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


def random_weights(hidden: list[int], offset: float = 0.0) -> Weights:
    random = np.random.default_rng(1)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0, 1, shape).astype(np.float32)

    widths = [UNITS, *hidden, 2]
    layers = [(normal(rows, columns), normal(columns)) for rows, columns in pairwise(widths)]
    offset32 = np.float32(offset)
    return Weights(normal(SONGS, UNITS), normal(UNITS) + offset32, layers, normal(CLUSTERS, UNITS) + offset32)


def some_features() -> Features:
    """Playlists of 0 to 30 songs, one of which holds a row twice."""
    random = np.random.default_rng(2)
    playlists = [random.choice(SONGS, length, replace=False) for length in (3, 0, 1, 30, 12, 0, 7)]
    return build_features([np.array(rows, "<i4").tobytes() for rows in [*playlists, [4, 4, 9]]])


def defined(
    weights: Weights, rule: ServingRule, temperature: float, features: Features
) -> tuple[np.ndarray, np.ndarray]:
    """Gender and cluster probabilities by definition: playlist by playlist, distance by distance."""
    genders, clusters = [], []
    for number, count in enumerate(features.song_counts):
        rows = weights.table[features.song_rows[features.user_rows == number]].astype(np.float64)
        code = ACTIVATIONS[rule.activation](rows.sum(0) * max(float(count), 1.0) ** -rule.exponent + weights.bias)
        scores = code
        for depth, (kernel, bias) in enumerate(weights.layers):
            scores = (np.maximum(scores, 0) if depth else scores) @ kernel.astype(np.float64) + bias
        genders.append(np.exp(scores / temperature) / np.exp(scores / temperature).sum())
        distances = ((code - weights.centroids) ** 2).sum(1) / (rule.cluster_scale * rule.cluster_alpha)
        soft = (1 + distances) ** (-(rule.cluster_alpha + 1) / 2)
        clusters.append(soft / soft.sum())
    return np.array(genders), np.array(clusters)


def run_onnx(model: ServingModel, features: Features) -> tuple[np.ndarray, np.ndarray]:
    declared = signatures(UNITS, 2, CLUSTERS)
    graphs = model.to_onnx(declared)
    for name, raw in graphs.items():
        check_graph(f"{name}.onnx", raw, declared[name], SONGS)
    sessions = {name: onnxruntime.InferenceSession(raw) for name, raw in graphs.items()}
    code = sessions["encoder"].run(["code"], features._asdict())[0]
    return sessions["gender"].run(["gender"], {"code": code})[0], sessions["cluster"].run(["cluster"], {"code": code})[
        0
    ]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("exponent", "alpha", "scale", "hidden"), [(0.5, 1.0, 1.0, []), (0.3, 19.0, 0.2, [5, 3])])
def test_both_runtimes_follow_the_definition(
    activation: Literal["relu", "linear", "sigmoid", "tanh"],
    exponent: float,
    alpha: float,
    scale: float,
    hidden: list[int],
) -> None:
    weights, rule = random_weights(hidden), ServingRule(exponent, activation, alpha, scale)
    model, features = ServingModel(weights, rule, temperature=0.8), some_features()

    expected = defined(weights, rule, 0.8, features)

    for answers in (model.label(features), run_onnx(model, features)):
        for found, probabilities in zip(answers, expected, strict=True):
            assert np.allclose(found, probabilities, atol=2e-6)


def test_clusters_stay_exact_where_codes_share_a_large_bias() -> None:
    weights, rule = random_weights([], offset=100.0), ServingRule(0.5, "relu", 19.0, 0.2)
    features = some_features()

    expected = defined(weights, rule, 1.0, features)[1]

    assert np.allclose(ServingModel(weights, rule, 1.0).label(features)[1], expected, atol=5e-5)


def test_clusters_far_from_every_centroid_are_still_numbers() -> None:
    weights, rule = random_weights([]), ServingRule(0.0, "linear", 99.0, 0.001)
    features = some_features()

    found = run_onnx(ServingModel(weights, rule, 1.0), features)[1]

    assert np.allclose(found, defined(weights, rule, 1.0, features)[1], atol=1e-4)
    assert np.allclose(found.sum(1), 1, atol=1e-6)


def test_equal_models_become_equal_files() -> None:
    rule, declared = ServingRule(0.5, "relu", 1.0, 1.0), signatures(UNITS, 2, CLUSTERS)

    first, second = (ServingModel(random_weights([3]), rule, 0.9).to_onnx(declared) for _ in range(2))

    assert first == second


def test_the_converter_is_never_given_the_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """It copies every weight so often that a table of a million songs would take more than 24 GB."""
    rule, declared = ServingRule(0.5, "relu", 1.0, 1.0), signatures(UNITS, 2, CLUSTERS)
    convert, given = tf2onnx.convert.from_function, []

    def counted(*arguments: object, **options: object) -> object:
        converted = convert(*arguments, **options)
        given.extend(np.prod(tensor.dims) for tensor in converted[0].graph.initializer)
        return converted

    monkeypatch.setattr(tf2onnx.convert, "from_function", counted)
    ServingModel(random_weights([3]), rule, 0.9).to_onnx(declared)
    assert given
    assert max(given) < SONGS * UNITS
