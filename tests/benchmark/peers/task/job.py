"""The job that a peer is started for, from its environment."""

import os
from pathlib import Path
from typing import NamedTuple


class Job(NamedTuple):
    brokers: str
    redis: str
    events: str
    """Topic that is read."""
    labels: str
    """Topic that is written."""
    group: str
    model: Path
    """Folder of the model."""
    state: Path
    """Folder for the peer's own state."""
    commit_ms: int
    """How often to commit."""
    linger_ms: int
    """How long a producer gathers a batch of records."""


def job() -> Job:
    given = {name: os.environ[f"BENCH_{name.upper()}"] for name in Job._fields}
    texts = (given[name] for name in ("brokers", "redis", "events", "labels", "group"))
    return Job(*texts, Path(given["model"]), Path(given["state"]), int(given["commit_ms"]), int(given["linger_ms"]))
