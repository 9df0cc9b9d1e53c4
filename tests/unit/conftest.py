"""What the tests of several packages share."""

from pathlib import Path

import pytest

from tests.small_bundle import export_small_bundle


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle, exported once for all tests: copy it before changing it."""
    return export_small_bundle(tmp_path_factory.mktemp("bundles") / "small")


@pytest.fixture
def bundle_copy(small_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the small bundle for a test to damage."""
    copy = tmp_path / "bundle"
    copy.mkdir()
    for file in small_bundle.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy
