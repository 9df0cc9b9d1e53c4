"""The batch histogram against prometheus_client's own, which takes one observation at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics, generate_latest

from worker.observe.histogram import BatchHistogram

BOUNDS = (0.0, 0.1, 0.5, 1.0, 2.5, 10.0)
# Values of 1/64 add up to the same sum in any order; those of BOUNDS fall on the edges of buckets.
VALUES = st.lists(st.integers(-64, 64 * 20).map(lambda n: n / 64) | st.sampled_from(BOUNDS), max_size=50)


@given(st.lists(VALUES, max_size=5))
def test_exposes_what_prometheus_clients_own_histogram_does(batches: list[list[float]]) -> None:
    disable_created_metrics()
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batched = BatchHistogram("songs", "Meaning.", BOUNDS, ours)
    single = Histogram("songs", "Meaning.", buckets=BOUNDS, registry=theirs)
    for batch in batches:
        batched.observe(np.array(batch, np.float64))
        for value in batch:
            single.observe(value)

    mine, other = (next(iter(registry.collect())) for registry in (ours, theirs))

    assert [(s.name, s.labels) for s in mine.samples] == [(s.name, s.labels) for s in other.samples]
    assert [s.value for s in mine.samples] == pytest.approx([s.value for s in other.samples])
    assert (mine.name, mine.documentation, mine.type) == (other.name, other.documentation, other.type)


def test_a_name_is_taken_once() -> None:
    registry = CollectorRegistry()
    BatchHistogram("songs", "Meaning.", BOUNDS, registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Histogram("songs", "Meaning.", registry=registry)
    assert b"# TYPE songs histogram" in generate_latest(registry)
