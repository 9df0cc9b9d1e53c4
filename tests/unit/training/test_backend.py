"""TensorFlow takes the devices that it finds, as far as that can be seen where there is only one."""

import importlib
import os

import pytest

from training import backend


def test_no_device_is_hidden_from_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's memory is taken as it is needed, so that others may use it too."""
    for name in ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH"):
        # Set first, so that what the reload sets is undone.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    tf = importlib.reload(backend).tf
    assert os.environ.get("CUDA_VISIBLE_DEVICES") is None
    assert os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == "true"
    assert tf.config.get_visible_devices() == tf.config.list_physical_devices()
    assert tf.config.get_soft_device_placement(), "what a GPU cannot do is done beside it"
