"""The model, and labels with the fields that the worker writes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime


class Answer(NamedTuple):
    """What the model says of one playlist."""

    gender: int
    gender_probability: float
    cluster: int
    cluster_probability: float


def open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # the number of songs differs from call to call
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Model:
    def __init__(self, folder: Path) -> None:
        bundle = folder / "bundle"
        self._session = open_session(folder / "merged.onnx")
        self.rows = {song: row for row, song in enumerate(json.loads((bundle / "songs.json").read_text())["ids"])}
        self.words = Words(bundle)

    def answer(self, playlists: Sequence[np.ndarray]) -> list[Answer]:
        """Answers for playlists given as rows, int32 [N] each, in one call of the model."""
        counts = np.array([len(rows) for rows in playlists])
        inputs = {
            "song_rows": np.concatenate(playlists),
            "user_rows": np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            "song_counts": counts.astype(np.float32),
        }
        gender, cluster = self._session.run(["gender", "cluster"], inputs)
        columns = (gender.argmax(1), gender.max(1), cluster.argmax(1), cluster.max(1))
        return list(map(Answer, *(column.tolist() for column in columns)))

    def answer_one(self, rows: np.ndarray) -> Answer:
        inputs = {
            "song_rows": rows,
            "user_rows": np.zeros(len(rows), np.int32),
            "song_counts": np.array([len(rows)], np.float32),
        }
        gender, cluster = self._session.run(["gender", "cluster"], inputs)
        return pick(gender[0], cluster[0])


def pick(gender: np.ndarray, cluster: np.ndarray) -> Answer:
    likely, near = int(gender.argmax()), int(cluster.argmax())
    return Answer(likely, float(gender[likely]), near, float(cluster[near]))


class Words:
    """What turns an answer into a label."""

    def __init__(self, bundle: Path) -> None:
        calibration = json.loads((bundle / "calibration.json").read_text())
        self._genders = calibration["genders"]
        self._threshold = calibration["threshold"]
        self._min_songs = calibration["min_known_songs"]
        self._clusters = [cluster["name"] for cluster in json.loads((bundle / "clusters.json").read_text())]
        self._version = json.loads((bundle / "manifest.json").read_text())["version"]

    def label(self, user: str, answer: Answer, songs: int, partition: int, offset: int, at: str) -> dict[str, Any]:
        sure = answer.gender_probability >= self._threshold and songs >= self._min_songs
        return {
            "user": user,
            "gender": {
                "label": self._genders[answer.gender] if sure else None,
                "probability": round(answer.gender_probability, 4),
            },
            "cluster": {
                "id": answer.cluster,
                "name": self._clusters[answer.cluster],
                "probability": round(answer.cluster_probability, 4),
            },
            "songs": songs,
            "known_songs": songs,
            "model": self._version,
            "source": {"partition": partition, "offset": offset},
            "reason": "event",
            "at": at,
        }


def time_text(milliseconds: int) -> str:
    """A Kafka timestamp as RFC 3339."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
