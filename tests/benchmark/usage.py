"""What processes use: CPU time and memory, sampled beside a run."""

import bisect
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

import psutil  # type: ignore[import-untyped]

INTERVAL = 0.1
OTHERS = "others"
"""What ran on the machine beside the benchmark, and disturbed it."""


class Sample(NamedTuple):
    at: float
    """Seconds since 1970."""
    cpu: Mapping[str, float]
    """Seconds of CPU that each group of processes has used so far."""
    resident: Mapping[str, int]
    """Bytes of memory of each group."""


class Usage:
    """Samples groups of processes, with all their children, from the start of the `with` block to its end."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self.samples: list[Sample] = []
        self._roots = {name: [psutil.Process(pid) for pid in pids] for name, pids in groups.items()}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="usage")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def cpu_between(self, group: str, start: float, stop: float) -> float:
        """CPU seconds of a group between two times, which may lie between samples."""
        return self._cpu_at(group, stop) - self._cpu_at(group, start)

    def peak(self, group: str) -> int:
        """Most bytes that a group has held."""
        return max((sample.resident[group] for sample in self.samples), default=0)

    def _cpu_at(self, group: str, at: float) -> float:
        after = bisect.bisect_left(self.samples, at, key=lambda sample: sample.at)
        after = min(max(after, 1), len(self.samples) - 1)
        left, right = self.samples[after - 1], self.samples[after]
        share = min(max((at - left.at) / (right.at - left.at), 0.0), 1.0)
        return left.cpu[group] + share * (right.cpu[group] - left.cpu[group])

    def _work(self) -> None:
        # Children are looked for once: a look at all processes of the machine ten times a second would be felt.
        families = {
            name: [process for root in roots for process in (root, *root.children(recursive=True))]
            for name, roots in self._roots.items()
        }
        self.samples.append(_sample(families))
        while not self._over.wait(INTERVAL):
            self.samples.append(_sample(families))
        self.samples.append(_sample(families))  # so that there are two of the shortest run


def _sample(families: Mapping[str, Sequence[psutil.Process]]) -> Sample:
    cpu, resident = dict.fromkeys(families, 0.0), dict.fromkeys(families, 0)
    for name, processes in families.items():
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                cpu[name] += times.user + times.system
                resident[name] += process.memory_info().rss
    cpu[OTHERS] = max(0.0, _busy() - sum(cpu.values()) - time.process_time())
    return Sample(time.time(), cpu, resident)


def _busy() -> float:
    """CPU seconds that the whole machine has used."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def wait_until_quiet(cores: float, patience: float) -> float:
    """Waits, at most `patience` seconds, until the machine uses no more than `cores`; how many it uses then."""
    given_up = time.monotonic() + patience
    while (used := psutil.cpu_percent(1.0) / 100 * (psutil.cpu_count() or 1)) > cores and time.monotonic() < given_up:
        continue
    return float(used)
