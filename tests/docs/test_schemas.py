"""Schemas say what the code does: what the one takes the other takes, and what was promised is kept."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from tests.unit.observe.test_metrics import Model
from worker.adapters.kafka_dead_letters import DROPPED
from worker.adapters.ports import Records
from worker.contract.event import decode_event
from worker.contract.rejection import Reason, Reject
from worker.contract.user_label import LabelWriter, UserLabel, Verdicts
from worker.dead_letter import dead_letter
from worker.pipeline import Pipeline, Policy, Rejected

DOCS = Path(__file__).parents[2] / "docs"
RECORDS = DOCS / "examples" / "records"


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "schemas" / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(found)
    return found


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name), format_checker=FormatChecker())


def lines(name: str) -> list[str]:
    return (RECORDS / name).read_text().splitlines()


@pytest.mark.parametrize("event", lines("events.jsonl"))
def test_an_event_that_was_good_once_stays_good(event: str) -> None:
    decode_event(event.encode(), "u-17", 1_000)
    validator("event").validate(json.loads(event))


@pytest.mark.parametrize(
    "event",
    [
        "{}",
        '{"type":"x"}',
        '{"type":"snapshot"}',
        '{"type":"change","add":5}',
        '{"type":"change","add":[1]}',
        '{"type":"consent","labelling":"no"}',
        "[]",
        "5",
    ],
)
def test_what_the_worker_rejects_the_schema_rejects(event: str) -> None:
    with pytest.raises(Reject):
        decode_event(event.encode(), "u", 1_000)
    with pytest.raises(ValidationError):
        validator("event").validate(json.loads(event))


@pytest.mark.parametrize("song", ["", "s" * 257])
def test_song_ids_have_their_bounds_in_the_schema(song: str) -> None:
    with pytest.raises(ValidationError):
        validator("event").validate({"type": "change", "add": [song]})


def written_labels() -> list[dict[str, Any]]:
    writer = LabelWriter(["f", "m"], ["Ballads", "Rock"], "ktv-1")
    labels = writer.write(
        Verdicts(*np.array([[0, 2], [8312, 5301], [1, 0], [4103, 10_000]])),
        users=["u-17", "ünï"],
        songs=[31, 0],
        known=[29, 0],
        partitions=[3, 0],
        offsets=[1234, 0],
        times=[b'"2026-01-31T20:15:00Z"'] * 2,
    )
    return [json.loads(label) for label in labels]


@pytest.mark.parametrize("label", [*map(json.loads, lines("labels.jsonl")), *written_labels()])
def test_labels_of_then_and_now_follow_the_schema(label: dict[str, Any]) -> None:
    validator("label").validate(label)
    msgspec.convert(label, UserLabel)


def test_a_label_may_get_fields_that_nobody_knows_yet() -> None:
    (label, _) = map(json.loads, lines("labels.jsonl"))
    later = {
        name: value | {"new": 1} if isinstance(value, dict) else value for name, value in (label | {"new": [1]}).items()
    }
    validator("label").validate(later)
    assert msgspec.convert(later, UserLabel) == msgspec.convert(label, UserLabel)


@pytest.mark.parametrize(
    "brought",
    [
        {"gender": {"label": "x", "probability": 1}},
        {"gender": {"label": "", "probability": 0}},
        {"cluster": {"id": 10_000, "name": "一路向北", "probability": 0.1}},
    ],
    ids=str,
)
def test_a_new_model_may_bring_other_genders_and_clusters(brought: dict[str, Any]) -> None:
    (label, _) = map(json.loads, lines("labels.jsonl"))
    validator("label").validate(label | brought)
    msgspec.convert(label | brought, UserLabel)


def test_labels_have_every_field_that_they_had_once() -> None:
    def fields(value: Any, path: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {f"{path}: {'text or null' if value is None or isinstance(value, str) else type(value).__name__}"}
        return set().union(*(fields(inner, f"{path}.{name}") for name, inner in value.items()))

    for then in map(json.loads, lines("labels.jsonl")):
        for now in written_labels():
            assert fields(then) <= fields(now)


@pytest.mark.parametrize("reason", Reason)
def test_a_dead_letters_headers_follow_the_schema(reason: Reason) -> None:
    records = Records([1], [5], [0], [b"u"], [b"{"], lambda _: [("trace", b"t")], None)
    letter = dead_letter("playlist-events", records, Rejected(0, Reject(reason, "why")))
    headers = {name: (value or b"").decode() for name, value in [*letter.headers, *letter.about]}
    validator("dead-letter-headers").validate(headers)
    known = schema("dead-letter-headers")["properties"]
    assert headers["songprint.reason"] in known["songprint.reason"]["examples"]
    assert headers["__connect.errors.stage"] in known["__connect.errors.stage"]["examples"]
    assert set(known) == {*(name for name, _ in letter.about), DROPPED}, "and no other"
    validator("dead-letter-headers").validate(headers | {DROPPED: "900001"})
    with pytest.raises(ValidationError):
        validator("dead-letter-headers").validate(headers | {DROPPED: "all"})
    later = {"songprint.reason": "a new reason", "__connect.errors.stage": "HEADER_CONVERTER", "a.header": "more"}
    validator("dead-letter-headers").validate(headers | later)


@pytest.mark.parametrize(
    ("event", "reason"), [(None, b"erased"), (b'{"type":"consent","labelling":false}', b"objecting")]
)
def test_a_tombstones_headers_follow_the_schema(event: bytes | None, reason: bytes) -> None:
    records = Records([3], [17], [0], [b"u"], [event], lambda _: [], None)
    pipeline = Pipeline(Model(), Policy(10, 1_000, labelling_default=True, chunk_events=1))
    (chunk,) = pipeline.process(records, pipeline.decode(records), {3: {b"u": None}}, {3: {}})
    pipeline.close()
    ((_, value, headers),) = chunk.records
    written = {name: (text or b"").decode() for name, text in headers or []}
    assert (value, written["songprint.reason"]) == (None, reason.decode())
    validator("tombstone-headers").validate(written | {"a.header": "that is not there yet"})
    assert set(written) == set(schema("tombstone-headers")["properties"]), "and no other"
