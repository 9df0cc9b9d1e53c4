"""What `worker check` says of a group that has more workers than there is work to share."""

from types import SimpleNamespace
from typing import Any

import pytest

from worker.checks import group
from worker.checks.finding import Finding
from worker.settings import Kafka


class Looked:
    """A group of three."""

    def __init__(self, *_: object) -> None:
        pass

    def members(self) -> dict[str, str]:
        return {"songprint-a": "10.0.0.1", "songprint-b": "10.0.0.2", "songprint-c": "10.0.0.3"}

    def rights(self) -> None:
        return None

    def committed(self, _: str) -> dict[int, int]:
        return {}


def notes(partitions: int, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    monkeypatch.setattr(group, "KafkaGroup", Looked)
    topics = SimpleNamespace(events="playlist-events", states="user-state")
    bounds = dict.fromkeys(range(partitions), (0, 0))
    kafka: Any = SimpleNamespace(admin=None, topics=topics, bounds=lambda _: bounds)
    found = group.check_group(kafka, Kafka(instance="d"))
    return [finding for finding in found if finding.status != "ok"]


def test_workers_without_a_partition_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert notes(3, monkeypatch) == []
    (said,) = notes(2, monkeypatch)
    assert (said.status, said.what) == ("note", "3 workers share 2 partitions: some have none")
    assert "docs/upgrading.md" in said.mend
