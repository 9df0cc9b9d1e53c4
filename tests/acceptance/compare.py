"""Whether an outcome is the expected one. Probabilities may differ by what another batch size does to float32."""

from tests.acceptance.outcomes import Label, Letter, Outcome, Tombstone

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
    for name in ("user", "songs", "known_songs", "source", "at"):
        if getattr(got, name) != getattr(want, name):
            return f"`{name}` is {getattr(got, name)!r}, expected {getattr(want, name)!r}"
    if not _near(got.gender.probability, want.gender.probability):
        return f"the gender's probability is {got.gender.probability}, expected {want.gender.probability}"
    doubtful = _near(want.gender.probability, threshold) or _near(want.gender.probability, 0.5)
    if got.gender.label != want.gender.label and not doubtful:
        return f"the gender is {got.gender.label!r}, expected {want.gender.label!r}"
    if not _near(got.cluster.probability, want.cluster.probability):
        return f"the cluster's probability is {got.cluster.probability}, expected {want.cluster.probability}"
    # Two clusters may be equally likely to within the tolerance only where neither has more than half.
    if got.cluster.id != want.cluster.id and want.cluster.probability > 0.5 + TOLERANCE:
        return f"the cluster is {got.cluster.id}, expected {want.cluster.id}"
    return None


def _of_letters(seen: Letter, expected: Letter) -> str | None:
    dropped = dict(seen.headers).get(DROPPED)
    if dropped is not None:  # too large for the topic together with its headers: a reference takes its place
        size = b"%d" % len(expected.value or b"")
        if (seen.value, dropped) != (None, size) or seen.headers[:-1] != expected.headers:
            return f"expected a reference to the {size.decode()} bytes of {expected}"
        return None
    return None if seen == expected else f"expected {expected}"


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE + _ROUNDING
