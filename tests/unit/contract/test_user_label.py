"""Labels as they are written and as consumers decode them."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.contract.user_label import (
    Abstention,
    Cluster,
    Gender,
    LabelWriter,
    Source,
    UserLabel,
    Verdicts,
    encode_time,
    encode_timestamp,
    judge,
)

TEXT = st.text(st.characters(codec="utf-8"), min_size=1)
NUMBERS = st.integers(0, 2**53)
SHARES = st.integers(0, 10_000)
AT = datetime(2026, 1, 31, 20, 15, tzinfo=UTC)
ABSTENTION = Abstention(threshold=0.6, min_known_songs=3)


@given(
    classes=st.lists(TEXT, min_size=2, max_size=2),
    clusters=st.lists(TEXT, min_size=1, max_size=4),
    model=TEXT,
    rows=st.lists(
        st.tuples(st.integers(0, 2), SHARES, st.integers(0, 3), SHARES, TEXT, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
        max_size=5,
    ),
)
@example(
    classes=['f"', "m\\"],
    clusters=["%d %b", '{"', "\x00", "情歌"],
    model="%s",
    rows=[(2, 10_000, 3, 0, '"%(user)s"\u2028𝄞', 1, 0, 3, 2**53)],
)
def test_a_consumer_decodes_what_was_written(
    classes: list[str], clusters: list[str], model: str, rows: list[tuple[int, int, int, int, str, int, int, int, int]]
) -> None:
    rows = [(g, gp, c % len(clusters), cp, *others) for g, gp, c, cp, *others in rows]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(9)]
    written = LabelWriter(classes, clusters, model).write(
        Verdicts(*(np.array(column, np.int64) for column in columns[:4])),
        users=columns[4],
        songs=columns[5],
        known=columns[6],
        partitions=columns[7],
        offsets=columns[8],
        times=[encode_time(AT)] * len(rows),
    )
    expected = [
        UserLabel(
            user,
            Gender((*classes, None)[gender], gender_share / 10_000),
            Cluster(cluster, clusters[cluster], cluster_share / 10_000),
            songs,
            known,
            model,
            Source(partition, offset),
            "event",
            AT,
        )
        for gender, gender_share, cluster, cluster_share, user, songs, known, partition, offset in rows
    ]
    assert [msgspec.json.decode(label, type=UserLabel) for label in written] == expected


def test_a_label_is_written_as_published() -> None:
    verdicts = Verdicts(*np.array([[0], [8300], [1], [4100]]))
    columns = {"users": ["u-17"], "songs": [31], "known": [29], "partitions": [3], "offsets": [1234]}
    (label,) = LabelWriter(["f", "m"], ["rock", "Mandarin ballads"], "ktv-1").write(
        verdicts, **columns, times=[encode_time(AT)], reason=b"relabel"
    )
    assert json.loads(label) == {
        "user": "u-17",
        "gender": {"label": "f", "probability": 0.83},
        "cluster": {"id": 1, "name": "Mandarin ballads", "probability": 0.41},
        "songs": 31,
        "known_songs": 29,
        "model": "ktv-1",
        "source": {"partition": 3, "offset": 1234},
        "reason": "relabel",
        "at": "2026-01-31T20:15:00Z",
    }


@pytest.mark.parametrize(
    ("gender", "known", "verdict"),
    [
        ([0.7, 0.3], 3, 0),
        ([0.2, 0.8], 30, 1),
        ([0.625, 0.375], 3, 0),
        ([0.55, 0.45], 30, 2),
        ([0.99, 0.01], 2, 2),
        ([0.99, 0.01], 0, 2),
    ],
    ids=["sure", "sure of the other", "just sure", "not sure", "too few known songs", "no known song"],
)
def test_the_gender_is_withheld_unless_there_is_enough_to_go_by(gender: list[float], known: int, verdict: int) -> None:
    cluster = np.array([[0.1, 0.6, 0.3]], np.float32)
    verdicts = judge(np.array([gender], np.float32), cluster, np.array([known], np.float32), ABSTENTION)
    likelier = round(max(gender) * 10_000)
    told = [column.tolist() for column in verdicts]
    assert told == [[verdict], [likelier], [1], [6000]], "the probability is that of the likelier class"


def test_just_the_threshold_is_enough() -> None:
    gender, one = np.array([[0.5, 0.5], [0.25, 0.75]], np.float32), np.ones((2, 1), np.float32)
    assert judge(gender, one, np.ones(2, np.float32), Abstention(0.75, 1)).genders.tolist() == [2, 1]


@given(
    st.lists(
        st.tuples(st.floats(0, 1, width=32), st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), NUMBERS),
        max_size=6,
    )
)
def test_verdicts_are_those_of_each_user_alone(rows: list[tuple[float, list[float], int]]) -> None:
    gender = np.array([[share, 1 - share] for share, _, _ in rows], np.float32).reshape(-1, 2)
    cluster = np.array([shares for _, shares, _ in rows], np.float32).reshape(-1, 3)
    known = np.array([known for _, _, known in rows], np.float32)
    together = judge(gender, cluster, known, ABSTENTION)
    for row in range(len(rows)):
        alone = judge(gender[row : row + 1], cluster[row : row + 1], known[row : row + 1], ABSTENTION)
        assert tuple(column[row] for column in together) == tuple(column[0] for column in alone)


ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=ZONES))
def test_a_time_parses_back(at: datetime) -> None:
    assert msgspec.json.decode(encode_time(at), type=datetime) == at


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_timestamp_is_rfc_3339_in_utc_to_the_millisecond(milliseconds: int) -> None:
    text = json.loads(encode_timestamp(milliseconds))
    at = datetime.fromisoformat(text)
    assert text.endswith("Z")
    assert at - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(milliseconds=milliseconds)


@given(st.integers(-(2**63), 2**63 - 1))
@example(2**63 - 1)
@example(-(2**63))
def test_whatever_timestamp_a_producer_writes_there_is_a_time(milliseconds: int) -> None:
    assert msgspec.json.decode(encode_timestamp(milliseconds), type=datetime).tzinfo is not None
