"""Readers of a contender's outputs: what no service would see counts for nothing."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError

from tests.benchmark import outputs, reader
from tests.benchmark.contender import Contention
from tests.benchmark.outputs import read_messages
from tests.benchmark.reader import LabelReader
from tests.benchmark.servers import PARTITIONS

JOB: Any = SimpleNamespace(
    servers=Mock(brokers="broker", end_offsets=Mock(return_value={0: 7})), labels="labels", group="quix-1"
)


def end_of(partition: int) -> Mock:
    error = Mock(code=Mock(return_value=KafkaError._PARTITION_EOF))
    return Mock(error=Mock(return_value=error), partition=Mock(return_value=partition), offset=Mock(return_value=7))


def test_both_see_only_what_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def consumer(options: dict[str, Any]) -> Mock:
        asked.append(options["isolation.level"])
        return Mock(consume=Mock(return_value=list(map(end_of, range(PARTITIONS)))))

    monkeypatch.setattr(reader, "Consumer", consumer)
    monkeypatch.setattr(outputs, "Consumer", consumer)
    with LabelReader(JOB):
        pass
    assert list(read_messages("broker", "labels", dict.fromkeys(range(PARTITIONS), 7))) == []
    assert asked == ["read_committed"] * 2


def test_labels_that_do_not_come_or_whose_writer_has_ended_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    label = Mock(error=Mock(return_value=None))
    waiting = Mock(poll=Mock(side_effect=[label, None]), consume=Mock(return_value=[label]))
    monkeypatch.setattr(reader, "Consumer", lambda _options: waiting)
    with LabelReader(JOB) as labels:
        assert [len(some) for some in labels.read(2, 60, Mock(ended=lambda: None))] == [2]
        with pytest.raises(Contention, match="quix-1: 0 of 1 labels came in time"):
            labels.read(1, -1, Mock(ended=lambda: None))
        with pytest.raises(Contention, match=r"quix-1 ended by itself; .*\nout of memory"):
            labels.read(1, 60, Mock(ended=lambda: "out of memory"))
