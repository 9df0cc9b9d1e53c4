"""A restore under way tells how far it is: as a count with every step, and in words from time to time."""

from collections.abc import Generator

import pytest
from prometheus_client import CollectorRegistry

from worker.observe.metrics import Metrics
from worker.restore import Progress, Restored
from worker.running_restore import TELL_SECONDS, RunningRestore
from worker.watermark import Identity, Watermark

RESTORED = Restored(Watermark(Identity("c", "e", "s", 4), 10, 20, "small-1", 30), "full", 900, unlabelled=False)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_progress_is_counted_and_told(registry: CollectorRegistry, caplog: pytest.LogCaptureFixture) -> None:
    def steps() -> Generator[Progress | None, None, Restored]:
        yield None
        yield None
        yield Progress(300, 0.25)
        yield Progress(500, 0.5)
        return RESTORED

    clock = Clock()
    restore = RunningRestore(3, steps(), Metrics(registry), clock)
    caplog.set_level("INFO")
    seen = []
    for seconds in (1.0, TELL_SECONDS, 1.0, TELL_SECONDS):
        clock.now += seconds
        assert restore.step() is None
        seen.append(registry.get_sample_value("songprint_restored_records_total"))
    assert seen == [0, 0, 300, 500]
    waiting, copying = caplog.records
    assert (waiting.message, waiting.partition) == ("the restore waits for an open transaction to end", 3)  # type: ignore[attr-defined]
    assert copying.message == "restoring"
    told = {name: getattr(copying, name) for name in ("partition", "records", "per_second", "share")}
    assert told == {"partition": 3, "records": 500, "per_second": 42, "share": 0.5}

    assert restore.step() == RESTORED
    assert registry.get_sample_value("songprint_restored_records_total") == 900
    assert restore.seconds == 12.0
