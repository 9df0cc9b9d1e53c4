"""What a fit, its run folder and its codes hold in memory: playlists as they are, and never with all songs."""

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training import baselines, clusters
from training.datasets.load import load_playlists
from training.encode import encode_users
from training.families import FitOptions
from training.fit_playlists import fit_playlists
from training.recipe import load_recipe
from training.run_folder import write_run
from training.watch import unwatched

USERS, SONGS, EACH = 1_000, 60_000, 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Users of a large catalogue, which written out in full would take 240 MB."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(USERS), EACH)
    songs = rng.integers(0, SONGS, USERS * EACH)
    pq.write_table(pa.table({"user_id": users, "song_id": songs}), tmp_path / "plays.parquet")
    genders = ["fm"[number % 2] for number in range(USERS)]
    pq.write_table(pa.table({"user_id": range(USERS), "gender": genders}), tmp_path / "users.parquet")
    return tmp_path


def test_playlists_are_never_written_out_in_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CANDIDATES", range(4, 6))
    monkeypatch.setattr(baselines, "BASELINES", ("majority",))
    recipe = load_recipe("truncated_svd", {"units": 8, "classifier_epochs": 1})
    tracemalloc.start()
    try:
        data = load_playlists(folder)
        run = fit_playlists(recipe, data, FitOptions(0, datetime.now(UTC), 0.85), unwatched)
        write_run(folder / "run", run)
        encode_users(folder / "run", data, folder / "codes.parquet")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    dense = data.matrix.shape[0] * data.matrix.shape[1] * 4
    assert most < dense / 2, f"{most:,} of {dense:,} bytes"
