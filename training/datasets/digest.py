"""The identity of a data set: the same for the same playlists, whatever the file format or the order of rows."""

import hashlib

import numpy as np
import pyarrow as pa

from training.datasets.playlists import Playlists


def data_digest(playlists: Playlists) -> str:
    """`sha256:` and the digest of ids, genders and plays."""
    digest = hashlib.sha256()
    for ids in (playlists.user_ids, playlists.songs["song_id"].combine_chunks()):
        for part in _id_bytes(ids):
            _add(digest, part)
    matrix = playlists.matrix
    for numbers in (playlists.gender.astype(np.int8), matrix.indptr.astype("<i8"), matrix.indices.astype("<i8")):
        _add(digest, numbers.tobytes())
    return f"sha256:{digest.hexdigest()}"


def _id_bytes(ids: pa.Array) -> tuple[bytes, bytes]:
    """The lengths and the text of the ids: together they tell "ab","c" from "a","bc"."""
    texts = [text.encode() for text in ids.to_pylist()]
    return np.array([len(text) for text in texts], dtype="<i8").tobytes(), b"".join(texts)


def _add(digest: "hashlib._Hash", part: bytes) -> None:
    digest.update(len(part).to_bytes(8, "little"))
    digest.update(part)
