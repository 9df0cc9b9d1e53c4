"""Codes are written part by part, and every part is of its own users."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from tests.small_run import write_small_run
from training import encode
from training.datasets.playlists import Playlists
from training.run_folder import read_songs


def test_users_keep_their_codes_however_many_are_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, random = write_small_run(tmp_path / "run"), np.random.default_rng(0)
    users, songs = pa.array([f"u{number}" for number in range(25)]), read_songs(run)
    matrix = sparse.csr_array((random.random((25, songs.num_rows)) < 0.1).astype(np.float32))
    data = Playlists(matrix, users, random.integers(0, 2, 25).astype(np.int8), songs)
    encode.encode_users(run, data, tmp_path / "whole.parquet")
    monkeypatch.setattr(encode, "BATCH_USERS", 10)
    encode.encode_users(run, data, tmp_path / "parts.parquet")
    whole, parts = (pq.read_table(tmp_path / f"{name}.parquet").to_pydict() for name in ("whole", "parts"))
    assert parts["user_id"] == users.to_pylist()
    assert parts["known_songs"] == np.diff(matrix.indptr).tolist()
    assert parts["code"] == [pytest.approx(code, abs=1e-4) for code in whole["code"]]
