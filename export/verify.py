"""The last check before a bundle is published: the worker's own code must answer as TensorFlow does."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.errors import ExportError
from export.golden import Playlist, draw_playlist, source_features, unknown_songs
from worker.contract.bundle import BundleError, load_bundle
from worker.inference.golden_check import TOLERANCE
from worker.inference.labeller import Labeller

if TYPE_CHECKING:
    from export.convert import ServingModel

BATCHES = (1, 7, 1024)


def verify(path: Path, source: "ServingModel", song_ids: Sequence[str], seed: int) -> float:
    """Largest difference of a probability between the bundle in `path` and its source, over batches of every size.

    Raises ExportError if it exceeds TOLERANCE, or if the bundle does not load as the worker loads it.
    """
    try:
        labeller = Labeller.load(load_bundle(path))
    except BundleError as error:
        raise ExportError(f"the worker would refuse the bundle: {error}") from error
    random = np.random.default_rng(seed)
    largest = 0.0
    for size in BATCHES:
        playlists = _batch(size, song_ids, random)
        answers = labeller.run(labeller.features(playlists))
        expected = source.label(source_features(playlists, song_ids))
        largest = max(largest, *(float(np.abs(a - b).max()) for a, b in zip(answers, expected, strict=True)))
    if not largest <= TOLERANCE:
        raise ExportError(
            f"onnxruntime and TensorFlow differ by {largest:.2g} in a probability; at most {TOLERANCE:.0e} is allowed. "
            "Weights of this size lose too much in float32: train with a stronger regularisation or another seed."
        )
    return largest


def _batch(size: int, song_ids: Sequence[str], random: np.random.Generator) -> list[Playlist]:
    """Playlists of 22 songs on average with a long tail; one in seven is empty, one in five has unknown songs."""
    lengths = np.minimum(random.geometric(1 / 22, size), 500)
    lengths[::7] *= size == 1  # the only playlist of a batch of one is not the empty one
    playlists = [draw_playlist(song_ids, int(length), random) for length in lengths]
    return [[*songs, *unknown_songs(3 * (number % 5 == 4))] for number, songs in enumerate(playlists)]
