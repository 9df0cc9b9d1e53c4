"""What the tests of several packages share."""

from pathlib import Path

import pytest


@pytest.fixture
def bundle_copy(small_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the small bundle for a test to damage."""
    copy = tmp_path / "bundle"
    copy.mkdir()
    for file in small_bundle.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy
