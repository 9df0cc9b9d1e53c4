"""Fuzz target: any bytes as what Redis or the changelog hold. Only ValueError may come out."""

from worker.contract.user_state import UserState, unpack
from worker.contract.vocabulary import Vocabulary, song_keys
from worker.watermark import CLAIM_PREFIX, Identity, Watermark

_vocabulary = Vocabulary(song_keys(["s1"]))


def seeds() -> list[bytes]:
    """One of each."""
    watermark = Watermark(Identity("cluster", "events", "states", 8), 17, 23, "model", 1_700_000_000)
    return [UserState(bytes(16), bytes(4), 1, 99).pack(), watermark.encode(), CLAIM_PREFIX + bytes(16)]


def fuzz(data: bytes) -> None:
    """As a packed state and as a watermark."""
    watermark = Watermark.decode(data)
    assert watermark is None or watermark.encode() == data
    try:
        (state,) = unpack([data], _vocabulary)
    except ValueError as error:
        assert str(error), "whoever looks into it has to know what is wrong"  # noqa: PT017
    else:
        assert state.pack() == data
