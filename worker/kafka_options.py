"""librdkafka options that are passed through, and those that are not to be chosen."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from worker.configuration import Accepts

_OFFSETS = "offsets are committed in the transaction that holds the labels"
_WHOLE = "a label must be on all replicas exactly once before its offset is"
_IN_TIME = "it is a little less than the setting kafka.transaction_timeout_ms"

FIXED = {
    "isolation.level": "aborted events must not be read",
    "enable.auto.commit": _OFFSETS,
    "auto.commit.enable": _OFFSETS,
    "enable.auto.offset.store": _OFFSETS,
    "auto.offset.reset": "a lost position must stop the worker, not skip or repeat events",
    "enable.partition.eof": "a restore ends by it",
    "transactional.id": "it is made of group and instance",
    "group.id": "it is the setting kafka.group",
    "group.instance.id": "it is made of group and instance",
    "acks": _WHOLE,
    "request.required.acks": _WHOLE,
    "enable.idempotence": _WHOLE,
    "max.in.flight": _WHOLE,
    "max.in.flight.requests.per.connection": _WHOLE,
    "message.timeout.ms": _IN_TIME,
    "delivery.timeout.ms": _IN_TIME,
    "partitioner": "all records of a user must be in one partition, whoever writes them",
}
"""Options that the commit protocol depends on, with the reason."""

OWN = {
    "bootstrap.servers": "bootstrap_servers",
    "metadata.broker.list": "bootstrap_servers",
    "session.timeout.ms": "session_timeout_ms",
    "transaction.timeout.ms": "transaction_timeout_ms",
    "partition.assignment.strategy": "assignment",
    "group.protocol": "group_protocol",
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_username",
    "sasl.password": "sasl_password",
    "ssl.ca.location": "ssl_ca_location",
    "ssl.certificate.location": "ssl_certificate_location",
    "ssl.key.location": "ssl_key_location",
    "ssl.key.password": "ssl_key_password",
}
"""Options that are settings of their own."""


def own_and_fixed_options_refused(options: dict[str, str]) -> dict[str, str]:
    """`options` as they are. Raises ValueError naming each that is fixed or has a setting of its own."""
    refused = [f"{name} cannot be chosen: {FIXED[name]}" for name in options if name in FIXED]
    refused += [f"{name} has a setting of its own: kafka.{OWN[name]}" for name in options if name in OWN]
    if refused:
        raise ValueError("; ".join(refused))
    return options


def _read(given: Any) -> dict[str, str]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            raise ValueError(f"accepts a JSON object: {error}") from error
    if not isinstance(given, dict):
        raise ValueError("accepts a table of librdkafka options")
    return _flat(given)


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    # TOML reads an unquoted `linger.ms = 5` as tables within tables.
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str | int | float):
            flat[prefix + name] = str(value).lower() if isinstance(value, bool) else str(value)
        else:
            raise ValueError(f"{prefix}{name} accepts text, a number, true or false")
    return flat


Options = Annotated[
    dict[str, str], BeforeValidator(_read), Accepts("librdkafka options: a table in TOML, a JSON object elsewhere")
]
