"""JSON Schemas of the records, made from the types that the worker decodes and encodes."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from worker.adapters.ports import Records
from worker.contract.event import Change, Consent, Snapshot
from worker.contract.rejection import Reason, Reject
from worker.contract.user_label import UserLabel
from worker.contract.vocabulary import MAX_SONG_BYTES
from worker.dead_letter import dead_letter
from worker.pipeline import Rejected

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TOMBSTONES = ("erased", "objecting")
Schema = dict[str, Any]


def event_schema() -> str:
    schema = msgspec.json.schema(Snapshot | Change | Consent)
    for event in schema["$defs"].values():
        for name in ("songs", "add", "remove"):
            if name in event["properties"]:
                # Counted in characters here and in bytes of UTF-8 by the worker, which never are fewer.
                event["properties"][name]["items"] |= {"minLength": 1, "maxLength": MAX_SONG_BYTES}
    return _document("A playlist event", "Value of a record of playlist-events; null erases the user.", schema)


def label_schema() -> str:
    schema = msgspec.json.schema(UserLabel)
    schema["$defs"]["UserLabel"]["description"] = "What the model says of the record's key, a user."
    schema["$defs"]["UserLabel"]["properties"]["at"]["format"] = "date-time"
    for part in ("Gender", "Cluster"):
        schema["$defs"][part]["properties"]["probability"] |= {"minimum": 0, "maximum": 1}
    return _document("A user's label", "Value of a record of user-labels; null means that there is none.", schema)


def tombstone_schema() -> str:
    headers: Schema = {
        "songprint.source.partition": _NUMBER,
        "songprint.source.offset": _NUMBER,
        "songprint.reason": {"enum": list(TOMBSTONES)},
    }
    what = "Headers of a record of user-labels whose value is null: which event took the label away, and why."
    return _document("A tombstone's headers", what, _object(headers))


def dead_letter_schema() -> str:
    known: Schema = {
        # The contract lets new ones come, so a reader must not refuse them.
        "songprint.reason": {"type": "string", "examples": [str(reason) for reason in Reason]},
        "__connect.errors.partition": _NUMBER,
        "__connect.errors.offset": _NUMBER,
        "__connect.errors.stage": {"type": "string", "examples": sorted(set(_stages()))},
    }
    headers = {name: known.get(name, {"type": "string"}) for name in _headers(Reason.INVALID)}
    what = (
        "Headers of a record of playlist-events.dlq, after the event's own; key, value and timestamp are the event's."
    )
    schema = _object(headers)
    # Only where the event was too large for the topic together with these headers, and was left out.
    schema["properties"]["songprint.value.dropped.bytes"] = _NUMBER
    return _document("A dead letter's headers", what, schema)


_NUMBER = {"type": "string", "pattern": "^[0-9]+$"}


def _headers(reason: Reason) -> dict[str, bytes | None]:
    """The headers that the worker itself writes for an event rejected for `reason`."""
    records = Records([0], [0], [0], [b"u"], [b""], lambda _: [], None)
    return dict(dead_letter("playlist-events", records, Rejected(0, Reject(reason, "why"))).about)


def _stages() -> Iterator[str]:
    for reason in Reason:
        yield (_headers(reason)["__connect.errors.stage"] or b"").decode()


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _document(title: str, description: str, schema: Schema) -> str:
    return json.dumps({"$schema": DIALECT, "title": title, "description": description, **schema}, indent=2) + "\n"
