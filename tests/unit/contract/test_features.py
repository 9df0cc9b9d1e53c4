"""The encoder's sparse input, against the plainest computation."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from worker.contract.features import build_features

ROWS = st.integers(0, 2**31 - 1)


@given(st.lists(st.lists(ROWS, max_size=6), max_size=8))
@example([])
@example([[], []])
@example([[], [2**31 - 1], []])
def test_features_list_the_songs_playlist_after_playlist(playlists: list[list[int]]) -> None:
    packed = [b"".join(row.to_bytes(4, "little") for row in rows) for rows in playlists]
    features = build_features(packed)
    assert features.song_rows.tolist() == [row for rows in playlists for row in rows]
    assert features.user_rows.tolist() == [user for user, rows in enumerate(playlists) for _ in rows]
    assert features.song_counts.tolist() == [len(rows) for rows in playlists]
    assert [column.dtype for column in features] == [np.int32, np.int32, np.float32]
