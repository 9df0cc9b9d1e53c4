"""The published recipes, as they ship, are what Keras makes of their published description."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from training.backend import tf
from training.models import autoencoder, softmax_classifier
from training.models.interface import Examples
from training.recipe import load_recipe
from training.serving import Floats, Layer
from training.watch import History, unwatched

PUBLISHED = {"ktv_autoencoder": 500, "ktv_autoencoder_300": 300}
"""Units by recipe."""
USERS, SONGS = 600, 30
STEPS = 5
NEXT_TO_NOTHING = 1e-5
"""Of a step of Adam, which is some 1e-3."""


def some_examples(users: int) -> Examples:
    random = np.random.default_rng(5)
    matrix = (random.random((users, SONGS)) < 0.2).astype(np.float32)
    return Examples(sparse.csr_array(matrix), random.integers(0, 2, users).astype(np.int8))


def parameters(name: str) -> Any:
    return load_recipe(name).parameters


def apart(mine: Floats, other: Floats) -> float:
    """Mean difference: where a gradient is as good as zero, Adam makes a whole step of how it was rounded."""
    return float(np.abs(mine - other).mean())


@pytest.mark.parametrize(("name", "units"), PUBLISHED.items())
def test_epochs_batches_and_split_are_the_published_ones(
    name: str, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50 epochs on four fifths of the users and 250 for the classifier, in batches of 256."""
    learnt, measured, steps = [], [], []

    class Seen(autoencoder._Network):
        def train_epoch(self, examples: Examples) -> float:
            loss = super().train_epoch(examples)
            learnt.append(examples.matrix.shape[0])
            steps.append(float(self._step))
            return loss

        def validation_loss(self, examples: Examples) -> float:
            measured.append(examples.matrix.shape[0])
            return super().validation_loss(examples)

    monkeypatch.setattr(autoencoder, "_Network", Seen)
    history = History()
    serving = parameters(name).fit(some_examples(USERS), np.arange(60), 1, history).serving

    assert learnt == [480] * 50
    assert measured == [120] * 50
    assert steps == [2.0 * epoch for epoch in range(1, 51)], "480 users are a batch of 256 and a smaller one"
    assert [figures["phase"] for figures in history.epochs].count("classifier") == 250
    assert serving.table.shape == (SONGS, units)
    assert (serving.exponent, serving.activation) == (0.0, "relu")
    assert [layer.kernel.shape for layer in serving.head] == [(units, 2)]


@pytest.mark.parametrize(("name", "units"), PUBLISHED.items())
def test_the_autoencoder_learns_as_that_of_keras_does(name: str, units: int) -> None:
    """Relu, sigmoid, binary cross-entropy and Adam; users who fit into one batch, so that no order matters."""
    examples = some_examples(100)
    dense = examples.matrix.toarray()
    network = autoencoder._Network(SONGS, parameters(name), seed=1)
    theirs = tf.keras.Sequential([tf.keras.layers.Dense(units, "relu"), tf.keras.layers.Dense(SONGS, "sigmoid")])
    theirs.build((None, SONGS))
    theirs.set_weights(network.weights())
    theirs.compile("adam", "binary_crossentropy")

    ours = [network.train_epoch(examples) for _ in range(STEPS)]
    history = theirs.fit(dense, dense, batch_size=256, epochs=STEPS, verbose=0).history

    assert ours == pytest.approx(history["loss"], abs=1e-5)
    for mine, other in zip(network.weights(), theirs.get_weights(), strict=True):
        assert apart(mine, other) < NEXT_TO_NOTHING


@pytest.mark.parametrize(("name", "units"), PUBLISHED.items())
def test_the_classifier_learns_as_that_of_keras_does(name: str, units: int) -> None:
    """One softmax layer on the codes, categorical cross-entropy and Adam."""
    random = np.random.default_rng(6)
    codes = np.maximum(random.normal(0, 1, (100, units)), 0).astype(np.float32)
    gender = random.integers(0, 2, 100).astype(np.int8)
    model = parameters(name)
    started, finished = (train(codes, gender, model, epochs) for epochs in (0, STEPS))
    theirs = tf.keras.Sequential([tf.keras.layers.Dense(2, "softmax")])
    theirs.build((None, units))
    theirs.set_weights([started.kernel, started.bias])
    theirs.compile("adam", "categorical_crossentropy")

    theirs.fit(codes, np.eye(2, dtype=np.float32)[gender], batch_size=256, epochs=STEPS, verbose=0)

    for mine, other in zip((finished.kernel, finished.bias), theirs.get_weights(), strict=True):
        assert apart(mine, other) < NEXT_TO_NOTHING


def train(codes: Floats, gender: NDArray[np.int8], model: autoencoder.Autoencoder, epochs: int) -> Layer:
    settings = softmax_classifier.ClassifierSettings(epochs, model.batch_users, model.classifier_rate)
    return softmax_classifier._train(codes, gender, settings, 1, unwatched, np.arange(len(gender)), "classifier")


def test_the_denoising_form_repairs_what_it_learns_from_and_is_measured_on_whole_playlists() -> None:
    examples, rates = some_examples(100), []
    for dropout in (0.0, 0.5):
        settings = load_recipe("denoising_autoencoder", {"input_dropout": dropout}).parameters
        network = autoencoder._Network(SONGS, settings, seed=1)
        rates.append((network.validation_loss(examples), network.train_epoch(examples)))
    (whole, learnt), (whole_too, repaired) = rates
    assert whole == whole_too == pytest.approx(learnt, abs=1e-5)
    assert abs(repaired - learnt) > 1e-3
