"""A small folder of reviews with planted genres: artists of one genre sound alike, and scores are spread evenly."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

GENRES = ("Rock", "Jazz", "Metal", "Rap", "Folk", "Global", "none")
ARTISTS_PER_GENRE = 60


def write_reviews(folder: Path, seed: int = 0) -> Path:
    """Two reviews per artist, named `GENRE NUMBER`, as reviews.csv."""
    rng = np.random.default_rng(seed)
    genre = np.repeat(np.arange(len(GENRES)), ARTISTS_PER_GENRE)
    score = np.round(rng.uniform(6, 6.6, len(genre)), 1)
    columns: dict[str, object] = {
        "artist": [f"{GENRES[number]} {place % ARTISTS_PER_GENRE}" for place, number in enumerate(genre)] * 2,
        "genre": [GENRES[number] for number in genre] * 2,
        "score": np.concatenate([score, score]),
        "energy": np.tile(genre + rng.normal(0, 0.3, len(genre)), 2),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pacsv.write_csv(pa.table(columns), folder / "reviews.csv")
    return folder
