"""What a contender is: how it is started for a job, and what it promises."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.benchmark.model import ROOT, Model
from tests.benchmark.servers import Servers

STOP_SECONDS = 40.0
EXACTLY_ONCE = "exactly once"
AT_LEAST_ONCE = "at least once"


class Unavailable(Exception):
    """A contender cannot run on this machine. The message says why."""


class Contention(Exception):
    """A contender did not do its work. The message says which, and where its log is."""


@dataclass(frozen=True)
class Job:
    """One run of one contender."""

    servers: Servers
    events: str
    """Topic that is read, from its beginning."""
    labels: str
    """Topic that is written."""
    group: str
    """Name of this run, used for everything that must not be another run's."""
    model: Model
    batch: int
    """Most events of one transaction, for those that let it be chosen."""
    folder: Path
    """For state, settings and logs."""
    workers: int = 1
    commit_ms: int = 1_000
    """How often to commit, for those that commit by time."""
    linger_ms: int = 5
    """How long a producer gathers a batch of records."""

    def environment(self) -> dict[str, str]:
        """The job as the scripts in `peers` read it."""
        return {
            "BENCH_BROKERS": self.servers.brokers,
            "BENCH_REDIS": self.servers.redis_url,
            "BENCH_EVENTS": self.events,
            "BENCH_LABELS": self.labels,
            "BENCH_GROUP": self.group,
            "BENCH_BATCH": str(self.batch),
            "BENCH_MODEL": str(self.model.folder),
            "BENCH_STATE": str(self.folder / "state"),
            "BENCH_COMMIT_MS": str(self.commit_ms),
            "BENCH_LINGER_MS": str(self.linger_ms),
        }


@dataclass(frozen=True)
class Command:
    words: Sequence[str]
    environment: Mapping[str, str]
    folder: Path = ROOT


@dataclass(frozen=True)
class Contender:
    name: str
    title: str
    promise: str
    """EXACTLY_ONCE or AT_LEAST_ONCE: what it promises of its outputs after a crash, as it is set up here."""
    prepare: Callable[[Job], Sequence[Command]]
    """Makes what the job needs; the commands that do the work."""
    set_up: Callable[[], object] = lambda: None
    """Installs what it needs, unless it is there. Raises Unavailable."""
    labels: bool = True
    """Whether its outputs are labels. If not, they are the events themselves."""
    commits_by_time: bool = False
    """Whether its outputs appear when it commits, every so many milliseconds."""
    commits_offsets: bool = False
    """Whether it commits in Kafka, under the job's group, up to where it has dealt with the events."""
    share: float = 1.0
    """Of the workload: a slow contender gets fewer events, of as many fewer users."""


class Running:
    """A contender's processes, gone at the end of the `with` block."""

    def __init__(self, commands: Sequence[Command], log: Path) -> None:
        self.log = log
        self._commands = commands
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        with self.log.open("ab") as output:
            for command in self._commands:
                self.processes.append(
                    subprocess.Popen(
                        command.words,
                        cwd=command.folder,
                        env={**os.environ, **command.environment},
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):  # all of it went on being asked
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ended(self) -> str | None:
        """What the log says at its end, if a process has ended that should not."""
        if all(process.poll() is None for process in self.processes):
            return None
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
