"""The tables of rights in docs/security.md."""

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


class Right(NamedTuple):
    """One of Kafka's, as the page words it."""

    kind: str
    name: str
    operation: str

    def __str__(self) -> str:
        return f"{self.operation} on {self.kind} {self.name}"


def listed(title: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/security.md, code marks taken off."""
    section = PAGE.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line.strip("|")) for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def kafka_rights() -> list[Right]:
    rows = listed("Kafka: the worker's rights")
    return [
        Right(codes(kind)[0], codes(name)[0], operation) for kind, name, rights in rows for operation in codes(rights)
    ]


def rights_of_people(command: str) -> list[Right]:
    """What `worker COMMAND` needs in Kafka besides the worker's rights."""
    return [
        Right(codes(kind)[0], name, operation)
        for commands, kind, names, rights in listed("Kafka: the rights of people")
        if f"worker {command}" in codes(commands)
        for name in codes(names)
        for operation in codes(rights)
    ]


def redis_commands(*, cluster: bool) -> list[str]:
    """As ACL SETUSER names them; `cluster` adds those that are for a Redis Cluster alone."""
    rows = listed("Redis: the worker's rights")
    return [command for what, why in rows if cluster or "Cluster" not in why for command in codes(what)]


def redis_keys() -> str:
    """The pattern of the keys that a worker may touch."""
    (pattern,) = re.findall(r"the key pattern is `([^`]+)`", PAGE.read_text())
    return str(pattern)


def redis_commands_to_relabel() -> list[str]:
    """What `worker relabel` needs in Redis besides the worker's commands."""
    return re.findall(r"`worker relabel` needs `([^`]+)` besides", PAGE.read_text())
