"""Whether the copy in Redis is of the topics that Kafka has."""

from collections.abc import Iterator

from worker.adapters.ports import StateCache
from worker.checks.finding import Finding, note, ok, problem
from worker.restore import RESET_HINT
from worker.watermark import Identity, Watermark


def check_watermarks(cache: StateCache, identity: Identity) -> Iterator[Finding]:
    """Raises Retry and Stop as the cache does."""
    copies = 0
    for partition in range(identity.partitions):
        found = Watermark.decode(cache.watermark(partition))
        copies += found is not None
        if found is not None and found.identity != identity:
            yield problem(
                "watermarks",
                f"Redis holds partition {partition} of other topics: it has {found.identity}; Kafka has {identity}",
                RESET_HINT,
            )
    whole = f"Redis holds complete copies of {copies} of {identity.partitions} partitions"
    if copies == identity.partitions:
        yield ok("watermarks", whole)
    else:
        yield note("watermarks", whole, "nothing: a worker restores the others from the changelog when it starts")
