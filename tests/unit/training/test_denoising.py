"""The recipe `denoising_autoencoder` against its description: of what is left of a playlist all of it is to be made."""

import numpy as np
import pytest

from training.backend import tf
from training.models import autoencoder
from training.models.catalogue_network import Batch
from training.recipe import load_recipe
from training.serving import Floats

SEED = (3, 4)


def test_what_is_left_of_a_playlist_is_to_become_the_whole() -> None:
    """Every song of it, those that were dropped too; nothing is dropped where nothing is learnt."""
    settings = load_recipe("denoising_autoencoder", {"units": 2}).parameters
    network, random = autoencoder._Network(4, settings, seed=1), np.random.default_rng(0)
    for variable in network._adam.variables:
        variable.assign(random.normal(0, 1, variable.shape))
    table, bias, back, offsets = network.weights()
    entries, lengths = np.array([[0, 0], [0, 2], [1, 1], [1, 2], [1, 3]]), np.array([2, 3], np.float32)
    nobody = tf.zeros(2)
    batch = Batch(tf.constant(0.0), tf.constant(entries), tf.constant(lengths), nobody, nobody, SEED)
    sung = np.zeros((2, 4), np.float32)
    sung[tuple(entries.T)] = 1

    def expected(values: Floats) -> Floats:
        playlists = np.zeros((2, 4), np.float32)
        playlists[tuple(entries.T)] = values
        logits = np.maximum(playlists @ table + bias, 0) @ back + offsets
        return (np.logaddexp(0, logits) - sung * logits).mean(axis=1)

    kept = tf.nn.experimental.stateless_dropout(tf.ones(5), 0.5, SEED).numpy()
    assert 0 < np.count_nonzero(kept) < len(kept), "nothing is dropped, or nothing is left"
    for training, values in ((True, kept), (False, np.ones(5, np.float32))):
        loss = network.loss(network._adam.variables, batch, training).numpy()
        assert loss == pytest.approx(expected(values), rel=1e-4)
