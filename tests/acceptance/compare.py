"""Whether an outcome is the expected one. Probabilities may differ by what another batch size does to float32."""

from tests.acceptance.outcomes import Label, Letter, Outcome, Tombstone
from worker.contract.user_label import Cluster, Gender

TOLERANCE = 1e-4
_ROUNDING = 1e-9
DROPPED = "songprint.value.dropped.bytes"


def difference(seen: Outcome, expected: Outcome, threshold: float) -> str | None:
    """What is different, in words; None if nothing is. `threshold` is where the model begins to tell a gender."""
    if isinstance(seen, Label) and isinstance(expected, Label):
        return _of_labels(seen, expected, threshold)
    if isinstance(seen, Letter) and isinstance(expected, Letter):
        return _of_letters(seen, expected)
    if isinstance(seen, Tombstone) and isinstance(expected, Tombstone):
        return None if seen == expected else f"expected {expected}"
    return f"expected a {type(expected).__name__}: {expected}"


def _of_labels(seen: Label, expected: Label, threshold: float) -> str | None:
    if seen.key != expected.key:
        return f"expected the key {expected.key!r}"
    got, want = seen.label, expected.label
    # A relabelling says when it was, which no replay knows.
    for name in ("user", "songs", "known_songs", "source", *(() if got.reason == "relabel" else ("at",))):
        if getattr(got, name) != getattr(want, name):
            return f"`{name}` is {getattr(got, name)!r}, expected {getattr(want, name)!r}"
    return _of_genders(got.gender, want.gender, threshold) or _of_clusters(got.cluster, want.cluster)


def _of_genders(got: Gender, want: Gender, threshold: float) -> str | None:
    if not _near(got.probability, want.probability):
        return f"the gender's probability is {got.probability}, expected {want.probability}"
    doubtful = _near(want.probability, threshold) or _near(want.probability, 0.5)
    return None if got.label == want.label or doubtful else f"the gender is {got.label!r}, expected {want.label!r}"


def _of_clusters(got: Cluster, want: Cluster) -> str | None:
    if not _near(got.probability, want.probability):
        return f"the cluster's probability is {got.probability}, expected {want.probability}"
    # Two clusters can be equally likely to within the tolerance only where neither has more than half.
    doubtful = want.probability <= 0.5 + TOLERANCE
    return None if got.id == want.id or doubtful else f"the cluster is {got.id}, expected {want.id}"


def _of_letters(seen: Letter, expected: Letter) -> str | None:
    dropped = dict(seen.headers).get(DROPPED)
    if dropped is not None:  # too large for the topic together with more headers: a reference takes its place
        size = b"%d" % len(expected.value or b"")
        about = expected.headers[-(len(seen.headers) - 1) :]
        reference = Letter(None, None, [*about, (DROPPED, size)])
        return None if seen == reference else f"expected {reference}"
    return None if seen == expected else f"expected {expected}"


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE + _ROUNDING
