"""TensorFlow takes the devices that it finds, as far as that can be seen where there is only one."""

import importlib
import os

import numpy as np
import pytest
from scipy import sparse

from training import backend
from training.models.bag_network import BagInputs, BagNetwork, BagSettings


def test_no_device_is_hidden_from_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's memory is taken as it is needed, so that others may use it too."""
    for name in ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH"):
        # Set first, so that what the reload sets is undone.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    hidden: list[object] = []
    monkeypatch.setattr(backend.tf.config, "set_visible_devices", lambda *devices: hidden.append(devices))
    tf = importlib.reload(backend).tf
    assert hidden == []
    assert os.environ.get("CUDA_VISIBLE_DEVICES") is None
    assert os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == "true"
    assert tf.config.get_visible_devices() == tf.config.list_physical_devices()
    assert tf.config.get_soft_device_placement(), "what a GPU cannot do is done beside it"


def test_no_step_of_the_default_is_tied_to_a_device() -> None:
    rows = sparse.csr_array(np.eye(4, dtype=np.float32))
    inputs = BagInputs(rows, np.ones((4, 2), np.float32), np.zeros(4, np.float32))
    network = BagNetwork(inputs, BagSettings(3, 0.4, 0.05, 1e-3, 3e-4, 0.98, 2), seed=0)
    graph = network._compiled.get_concrete_function().graph
    assert {operation.device for operation in graph.get_operations()} == {""}
