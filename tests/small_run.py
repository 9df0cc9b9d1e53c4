"""A run folder as training writes it, small and with random weights: enough to export and serve."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GENDERS = ["f", "m"]
DISTRIBUTION = {
    "users": 100,
    "gender": {"f": 0.3, "m": 0.5, "abstained": 0.2},
    "cluster": [0.4, 0.4, 0.2],
    "confidence": {"edges": [0.5, 0.6, 0.8, 1.0], "shares": [0.2, 0.3, 0.5]},
    "known_song_share": {"edges": [0, 0.5, 1], "shares": [0.1, 0.9]},
    "playlist_length": {"edges": [0, 5, 20, 10_000], "shares": [0.2, 0.3, 0.5]},
}
"""As training tells it of three clusters."""


def run_facts(songs: int, seed: int) -> dict[str, Any]:
    return {
        "format": 1,
        "recipe": {"name": "joint", "family": "playlists", "units": 8},
        "seed": seed,
        "created": "2026-11-21T09:00:00Z",
        "data": {"digest": "sha256:" + "0" * 64, "users": 100, "songs": songs, "plays": 2_000},
        "versions": {"python": "3.11"},
        "genders": GENDERS,
        "serving": {"exponent": 0.5, "activation": "relu", "cluster_alpha": 1.0, "cluster_scale": 1.0},
        "calibration": {"temperature": 0.9, "threshold": 0.6, "precision": 0.8, "coverage": 0.7, "min_known_songs": 3},
        "figures": {"validation": {"accuracy": 0.7, "majority_rate": 0.6}},
        "distribution": DISTRIBUTION,
    }


def write_small_run(path: Path, songs: int = 200, units: int = 8, clusters: int = 3, seed: int = 0) -> Path:
    """A run of songs `s0`, `s1`, … whose titles are `Song 0`, `Song 1`, …"""
    random = np.random.default_rng(seed)
    path.mkdir(parents=True, exist_ok=True)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 1, shape).astype(np.float32)

    np.savez(
        path / "model.npz",
        table=weights(songs, units),
        bias=weights(units),
        gender_kernel_0=weights(units, 4),
        gender_bias_0=weights(4),
        gender_kernel_1=weights(4, 2),
        gender_bias_1=weights(2),
        centroids=weights(clusters, units),
    )
    rows = range(songs)
    columns = {
        "song_id": [f"s{row}" for row in rows],
        "title": [f"Song {row}" for row in rows],
        "artist": [f"Artist {row % 20}" for row in rows],
        "genre_group": ["" for _ in rows],
        "users": [songs - row for row in rows],
    }
    pq.write_table(pa.table(columns), path / "songs.parquet")
    profiles = [
        {
            "id": k,
            "name": f"Cluster {k}",
            "size": 1 / clusters,
            "songs": [{"song_id": "s0", "title": "Song 0", "lift": 2.0}],
        }
        for k in range(clusters)
    ]
    (path / "clusters.json").write_text(json.dumps(profiles))
    (path / "run.json").write_text(json.dumps(run_facts(songs, seed)))
    return path
