"""The table that pays only for the rows it touches does what the dense optimiser does."""

import numpy as np
import pytest
from scipy import sparse

from training.backend import tf
from training.models.adam import AveragedAdam
from training.models.bag_network import BagInputs, BagNetwork, BagSettings
from training.models.row_table import RowTable

RATE, DECAY = 0.01, 0.9


def test_touching_every_row_is_adam_with_an_average() -> None:
    rng = np.random.default_rng(0)
    initial = rng.normal(size=(5, 3)).astype(np.float32)
    table, dense = RowTable(initial, RATE, DECAY), AveragedAdam([initial], RATE, DECAY)
    rows = tf.range(5)
    for step in range(1, 8):
        gradient = tf.constant(rng.normal(size=(5, 3)).astype(np.float32))
        table.apply(rows, table.gather(rows), gradient, tf.constant(float(step)))
        dense.apply([gradient], tf.constant(float(step)))
    assert table.gather(rows).numpy() == pytest.approx(dense.variables[0].numpy(), abs=1e-5)
    assert table.averaged(7.0) == pytest.approx(dense.averaged()[0], abs=1e-5)


def test_the_average_of_a_resting_row_is_made_up_for() -> None:
    """Row 0 is touched at steps 1 and 5 of 9, row 1 never; the averages are as if every step had been counted."""
    initial = np.array([[1.0], [2.0]], dtype=np.float32)
    table = RowTable(initial, RATE, DECAY)
    value, average = 1.0, 1.0
    for step in range(1, 10):
        if step in (1, 5):
            rows = tf.constant([0])
            table.apply(rows, table.gather(rows), tf.constant([[0.5]]), tf.constant(float(step)))
            value = float(table.gather(rows).numpy()[0, 0])
        average = DECAY * average + (1 - DECAY) * value
    assert value < 1.0
    assert table.averaged(9.0)[:, 0] == pytest.approx([average, 2.0], abs=1e-6)


def test_an_epoch_pays_for_the_songs_of_its_users_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: no operation of a step is about all rows, and averages are not read meanwhile."""
    songs = 5_003
    rows = sparse.csr_array((np.ones(6, np.float32), ([0, 0, 1, 1, 2, 3], [1, 7, 7, 9, 5_000, 1])), shape=(4, songs))
    inputs = BagInputs(rows, np.ones((4, 2), np.float32), np.zeros(4, np.float32))
    network = BagNetwork(inputs, BagSettings(3, 0.4, 0.05, 1e-3, 3e-4, 0.98, 2), seed=0)
    with monkeypatch.context() as patched:
        patched.delattr(RowTable, "averaged")
        network.train_epoch(inputs)
    operations = network._compiled.get_concrete_function().graph.get_operations()
    made = [tensor.shape for operation in operations for tensor in operation.outputs if tensor.shape.rank]
    assert len(made) > 20
    assert not [shape for shape in made if songs in shape.as_list()]
    assert network.weights().table.shape == (songs, 3)
