"""A bundle for what is deployed."""

from pathlib import Path

import pytest

from tests.small_bundle import export_small_bundle


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that knows the songs s0 to s199."""
    return export_small_bundle(tmp_path_factory.mktemp("small") / "bundle")
