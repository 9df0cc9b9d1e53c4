"""The tables of rights in docs/security.md."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Right(NamedTuple):
    """One of Kafka's, as the page words it."""

    kind: str
    name: str
    operation: str

    def __str__(self) -> str:
        return f"{self.operation} on {self.kind} {self.name}"


def listed(title: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/security.md, code marks taken off."""
    section = (ROOT / "docs" / "security.md").read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line.strip("|")) for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def kafka_rights() -> list[Right]:
    rows = listed("Kafka: the worker's rights")
    return [
        Right(codes(kind)[0], codes(name)[0], operation) for kind, name, rights in rows for operation in codes(rights)
    ]


def redis_commands(*, cluster: bool) -> list[str]:
    """As ACL SETUSER names them; `cluster` adds those that are for a Redis Cluster alone."""
    rows = listed("Redis: the worker's rights")
    return [command for what, why in rows if cluster or "Cluster" not in why for command in codes(what)]
