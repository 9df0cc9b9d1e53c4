"""The losses of both variational autoencoders, against their definitions written out in NumPy."""

import numpy as np
import pytest
from scipy import sparse

from training.backend import tf
from training.models import mult_vae
from training.models.catalogue_network import Batch
from training.models.deep_clustering.variational import ImageVae
from training.models.interface import Examples
from training.serving import Floats
from training.watch import unwatched

SEED = (3, 4)


def some_weights(variables: list[tf.Variable]) -> list[Floats]:
    """Gives every variable weights that are not zero, biases too; returns them."""
    random = np.random.default_rng(0)
    for variable in variables:
        variable.assign(random.normal(0, 0.7, variable.shape))
    return [variable.numpy() for variable in variables]


def divergence(mean: Floats, log_variance: Floats) -> Floats:
    """[rows]: of normals with these parameters from the standard normal, after Kullback and Leibler."""
    return 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (50, 0.1), (100, 0.2), (400, 0.2)])
def test_mult_vae_is_trained_by_the_multinomial_likelihood_and_an_annealed_divergence(step: int, weight: float) -> None:
    settings = mult_vae.MultVae(units=2, kl_weight=0.2, anneal_steps=100, input_dropout=0.5)
    network = mult_vae._Network(4, settings, seed=1)
    table, bias, back, offsets = some_weights(network._adam.variables)
    entries, lengths = np.array([[0, 0], [0, 2], [1, 1], [1, 2], [1, 3]]), np.array([2, 3], np.float32)
    nobody = tf.zeros(2)
    batch = Batch(tf.constant(float(step)), tf.constant(entries), tf.constant(lengths), nobody, nobody, SEED)
    sung = np.zeros((2, 4), np.float32)
    sung[tuple(entries.T)] = 1

    def expected(values: Floats, noise: Floats | float) -> Floats:
        playlists = np.zeros((2, 4), np.float32)
        playlists[tuple(entries.T)] = values
        mean, log_variance = np.split(playlists @ table + bias, 2, axis=1)
        logits = (mean + np.exp(log_variance / 2) * noise) @ back + offsets
        surprise = np.log(np.exp(logits).sum(axis=1, keepdims=True)) - logits
        return (sung * surprise).sum(axis=1) + weight * divergence(mean, log_variance)

    normalised = (1 / np.sqrt(lengths))[entries[:, 0]]
    kept = tf.nn.experimental.stateless_dropout(normalised, 0.5, SEED).numpy()
    assert 0 < np.count_nonzero(kept) < len(kept), "nothing is dropped, or nothing is left"
    trained = network.loss(network._adam.variables, batch, training=True).numpy()
    assert trained == pytest.approx(expected(kept, tf.random.stateless_normal([2, 2], SEED).numpy()), rel=1e-4)
    validated = network.loss(network._adam.variables, batch, training=False).numpy()
    assert validated == pytest.approx(expected(normalised, 0.0), rel=1e-4)


def test_mult_vae_serves_the_means(monkeypatch: pytest.MonkeyPatch) -> None:
    class Known(mult_vae._Network):
        def weights(self) -> list[Floats]:
            return [np.arange(16, dtype=np.float32).reshape(4, 4), np.array([1, 2, 3, 4], np.float32)]

    monkeypatch.setattr(mult_vae, "_Network", Known)
    examples = Examples(sparse.csr_array(np.eye(20, 4, dtype=np.float32)), (np.arange(20) % 2).astype(np.int8))
    settings = mult_vae.MultVae(units=2, epochs=1, classifier_epochs=1)
    serving = settings.fit(examples, np.arange(4), 0, unwatched).serving
    assert serving.table.tolist() == [[0, 1], [4, 5], [8, 9], [12, 13]]
    assert serving.bias.tolist() == [1, 2]


def test_image_vae_is_trained_by_the_bernoulli_likelihood_and_the_divergence_of_a_draw() -> None:
    model = ImageVae(widths=(3,), units=2, kl_weight=0.5)
    network = model._network((2, 2), seed=0)
    *encoder, hidden, hidden_bias, out, out_bias = some_weights(network.variables)
    images = np.random.default_rng(1).random((5, 4), dtype=np.float32)

    both = np.maximum(images @ encoder[0] + encoder[1], 0) @ encoder[2] + encoder[3]
    mean, log_variance = np.split(both, 2, axis=1)
    code = mean + np.exp(log_variance / 2) * tf.random.stateless_normal([5, 2], SEED).numpy()
    ink = 1 / (1 + np.exp(-(np.maximum(code @ hidden + hidden_bias, 0) @ out + out_bias)))
    surprise = -(images * np.log(ink) + (1 - images) * np.log(1 - ink)).mean(axis=1)
    expected = (surprise + 0.5 * divergence(mean, log_variance) / 4).mean()

    assert float(model._loss(network, tf.constant(images), SEED)) == pytest.approx(expected, rel=1e-4)
    assert network.codes(images.reshape(5, 2, 2)) == pytest.approx(mean, rel=1e-4), "the code is the mean, not a draw"
