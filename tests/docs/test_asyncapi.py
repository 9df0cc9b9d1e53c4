"""The AsyncAPI document follows the rules of AsyncAPI 3.0, and says of topics and keys what the code does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from tests.docs.test_schemas import DOCS
from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import plan
from worker.contract.event import MAX_USER_BYTES

DOCUMENT: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())


def exactly(required: str, **optional: Any) -> dict[str, Any]:
    """An object with these fields and no other, but for extensions."""
    return {
        "type": "object",
        "required": required.split(),
        "properties": optional,
        "patternProperties": {"^x-": True},
        "additionalProperties": False,
    }


def named(each: Any) -> dict[str, Any]:
    return {"type": "object", "patternProperties": {r"^[A-Za-z0-9._-]+$": each}, "additionalProperties": False}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
ABOUT = {"title": TEXT, "summary": TEXT, "description": TEXT, "tags": True, "externalDocs": True}
REFERENCE = {
    "type": "object",
    "required": ["$ref"],
    "properties": {"$ref": {"type": "string", "format": "uri-reference"}},
    "additionalProperties": False,
}


def either(each: Any) -> dict[str, Any]:
    """A reference, or the object itself."""
    return {"if": {"type": "object", "required": ["$ref"]}, "then": REFERENCE, "else": each}


SCHEMA = {
    "type": ["object", "boolean"],
    "if": {"type": "object", "required": ["schemaFormat"]},
    "then": exactly("schemaFormat schema", schemaFormat=TEXT, schema={"type": ["object", "boolean"]}),
}
TOPIC_CONFIGURATION = {
    "type": "object",
    "properties": {
        "cleanup.policy": {"type": "array", "items": {"enum": ["compact", "delete"]}, "minItems": 1},
        "retention.ms": WHOLE,
        "retention.bytes": WHOLE,
        "delete.retention.ms": WHOLE,
        "max.message.bytes": WHOLE,
    },
}
VERSION = {"enum": ["0.5.0"]}
MESSAGE = exactly(
    "",
    **ABOUT,
    headers=either(SCHEMA),
    payload=either(SCHEMA),
    correlationId=True,
    contentType={"type": "string", "pattern": "^[a-z]+/[a-z0-9.+-]+$"},
    name=TEXT,
    examples={"type": "array"},
    traits={"type": "array"},
    bindings=exactly("", kafka=exactly("bindingVersion", key=either(SCHEMA), bindingVersion=VERSION)),
)
CHANNEL = exactly(
    "",
    **ABOUT,
    address={"type": ["string", "null"]},
    servers={"type": "array", "items": REFERENCE},
    messages=named(either(MESSAGE)),
    parameters=True,
    bindings=exactly(
        "",
        kafka=exactly(
            "bindingVersion",
            topic=TEXT,
            partitions={"type": "integer", "minimum": 1},
            replicas={"type": "integer", "minimum": 1},
            topicConfiguration=TOPIC_CONFIGURATION,
            bindingVersion=VERSION,
        ),
    ),
)
OPERATION = exactly(
    "action channel",
    **ABOUT,
    action={"enum": ["send", "receive"]},
    channel=REFERENCE,
    messages={"type": "array", "items": REFERENCE},
    security=True,
    bindings=True,
    traits=True,
    reply=True,
)
RULES = exactly(
    "asyncapi info",
    asyncapi={"enum": ["3.0.0"]},
    id={"type": "string", "format": "uri"},
    info=exactly(
        "title version",
        **ABOUT,
        version=TEXT,
        termsOfService=TEXT,
        contact=exactly("", name=TEXT, url=TEXT, email=TEXT),
        license=exactly("name", name=TEXT, url=TEXT),
    ),
    servers=named(True),
    defaultContentType=TEXT,
    channels=named(either(CHANNEL)),
    operations=named(either(OPERATION)),
    components=exactly("", schemas=named(either(SCHEMA)), messages=named(either(MESSAGE))),
)
"""What AsyncAPI 3.0 says of the objects that the document has; no package that pip finds brings its own schema."""


def found(value: Any, path: str = "#") -> Iterator[tuple[str, str]]:
    """Where each reference stands, and to what it leads."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield path, value["$ref"]
        for name, inner in value.items():
            yield from found(inner, f"{path}/{name}")


def resolved(value: Any) -> Any:
    """What a reference leads to, and the value itself where it is none. Raises KeyError, and OSError of a file."""
    if not isinstance(value, dict) or "$ref" not in value:
        return value
    place: str = value["$ref"]
    if not place.startswith("#/"):
        return json.loads((DOCS / place).read_text())
    inside: Any = DOCUMENT
    for part in place[2:].split("/"):
        inside = inside[part]
    return resolved(inside)


def test_it_has_what_the_specification_asks_for_and_nothing_that_it_does_not_know() -> None:
    Draft202012Validator.check_schema(RULES)
    wrong = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(RULES).iter_errors(DOCUMENT)]
    assert not wrong


