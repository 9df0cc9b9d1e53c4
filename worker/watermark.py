"""The value that says which changelog a copy of a partition belongs to, and up to where the copy is complete."""

import msgspec

MODEL_KEY = b""
"""Key of the changelog record that holds `labelled_by`; no user id is empty."""
CLAIM_PREFIX = b"claim "
"""A restore in progress puts this and something random in the watermark's place."""


class Identity(msgspec.Struct, frozen=True):
    """Which topics a state belongs to. A topic that was deleted and made again has another id."""

    cluster: str
    events: str
    states: str
    partitions: int

    def __str__(self) -> str:
        return (
            f"cluster {self.cluster}, events topic id {self.events}, state topic id {self.states}, "
            f"{self.partitions} partitions"
        )


class Watermark(msgspec.Struct, frozen=True):
    """All input events below `offset` are in the copy, and so is the changelog below `position`."""

    identity: Identity
    offset: int
    position: int
    labelled_by: str
    """Version of the model that the labels of all users are of; empty if that is not known."""
    at: int
    """Seconds since 1970 when it was written; tells whether deletions since may have been compacted away."""

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, raw: bytes | None) -> "Watermark | None":
        """The watermark, or None where there is none to be believed: nothing, or the claim of an unfinished restore."""
        if raw is None or raw.startswith(CLAIM_PREFIX):
            return None
        try:
            watermark = msgspec.json.decode(raw, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # written by something else
        return watermark if watermark.encode() == raw else None  # scripts compare bytes: another version wrote it
