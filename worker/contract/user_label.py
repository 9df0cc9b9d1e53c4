"""User labels: the records of `user-labels`, as consumers decode them and as the worker writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray


class Gender(msgspec.Struct, frozen=True):
    label: str | None
    """Null: the model abstains (too few known songs, or not sure enough)."""
    probability: float
    """Calibrated probability of the likelier class, 0 to 1, four decimals."""


class Cluster(msgspec.Struct, frozen=True):
    id: int
    name: str
    probability: float
    """Student-t soft assignment, 0 to 1, four decimals."""


class Source(msgspec.Struct, frozen=True):
    partition: int
    offset: int


class UserLabel(msgspec.Struct, frozen=True):
    """One label as a consumer sees it: `msgspec.json.decode(value, type=UserLabel)`."""

    user: str
    gender: Gender
    cluster: Cluster
    songs: int
    known_songs: int
    model: str
    source: Source
    reason: Literal["event", "relabel"]
    at: datetime


class Abstention(NamedTuple):
    """When a gender is not worth publishing."""

    threshold: float
    """Least calibrated probability."""
    min_known_songs: int


class Verdicts(NamedTuple):
    """What the models say of B users, as columns of B entries."""

    genders: NDArray[np.integer]
    """Index into the writer's classes; the number of classes stands for an abstention."""
    gender_probabilities: NDArray[np.integer]
    """In ten-thousandths."""
    clusters: NDArray[np.integer]
    cluster_probabilities: NDArray[np.integer]
    """In ten-thousandths."""


def published(gender: NDArray[np.floating], known: NDArray[np.number], abstention: Abstention) -> NDArray[np.integer]:
    """Index of the class that each of B users is told, or the number of classes where the model abstains.

    `gender` is [B, 2], calibrated; `known` [B] counts the songs that the model knows.
    """
    told: NDArray[np.intp] = gender.argmax(1)
    told[(gender.max(1) < abstention.threshold) | (known < abstention.min_known_songs)] = gender.shape[1]
    return told


def judge(
    gender: NDArray[np.float32], cluster: NDArray[np.float32], known: NDArray[np.float32], abstention: Abstention
) -> Verdicts:
    """Verdicts from the heads' outputs: `gender` [B, 2], `cluster` [B, K], `known` [B] known songs per user."""
    return Verdicts(
        published(gender, known, abstention),
        np.rint(gender.max(1) * 10_000).astype(np.int32),
        cluster.argmax(1),
        np.rint(cluster.max(1) * 10_000).astype(np.int32),
    )


_DECIMALS = [b"%.4f" % (ten_thousandths / 10_000) for ten_thousandths in range(10_001)]
_LABEL = (
    b'{"user":%b,"gender":%b%b},"cluster":%b%b},"songs":%d,"known_songs":%d,"model":%b,'
    b'"source":{"partition":%d,"offset":%d},"reason":"%b","at":%b}'
)
_encode = msgspec.json.encode


class LabelWriter:
    """Writes labels as JSON. What repeats from label to label is encoded once: a label is one formatting of bytes."""

    def __init__(self, classes: Sequence[str], cluster_names: Sequence[str], model: str) -> None:
        self._genders = [b'{"label":%b,"probability":' % _encode(label) for label in (*classes, None)]
        self._clusters = [
            b'{"id":%d,"name":%b,"probability":' % (number, _encode(name)) for number, name in enumerate(cluster_names)
        ]
        self._model = _encode(model)

    def write(
        self,
        verdicts: Verdicts,
        *,
        users: Sequence[str],
        songs: Sequence[int],
        known: Sequence[int],
        partitions: Sequence[int],
        offsets: Sequence[int],
        times: Sequence[bytes],
        reason: bytes = b"event",
    ) -> list[bytes]:
        """B labels from B-long columns; `partitions` and `offsets` tell the source, `times` are JSON strings."""
        columns = zip(
            map(_encode, users),
            map(self._genders.__getitem__, verdicts.genders.tolist()),
            map(_DECIMALS.__getitem__, verdicts.gender_probabilities.tolist()),
            map(self._clusters.__getitem__, verdicts.clusters.tolist()),
            map(_DECIMALS.__getitem__, verdicts.cluster_probabilities.tolist()),
            songs,
            known,
            repeat(self._model),
            partitions,
            offsets,
            repeat(reason),
            times,
        )
        return [_LABEL % row for row in columns]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LAST_MS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def encode_time(at: datetime) -> bytes:
    """A time as a JSON string, RFC 3339."""
    return _encode(at)


def encode_timestamp(milliseconds: int) -> bytes:
    """A Kafka timestamp (milliseconds since 1970) as a JSON string, RFC 3339 in UTC.

    A producer may have written any 64-bit number: beyond the years 1 to 9999, which the format ends with, the nearest
    time within them stands for it.
    """
    since_1970 = timedelta(milliseconds=min(max(milliseconds, _FIRST_MS), _LAST_MS))
    return _encode(_EPOCH + since_1970)