@pytest.mark.parametrize(
    "wrong",
    [
        {"asyncapi": "2.6.0"},
        {"info": {"title": "x"}},
        {"chanels": {}},
        {"channels": {"a": {"adress": "x"}}},
        {"channels": {"a b": {}}},
        {"operations": {"a": {"action": "publish", "channel": {"$ref": "#/channels/userLabels"}}}},
        {"operations": {"a": {"action": "send", "channel": {"address": "x"}}}},
        {"operations": {"a": {"action": "send"}}},
        {"components": {"messages": {"a": {"payload": {"schemaFormat": "x"}}}}},
        {"components": {"messages": {"a": {"bindings": {"kafka": {"key": {}}}}}}},
    ],
    ids=str,
)
def test_a_document_that_breaks_the_rules_is_told(wrong: dict[str, Any]) -> None:
    assert not Draft202012Validator(RULES).is_valid(DOCUMENT | wrong)


def test_every_reference_leads_somewhere_and_everything_is_referred_to() -> None:
    places = dict(found(DOCUMENT))
    assert all(resolved({"$ref": target}) is not None for target in places.values())
    files = {target for target in places.values() if not target.startswith("#")}
    assert files == {f"schemas/{file.name}" for file in (DOCS / "schemas").iterdir()}
    components = {f"#/components/{kind}/{name}" for kind, each in DOCUMENT["components"].items() for name in each}
    assert components <= set(places.values()), "something that nobody refers to"


def test_operations_are_about_channels_and_channels_about_messages() -> None:
    channels = {f"#/channels/{name}": channel for name, channel in DOCUMENT["channels"].items()}
    used = {operation["channel"]["$ref"]: operation["action"] for operation in DOCUMENT["operations"].values()}
    assert set(used) == set(channels)
    assert {channels[place]["address"]: action for place, action in used.items()} == {
        "playlist-events": "receive",
        "user-labels": "send",
        "playlist-events.dlq": "send",
    }
    for name, channel in DOCUMENT["channels"].items():
        assert channel["messages"], name
        for message, reference in channel["messages"].items():
            assert reference == {"$ref": f"#/components/messages/{message}"}, "one name in both places"


def schemas() -> Iterator[tuple[str, Any]]:
    for name, message in DOCUMENT["components"]["messages"].items():
        yield from ((f"{name} {part}", message[part]) for part in ("headers", "payload") if part in message)
        key = message.get("bindings", {}).get("kafka", {}).get("key")
        if key is not None:
            yield f"{name} key", key
    yield from DOCUMENT["components"]["schemas"].items()


@pytest.mark.parametrize(("where", "given"), list(schemas()), ids=lambda value: value if isinstance(value, str) else "")
def test_payloads_headers_and_keys_are_schemas_of_their_dialect(where: str, given: Any) -> None:
    dialect = given.get("schemaFormat")
    inner = resolved(given["schema"] if dialect else given)
    # Where no dialect is named it is AsyncAPI's own, which holds that of draft 7.
    validator = {"application/schema+json;version=draft-2020-12": Draft202012Validator, None: Draft7Validator}[dialect]
    validator.check_schema(inner)
    assert inner.get("$schema", validator.META_SCHEMA["$id"]).rstrip("#") == validator.META_SCHEMA["$id"].rstrip("#")
    assert not where.endswith("headers") or inner["type"] == "object"


def test_each_message_has_the_schemas_of_its_own() -> None:
    found = {
        (name, part): resolved(message[part]["schema"])["title"]
        for name, message in DOCUMENT["components"]["messages"].items()
        for part in ("headers", "payload")
        if "schema" in message.get(part, {})
    }
    assert found == {
        ("playlistEvent", "payload"): "A playlist event",
        ("userLabel", "payload"): "A user's label",
        ("tombstone", "headers"): "A tombstone's headers",
        ("deadLetter", "headers"): "A dead letter's headers",
    }


def test_a_record_without_a_value_is_told_from_json_and_from_what_may_be_anything() -> None:
    messages = DOCUMENT["components"]["messages"]
    nothing = {name for name, each in messages.items() if resolved(each["payload"]).get("type") == "null"}
    assert nothing == {"erasure", "tombstone"}
    types = {name: each.get("contentType", DOCUMENT["defaultContentType"]) for name, each in messages.items()}
    assert types.pop("deadLetter") == "application/octet-stream", "it need not be JSON"
    assert set(types.values()) == {"application/json"}


def test_topics_are_those_that_are_made() -> None:
    names = Topics("playlist-events", "user-labels", "user-state", "playlist-events.dlq")
    made = {each.name: each.config for each in plan(names, 8)}
    for channel in DOCUMENT["channels"].values():
        topic = channel["bindings"]["kafka"]
        assert topic["topic"] == channel["address"]
        said = {
            name: str(*value) if isinstance(value, list) else str(value)
            for name, value in topic["topicConfiguration"].items()
        }
        assert said.items() <= made[channel["address"]].items()


def test_keys_are_as_long_as_the_worker_takes_them() -> None:
    """Counted in characters there and in bytes of UTF-8 by the worker. What a dead letter's key was nobody knows."""
    bounds = {"type": "string", "minLength": 1, "maxLength": MAX_USER_BYTES}
    keys = {name: each.get("bindings") for name, each in DOCUMENT["components"]["messages"].items()}
    assert keys.pop("deadLetter") is None
    assert all(bindings["kafka"]["key"] == bounds for bindings in keys.values())
