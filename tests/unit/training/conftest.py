"""A small karaoke folder with a planted truth, made once for all tests of training."""

from pathlib import Path

import pytest

from training.datasets.load import load_playlists
from training.datasets.playlists import Playlists
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic

SMALL = SyntheticSettings(users=700, songs=400, seed=3, gender_skew=1.2, crossing_share=0.05)


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose genders and clusters are easy to tell."""
    folder = tmp_path_factory.mktemp("synthetic") / "small"
    write_synthetic(folder, SMALL)
    return folder


@pytest.fixture(scope="session")
def small(small_folder: Path) -> Playlists:
    return load_playlists(small_folder).played_songs()
