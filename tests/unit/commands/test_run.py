"""`worker run`: a bundle that comes while it starts is not taken for the one that was loaded."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from worker import assemble
from worker.__main__ import main
from worker.commands import run
from worker.model_watch import ModelWatch


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], bool]:
    """Starts the command where Kafka and Redis answer at once; tells whether its worker finds a new bundle."""
    monkeypatch.setenv("SONGPRINT_HTTP__PORT", "0")
    monkeypatch.setattr(run, "_tune_interpreter", Mock())
    monkeypatch.setattr(run.logs, "configure", Mock())
    for name in ("KafkaSource", "KafkaSink", "KafkaChangelog", "Restorer", "Backoff"):
        monkeypatch.setattr(assemble, name, Mock())
    states = SimpleNamespace(config={"delete.retention.ms": "1000"})
    kafka = Mock(identity=Mock(return_value=SimpleNamespace(partitions=1)))
    kafka.facts.return_value = {"user-state": states}
    monkeypatch.setattr(assemble, "kafka_topics", Mock(return_value=kafka))

    def start(meanwhile: Callable[[], object]) -> bool:
        watches = []

        def worker(*parts: object) -> Mock:
            watches.extend(part for part in parts if isinstance(part, ModelWatch))
            return Mock()

        def redis_states(_settings: object) -> Mock:
            meanwhile()
            return Mock()

        monkeypatch.setattr(assemble, "redis_states", redis_states)
        monkeypatch.setattr(assemble, "Worker", worker)
        assert main(["run"]) == 0
        (watch,) = watches
        watch._clock = lambda: watch._looked_at + 1_000
        watch.poll()
        watch.close()
        return watch._loading is not None

    return start


def test_a_bundle_that_comes_while_the_worker_waits_for_redis_is_loaded(
    started: Callable[[Callable[[], object]], bool], bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONGPRINT_MODEL__BUNDLE", str(bundle_copy))
    manifest = bundle_copy / "manifest.json"
    assert started(lambda: manifest.write_bytes(manifest.read_bytes() + b"\n"))


def test_the_bundle_that_was_loaded_is_not_loaded_again(
    started: Callable[[Callable[[], object]], bool], bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONGPRINT_MODEL__BUNDLE", str(bundle_copy))
    assert not started(lambda: None)
