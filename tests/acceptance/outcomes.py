"""What became of an input record, told by the record that came out: a label, a tombstone or a dead letter."""

from typing import NamedTuple

import msgspec

from tests.acceptance.records import Headers, Place, Seen
from worker.contract.user_label import UserLabel

_decode = msgspec.json.Decoder(UserLabel).decode


class Label(NamedTuple):
    key: bytes | None
    label: UserLabel


class Tombstone(NamedTuple):
    key: bytes | None
    reason: bytes | None
    """erased or objecting"""


class Letter(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: Headers


Outcome = Label | Tombstone | Letter


class Told(NamedTuple):
    """An outcome, the input record that it speaks of, and where it stands."""

    place: Place
    outcome: Outcome
    seen: Seen

    @property
    def relabelled(self) -> bool:
        """Whether a change of the model caused it rather than the event."""
        return isinstance(self.outcome, Label) and self.outcome.label.reason == "relabel"


def tell(seen: Seen) -> Told:
    """The outcome in a record of the labels or the dead-letter topic. Raises ValueError for what is neither."""
    if seen.header("__connect.errors.offset") is not None:
        return Told(_place(seen, "__connect.errors."), Letter(seen.key, seen.value, seen.headers), seen)
    if seen.value is None:
        tombstone = Tombstone(seen.key, seen.header("songprint.reason"))
        return Told(_place(seen, "songprint.source."), tombstone, seen)
    label = _decode(seen.value)
    return Told((label.source.partition, label.source.offset), Label(seen.key, label), seen)


def _place(seen: Seen, prefix: str) -> Place:
    partition, offset = seen.header(f"{prefix}partition"), seen.header(f"{prefix}offset")
    if partition is None or offset is None:
        raise ValueError(f"the headers name no input record: {seen}")
    return int(partition), int(offset)
