"""`worker run`: its parts as the settings have them, and no bundle that comes meanwhile is taken for the loaded one."""

import gc
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture
def interpreter() -> Iterator[None]:
    """As it was, afterwards."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_the_interpreter_is_tuned_before_the_worker_runs(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch, interpreter: None
) -> None:
    """Without it the search for cycles takes a third of the time, and threads that are ready wait for the loop."""
    found = []

    def work() -> None:
        found.append((sys.getswitchinterval(), gc.get_threshold()[0], gc.get_freeze_count() > 0))

    monkeypatch.setattr(run.logs, "configure", Mock())
    monkeypatch.setattr(run, "assemble", Mock(return_value=Mock(run=work)))
    assert main(["run", "--bundle", str(small_bundle), "--port", "0"]) == 0
    assert found == [(pytest.approx(0.0005), 200_000, True)]


def test_logs_metrics_and_health_are_there_before_the_worker_runs(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONGPRINT_LOG__LEVEL", "warning")
    monkeypatch.setenv("SONGPRINT_LOG__FORMAT", "json")
    configure, built = Mock(), Mock()
    monkeypatch.setattr(run, "_tune_interpreter", Mock())
    monkeypatch.setattr(run.logs, "configure", configure)
    monkeypatch.setattr(run, "assemble", built)
    assert main(["run", "--bundle", str(small_bundle), "--instance", "me", "--port", "0"]) == 0
    configure.assert_called_once_with("warning", "json")
    settings, labeller, _, (metrics, health) = built.call_args.args
    assert (settings.model.bundle, settings.kafka.instance) == (small_bundle, "me")
    told = metrics.registry.get_sample_value
    assert told("songprint_model_info", {"version": labeller.version}) == 1
    assert told("songprint_model_load_seconds") == labeller.load_seconds > 0
    assert told("songprint_model_loaded_timestamp_seconds") > 0
    assert told("songprint_loop_silence_seconds") > 0
    assert not health.ready().ok
    built.return_value.run.assert_called_once_with()
