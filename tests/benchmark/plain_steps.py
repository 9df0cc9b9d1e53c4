"""Steps done in the plain way, beside which the worker's own can be judged: what each trick is worth."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from worker.adapters.ports import Records
from worker.contract.user_label import Verdicts
from worker.contract.user_state import UserState, unpack
from worker.contract.vocabulary import KEY_TYPE, Song, Vocabulary, song_key
from worker.inference.labeller import Labeller
from worker.inference.session import open_session


def decode(records: Records) -> list[dict[str, Any]]:
    """Into dicts, not yet looked at: decoding to types checks what an event holds as well."""
    return list(map(json.loads, records.values))


def look_up(songs: Sequence[str], vocabulary: Vocabulary) -> list[Song]:
    """Each song hashed and searched for, also if the last event had it too."""
    found = []
    for song in songs:
        key = song_key(song)
        row = int(vocabulary.rows(np.frombuffer(key, KEY_TYPE).astype(np.uint64))[0])
        found.append((key, b"" if row < 0 else row.to_bytes(4, "little")))
    return found


def unpack_each(packed: Sequence[bytes], vocabulary: Vocabulary) -> list[UserState]:
    """Rows looked up for one user after another."""
    return [state for each in packed for state in unpack([each], vocabulary)]


def labels(labeller: Labeller, verdicts: Verdicts, users: Sequence[str], songs: Sequence[int]) -> list[bytes]:
    """Objects, made and written to JSON one by one, with nothing that was encoded before."""
    classes, names, at = (*labeller.genders, None), labeller.cluster_names, datetime.now(UTC).isoformat()
    columns = zip(users, songs, *(column.tolist() for column in verdicts), strict=True)
    return [
        json.dumps(
            {
                "user": user,
                "gender": {"label": classes[gender], "probability": gender_probability / 10_000},
                "cluster": {"id": cluster, "name": names[cluster], "probability": cluster_probability / 10_000},
                "songs": count,
                "known_songs": count,
                "model": labeller.version,
                "source": {"partition": 0, "offset": 0},
                "reason": "event",
                "at": at,
            }
        ).encode()
        for user, count, gender, gender_probability, cluster, cluster_probability in columns
    ]


def half_precision(merged: bytes) -> onnxruntime.InferenceSession:
    """The models with the songs' table in float16: half the memory to read, but each row has to be converted."""
    model = onnx.load_from_string(merged)
    graph = model.graph
    (gather,) = (node for node in graph.node if node.op_type == "Gather")
    (table,) = (tensor for tensor in graph.initializer if tensor.name == gather.input[0])
    table.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(table).astype(np.float16), table.name))
    wide, gather.output[0] = gather.output[0], f"{gather.output[0]}_half"
    place = list(graph.node).index(gather) + 1
    graph.node.insert(place, helper.make_node("Cast", [gather.output[0]], [wide], to=TensorProto.FLOAT))
    return open_session("half.onnx", model.SerializeToString())
