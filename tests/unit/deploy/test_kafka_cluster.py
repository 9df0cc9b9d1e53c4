"""A local cluster has started when each of its brokers sees all of them, not when their processes run."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from deploy.local.broker import KafkaBroker
from deploy.local.kafka import KafkaCluster


class Broker:
    """A process that runs at once, and sees one broker more each time that it is asked."""

    def __init__(self, number: int, seen: int) -> None:
        self.bootstrap_servers = f"broker-{number}"
        self.process = self
        self.launched = False
        self.seen = seen

    def launch(self) -> None:
        self.launched = True

    def check(self) -> None:
        assert self.launched, "all are launched before one is waited for: they need each other"

    def wait_until(self, answers: Callable[[], bool], seconds: float) -> None:
        while not answers():
            assert self.seen < 9, "never content"


def test_a_start_waits_until_every_broker_sees_all(monkeypatch: pytest.MonkeyPatch) -> None:
    brokers = [Broker(1, seen=0), Broker(2, seen=1)]

    def nodes(bootstrap_servers: str) -> frozenset[int]:
        (asked,) = (broker for broker in brokers if broker.bootstrap_servers == bootstrap_servers)
        asked.seen += 1
        return frozenset(range(asked.seen))

    monkeypatch.setattr("deploy.local.kafka.kafka_nodes", nodes)
    KafkaCluster(cast(list[KafkaBroker], cast(Any, brokers))).start()
    assert [broker.seen for broker in brokers] == [2, 2]
