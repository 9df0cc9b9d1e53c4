"""What processes used between two times."""

import os
import subprocess
import sys

import pytest

from tests.benchmark import usage as module
from tests.benchmark.usage import Sample, Usage, wait_until_quiet


@pytest.fixture
def usage() -> Usage:
    sampled = Usage({})
    sampled.samples += [
        Sample(10.0, {"worker": 1.0}, {"worker": 100}),
        Sample(11.0, {"worker": 2.0}, {"worker": 300}),
        Sample(12.0, {"worker": 2.5}, {"worker": 200}),
    ]
    return sampled


def test_time_between_samples_counts_in_part(usage: Usage) -> None:
    assert usage.cpu_between("worker", 10.5, 11.5) == pytest.approx(0.75)


def test_before_the_first_and_after_the_last_sample_nothing_is_invented(usage: Usage) -> None:
    assert usage.cpu_between("worker", 0.0, 99.0) == pytest.approx(1.5)


def test_the_peak_is_the_most_there_was(usage: Usage) -> None:
    assert usage.peak("worker") == 300


def test_there_is_something_to_tell_of_the_shortest_run() -> None:
    with Usage({"me": [os.getpid()]}) as sampled:
        pass
    first, *_, last = sampled.samples
    assert sampled.cpu_between("me", first.at, last.at) == pytest.approx(last.cpu["me"] - first.cpu["me"])
    assert sampled.peak("me") > 1_000_000


def test_what_a_contender_has_started_is_its_own() -> None:
    """A peer may be a script that starts another process."""
    large = "import sys; held = b'x' * 50_000_000; print('there', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        ["sh", "-c", f'"{sys.executable}" -c "$0"; true', large], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"there\n"
        with Usage({"contender": [parent.pid]}) as sampled:
            pass
        parent.communicate(b"")
    assert sampled.peak("contender") > 50_000_000


def test_a_quiet_machine_is_waited_for_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now, shares = iter(range(100)), iter([90.0, 50.0, 10.0, 80.0, 70.0, 60.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(now)))
    monkeypatch.setattr(module.psutil, "cpu_percent", lambda _seconds: next(shares))
    monkeypatch.setattr(module.psutil, "cpu_count", lambda: 2)
    assert wait_until_quiet(0.3, 30) == pytest.approx(0.2)
    assert wait_until_quiet(0.3, 2) == pytest.approx(1.4), "as it is when the patience is over"
