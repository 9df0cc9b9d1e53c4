"""A playlist as a peer keeps it: the rows of its songs in the model, int32, as bytes."""

from collections.abc import Mapping, Sequence

import numpy as np


def changed(state: bytes | None, add: Sequence[str], remove: Sequence[str], rows: Mapping[str, int]) -> np.ndarray:
    """The playlist after a change, int32 [N]. Songs that the model does not know are left out."""
    songs = [] if state is None else np.frombuffer(state, np.int32).tolist()
    for song in remove:
        row = rows.get(song)
        if row in songs:
            songs.remove(row)
    for song in add:
        row = rows.get(song)
        if row is not None and row not in songs:
            songs.append(row)
    return np.array(songs, np.int32)
