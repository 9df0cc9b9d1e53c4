"""An owned partition, and the states that it holds in process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contract.user_state import UserState
from worker.partition import HotStates, OwnedPartition
from worker.watermark import Identity, Watermark

USERS = [b"%d" % number for number in range(8)]
WATERMARK = Watermark(Identity("c", "e", "s", 4), 10, 20, "small-1", 30)


def state(size: int = 0, offset: int = 0) -> UserState:
    return UserState(b"8 bytes." * size, b"", 0, offset)


BATCHES = st.lists(
    st.dictionaries(st.sampled_from(USERS), st.none() | st.builds(state, st.integers(0, 40), st.integers(0, 99))),
    max_size=8,
)


@given(BATCHES, st.integers(0, 6_000))
def test_hot_states_are_the_latest_or_have_to_be_read(
    batches: list[dict[bytes, UserState | None]], capacity: int
) -> None:
    hot, truth = HotStates(capacity), dict[bytes, UserState | None]()
    for changed in batches:
        hot.age()
        absent = hot.absent(changed)
        hot.put({user: truth.get(user) for user in absent})
        assert {user: hot.young[user] for user in changed} == {user: truth.get(user) for user in changed}
        hot.put(changed)
        truth |= changed


@given(BATCHES, st.integers(0, 6_000))
def test_hot_states_stay_within_their_bound_and_one_batch(
    batches: list[dict[bytes, UserState | None]], capacity: int
) -> None:
    hot = HotStates(capacity)
    for changed in batches:
        hot.age()
        kept = hot.bytes
        assert kept <= capacity + len(USERS) * 800, "half young and half old, and the batch that filled each of them"
        hot.put(dict.fromkeys(hot.absent(changed)))
        hot.put(changed)


def test_what_is_used_again_stays_and_the_rest_goes() -> None:
    hot = HotStates(2_000)
    hot.put({b"used": state(offset=1), b"idle": state(offset=2)})
    for _ in range(4):
        hot.put({b"%d" % number: state() for number in range(3)})
        hot.age()
        assert hot.absent([b"used"]) == []
    assert hot.young[b"used"] == state(offset=1)
    assert hot.absent([b"idle"]) == [b"idle"]


def test_nothing_goes_while_there_is_room() -> None:
    hot = HotStates(10_000)
    hot.put({b"idle": state(offset=1)})
    for number in range(4):
        hot.age()
        hot.put({b"%d" % number: state()})
    assert hot.absent([b"idle"]) == []


def test_an_older_copy_never_comes_back() -> None:
    hot = HotStates(1)
    hot.put({b"u": state(offset=1)})
    hot.age()
    hot.put({b"u": state(offset=2)})
    assert hot.absent([b"u"]) == []
    assert hot.young[b"u"] == state(offset=2)


def test_an_unknown_user_counts_once() -> None:
    hot = HotStates(1 << 20)
    hot.put({b"u": None})
    once = hot.bytes
    hot.put({b"u": None})
    hot.put({b"u": state()})
    assert hot.bytes == once > 0


def test_a_partition_is_ready_from_its_restore_until_it_is_distrusted() -> None:
    partition = OwnedPartition(3, 1 << 20)
    assert not partition.ready
    with pytest.raises(AssertionError, match="from its restore on"):
        _ = partition.watermark
    partition.restored(WATERMARK, unlabelled=True)
    partition.hot.put({b"u": state()})
    assert partition.ready
    assert partition.unlabelled
    partition.distrust()
    assert not partition.ready
    assert partition.hot.absent([b"u"]) == [b"u"], "what was held in process is not to be believed either"
    assert partition.hot.bytes == 0


def test_a_commit_moves_a_partition_on() -> None:
    partition = OwnedPartition(3, 1 << 20)
    partition.restored(WATERMARK, unlabelled=False)
    after = Watermark(WATERMARK.identity, 11, 21, "small-1", 31)
    partition.advance(after)
    assert partition.watermark == after
    assert partition.ready
