"""How long something of an erased user can still be read, by the topics' settings."""

from collections.abc import Iterator, Mapping

from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import TopicFacts
from worker.checks.finding import Finding, ok, problem

HOUR_MS = 3_600_000
MOST_MS = 30 * 24 * HOUR_MS
"""An erasure request has to be answered within a month."""
LEAST_TOMBSTONE_MS = HOUR_MS
"""A reader that begins at a topic's start has to reach a deletion before the broker drops it."""


def check_erasure(names: Topics, facts: Mapping[str, TopicFacts]) -> Iterator[Finding]:
    for name in (names.labels, names.states):
        if name in facts:
            yield from _check_compacted(name, facts[name].config)
    for name in (names.events, names.dead_letters):
        if name in facts:
            yield from _check_deleted(name, facts[name].config)


def _check_compacted(name: str, config: Mapping[str, str]) -> Iterator[Finding]:
    lag, tombstone = int(config["max.compaction.lag.ms"]), int(config["delete.retention.ms"])
    if lag + tombstone > MOST_MS:
        yield problem(
            "erasure",
            f"{name} may keep an erased user's record for {_hours(lag)} (max.compaction.lag.ms) and the deletion for "
            f"{_hours(tombstone)} more (delete.retention.ms)",
            f"set both so that their sum is at most {_hours(MOST_MS)}; a day each is what `worker topics` sets",
        )
    elif tombstone < LEAST_TOMBSTONE_MS:
        yield problem(
            "erasure",
            f"{name} keeps a deletion for {_hours(tombstone)} only: who reads it slowly misses deletions",
            f"set delete.retention.ms to {LEAST_TOMBSTONE_MS} or more",
        )
    else:
        yield ok("erasure", f"{name} is rid of an erased user after at most {_hours(lag + tombstone)}")


def _check_deleted(name: str, config: Mapping[str, str]) -> Iterator[Finding]:
    kept = int(config["retention.ms"])
    if kept < 0 or kept > MOST_MS:
        yield problem(
            "erasure",
            f"{name} keeps records {'for ever' if kept < 0 else 'for ' + _hours(kept)}, those of erased users too",
            f"set retention.ms to at most {MOST_MS}",
        )
    else:
        yield ok("erasure", f"{name} is rid of every record after {_hours(kept)} and what its segment still takes")


def _hours(milliseconds: int) -> str:
    return f"{milliseconds / HOUR_MS:,.4g} h" if milliseconds < 1 << 50 else "an unbounded time"
