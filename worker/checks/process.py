"""What the worker's own process is given: memory, a level to log at, and how long it waits for Redis."""

from collections.abc import Iterator
from pathlib import Path

from worker.checks.finding import Finding, note, ok, problem
from worker.observe.health import STALLED_SECONDS
from worker.settings import Log, Policy, Redis

HOT_SHARE = 0.5
"""Most of the process's memory that states may take: the rest is for the model and what a batch needs."""
_MIB = 1 << 20
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_NO_LIMIT = 1 << 60  # what the older of the two says in place of "max" is beyond


def memory_limit(files: tuple[Path, ...] = _LIMITS) -> int | None:
    """Bytes that this process's container may have; None where nothing bounds it, or nothing tells."""
    for file in files:
        if file.is_file():
            text = file.read_text().strip()
            return int(text) if text.isdigit() and int(text) < _NO_LIMIT else None
    return None


def check_memory(policy: Policy, limit: int | None) -> Iterator[Finding]:
    hot = policy.max_hot_bytes
    if limit is None:
        return
    if hot > HOT_SHARE * limit:
        yield problem(
            "memory",
            f"states may take {hot / _MIB:,.0f} MiB in process, more than half of the {limit / _MIB:,.0f} MiB that the "
            "container may have: it would be killed",
            f"raise the memory limit, or set SONGPRINT_POLICY__MAX_HOT_BYTES to {int(HOT_SHARE * limit)} or less",
        )
    else:
        yield ok("memory", f"states may take {hot / _MIB:,.0f} of the container's {limit / _MIB:,.0f} MiB")


def check_log(log: Log) -> Iterator[Finding]:
    if log.level == "debug":
        yield note("log", "at level debug, user ids are logged", "set SONGPRINT_LOG__LEVEL to info in production")


def check_waiting(redis: Redis) -> Iterator[Finding]:
    longest = 2 * redis.timeout_s  # for the connection, then for the answer
    if longest >= STALLED_SECONDS:
        yield note(
            "redis",
            f"a call to a Redis that hangs may take {longest:g} s; after {STALLED_SECONDS:g} s without a poll a "
            "worker counts as hanging",
            f"set SONGPRINT_REDIS__TIMEOUT_S well below {STALLED_SECONDS / 2:g}; some seconds are plenty",
        )
