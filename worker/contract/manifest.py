"""A bundle's manifest: which model it is, what its models take and give, and the digest of every file."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

FORMAT = 1
MODELS = ("encoder", "gender", "cluster")
FILES = (
    *(f"{model}.onnx" for model in MODELS),
    "vocabulary.npy",
    "calibration.json",
    "clusters.json",
    "distribution.json",
    "golden.json",
    "songs.json",
    "model_card.md",
)
"""The files of a bundle beside manifest.json: these, and no other."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value of a bundle's files: an unknown or missing field, or a wrong type, is damage."""


class Tensor(Strict, frozen=True):
    """An input or output of a model; a dimension that differs from batch to batch has a name instead of a number."""

    name: str
    type: Literal["float32", "int32"]
    shape: list[int | str]


class Signature(Strict, frozen=True):
    inputs: list[Tensor]
    outputs: list[Tensor]


class StoredFile(Strict, frozen=True):
    size: Annotated[int, msgspec.Meta(ge=0)]
    """Bytes."""
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class SongHash(Strict, frozen=True):
    """The hash that turns song ids into keys."""

    name: str
    seed: int


class Manifest(Strict, frozen=True):
    format: int
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    """Name, date and digest of the model, such as `ktv-2026.11.21-1a2b3c4d`."""
    created: Annotated[datetime, msgspec.Meta(tz=True)]
    """When the model was trained."""
    hash: SongHash
    units: Annotated[int, msgspec.Meta(ge=1)]
    """Width of the code."""
    models: dict[str, Signature]
    files: dict[str, StoredFile]


def signatures(units: int, genders: int, clusters: int) -> dict[str, Signature]:
    """What the three models of every bundle take and give."""
    code = Tensor("code", "float32", ["playlists", units])
    songs = [
        Tensor("song_rows", "int32", ["songs"]),
        Tensor("user_rows", "int32", ["songs"]),
        Tensor("song_counts", "float32", ["playlists"]),
    ]
    return {
        "encoder": Signature(songs, [code]),
        "gender": Signature([code], [Tensor("gender", "float32", ["playlists", genders])]),
        "cluster": Signature([code], [Tensor("cluster", "float32", ["playlists", clusters])]),
    }
