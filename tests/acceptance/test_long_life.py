"""A worker does not grow with what it has seen; `python -m tests.acceptance.long_life` watches it for longer."""

from pathlib import Path

import pytest

from tests.acceptance.long_life import Growth, Sample, growth, run


@pytest.mark.timeout(900)
def test_a_worker_stays_the_size_it_is(tmp_path: Path) -> None:
    samples = run(tmp_path, events=96_000, swaps=12, report=lambda _: None)
    grown = growth(samples)
    assert grown.resident < 16, samples
    # What is left behind at each of the swaps shows as 6 here, as that many lie between the two quarters; a thread, a
    # connection or a series that came late shows as 1.
    assert max(grown.files, grown.threads, grown.series) <= 3, samples


def test_growth_compares_the_last_quarter_with_the_second() -> None:
    samples = [Sample(n, resident=n, files=n // 4, threads=7, series=n) for n in range(16)]
    assert growth(samples) == Growth(resident=8.0, files=2, threads=0, series=8)
