"""Who writes events must choose partitions as everybody does; a broker cannot tell whether they do."""

from collections.abc import Iterator

from worker.checks.finding import Finding, note


def check_partitioner(events: str) -> Iterator[Finding]:
    yield note(
        "producers",
        f"the partitioner of those who write to {events} cannot be seen from here; with two kinds a user gets two "
        "states",
        "use murmur2, Java's default, everywhere; librdkafka needs partitioner=murmur2_random, its default is CRC32",
    )
