"""What may differ between an outcome and the expected one, and what may not."""

from datetime import UTC, datetime

import pytest

from tests.acceptance.compare import DROPPED, difference
from tests.acceptance.outcomes import Label, Letter
from worker.contract.user_label import Cluster, Gender, Source, UserLabel

THRESHOLD = 0.6
AT = datetime(2026, 1, 31, tzinfo=UTC)


def label(gender: str | None, probability: float, cluster: int = 7, share: float = 0.9) -> Label:
    verdict = Gender(gender, probability), Cluster(cluster, "name", share)
    return Label(b"u", UserLabel("u", *verdict, 3, 3, "one", Source(0, 1), "event", AT))


@pytest.mark.parametrize("probability", [THRESHOLD, THRESHOLD + 0.00009, THRESHOLD - 0.00009])
def test_a_gender_is_told_or_not_where_the_probability_is_the_threshold(probability: float) -> None:
    assert difference(label("m", probability), label(None, THRESHOLD), THRESHOLD) is None


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (label("m", 0.61), label(None, 0.61)),
        (label("f", 0.9), label("m", 0.9)),
        (label("m", 0.9, cluster=8), label("m", 0.9)),
        (label("m", 0.9, cluster=8, share=0.51), label("m", 0.9, share=0.51)),
    ],
)
def test_classes_are_equal_everywhere_else(seen: Label, expected: Label) -> None:
    assert difference(seen, expected, THRESHOLD)


def test_two_clusters_may_be_equally_likely() -> None:
    assert difference(label("m", 0.9, cluster=8, share=0.5), label("m", 0.9, share=0.50005), THRESHOLD) is None


OWN: list[tuple[str, bytes | None]] = [("sequence", b"7")]
ABOUT: list[tuple[str, bytes | None]] = [("__connect.errors.offset", b"7"), ("songprint.reason", b"too_large")]
LETTER = Letter(b"u", b"12345", [*OWN, *ABOUT])


def test_a_letter_that_is_too_large_is_a_reference() -> None:
    assert difference(Letter(None, None, [*ABOUT, (DROPPED, b"5")]), LETTER, THRESHOLD) is None


@pytest.mark.parametrize(
    "seen",
    [
        Letter(None, None, [*ABOUT, (DROPPED, b"6")]),
        Letter(b"u", None, [*ABOUT, (DROPPED, b"5")]),
        Letter(None, b"12345", [*ABOUT, (DROPPED, b"5")]),
        Letter(None, None, [ABOUT[0], ("songprint.reason", b"invalid"), (DROPPED, b"5")]),
        Letter(None, None, ABOUT),
    ],
    ids=["size", "key", "value", "reason", "no word of it"],
)
def test_a_reference_tells_of_its_event_and_is_nothing_else(seen: Letter) -> None:
    assert difference(seen, LETTER, THRESHOLD)
