"""What every `StateCache` does: one suite, run on the fake and on the real servers."""

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.conftest import redis_settings
from worker.adapters.memory import MemoryStates
from worker.adapters.ports import StateCache
from worker.assemble import redis_states

W1, W2, W3 = b'{"offset":1}', b'{"offset":2}', b'{"offset":3}'
MANY = 12_000

ODD_USERS = [
    b"u",
    b"{u}",
    b"}{",
    b'"',
    b"'u'",
    b"\0",
    b"u\0",
    b"\0u",
    b"\r\n",
    b" ",
    b"''",
    b'""',
    b"nil",
    b"false",
    b"0",
    b"-1",
    b"*",
    b"songprint:{group/0}",
    b"claim ",
    b"%s",
    b"\xff\xfe",
    "一路向北".encode(),
    b"u" * 256,
]

states = st.dictionaries(st.sampled_from([b"a", b"b", b"c", b"\0", b"{"]), st.none() | st.binary(max_size=20))
watermarks = st.sampled_from([W1, W2, W3])


class Write(NamedTuple):
    watermark: bytes
    successor: bytes
    states: Mapping[bytes, bytes | None]


class Claim(NamedTuple):
    watermark: bytes | None
    claim: bytes
    empty: bool


class Forget(NamedTuple):
    pass


operations = st.one_of(
    st.builds(Write, watermarks, watermarks, states),
    st.builds(Claim, st.none() | watermarks, watermarks, st.booleans()),
    st.builds(Forget),
)


class StateCacheSuite:
    """The tests; a subclass says with its fixture `cache` what they run on."""

    def begin(self, cache: StateCache, partition: int = 0, **users: bytes) -> None:
        assert cache.claim(partition, None, W1, empty=True)
        assert cache.write(partition, W1, W1, {user.encode(): state for user, state in users.items()})

    def test_a_new_partition_has_no_watermark_and_gives_no_states(self, cache: StateCache) -> None:
        assert cache.watermark(0) is None
        assert cache.read(0, W1, [b"u"]) is None
        assert not cache.write(0, W1, W2, {b"u": b"state"})
        assert cache.watermark(0) is None

    def test_states_come_back_in_the_order_asked_for(self, cache: StateCache) -> None:
        self.begin(cache, a=b"1", b=b"2")
        assert cache.read(0, W1, [b"b", b"x", b"a", b"b"]) == [b"2", None, b"1", b"2"]
        assert cache.read(0, W1, []) == []

    def test_a_write_moves_the_watermark_with_the_states(self, cache: StateCache) -> None:
        self.begin(cache, a=b"1", b=b"2", c=b"3")
        assert cache.write(0, W1, W2, {b"a": b"new", b"b": None, b"never": None, b"d": b""})
        assert cache.watermark(0) == W2
        assert cache.read(0, W2, [b"a", b"b", b"c", b"d"]) == [b"new", None, b"3", b""]
        assert cache.read(0, W1, [b"a"]) is None, "the watermark from before is not current any more"

    def test_a_write_without_states_moves_the_watermark(self, cache: StateCache) -> None:
        self.begin(cache, a=b"1")
        assert cache.write(0, W1, W2, {})
        assert cache.read(0, W2, [b"a"]) == [b"1"]

    def test_a_write_under_another_watermark_is_refused_whole(self, cache: StateCache) -> None:
        self.begin(cache, a=b"1")
        for other in (W2, W1 + b" ", W1[:-1], b""):
            assert not cache.write(0, other, W3, {b"a": b"late", b"b": b"late"})
        assert cache.watermark(0) == W1
        assert cache.read(0, W1, [b"a", b"b"]) == [b"1", None]

    def test_states_that_have_all_gone_leave_the_watermark(self, cache: StateCache) -> None:
        self.begin(cache, a=b"1")
        assert cache.write(0, W1, W2, {b"a": None})
        assert cache.read(0, W2, [b"a"]) == [None]

    def test_a_claim_takes_the_watermarks_place(self, cache: StateCache) -> None:
        self.begin(cache, a=b"1")
        assert cache.claim(0, W1, b"claim 1", empty=False)
        assert not cache.write(0, W1, W2, {b"a": b"late"}), "a late writer must not slip in"
        assert cache.read(0, b"claim 1", [b"a"]) == [b"1"], "the copy is kept"

    def test_a_claim_may_empty_the_copy(self, cache: StateCache) -> None:
        self.begin(cache, a=b"1")
        assert cache.claim(0, W1, b"claim 1", empty=True)
        assert cache.watermark(0) == b"claim 1"
        assert cache.read(0, b"claim 1", [b"a"]) == [None]

    @pytest.mark.parametrize("empty", [True, False])
    def test_a_claim_fails_once_the_watermark_has_moved(self, cache: StateCache, empty: bool) -> None:
        self.begin(cache, a=b"1")
        for other in (None, W2):
            assert not cache.claim(0, other, b"claim 1", empty=empty)
        assert cache.read(0, W1, [b"a"]) == [b"1"]

    def test_only_one_of_two_claims_succeeds(self, cache: StateCache) -> None:
        assert cache.claim(0, None, b"claim 1", empty=True)
        assert not cache.claim(0, None, b"claim 2", empty=True)
        assert cache.watermark(0) == b"claim 1"

    def test_a_forgotten_partition_is_new_and_the_others_stay(self, cache: StateCache) -> None:
        for partition in (0, 1, 10):
            self.begin(cache, partition, a=b"%d" % partition)
        cache.forget(1)
        assert cache.watermark(1) is None
        assert cache.claim(1, None, W1, empty=False)
        assert cache.read(1, W1, [b"a"]) == [None]
        assert cache.read(0, W1, [b"a"]) == [b"0"]
        assert cache.read(10, W1, [b"a"]) == [b"10"]
        cache.forget(7)

    def test_many_users_in_one_call(self, cache: StateCache) -> None:
        users = {b"user-%d" % number: b"%d" % number for number in range(MANY)}
        self.begin(cache)
        assert cache.write(0, W1, W2, users)
        assert cache.read(0, W2, list(users)) == list(users.values())
        changed: dict[bytes, bytes | None] = {user: None if number % 2 else b"new" for number, user in enumerate(users)}
        assert cache.write(0, W2, W3, changed)
        assert cache.read(0, W3, list(users)) == list(changed.values())
        assert cache.write(0, W3, W3, dict.fromkeys(users))
        assert cache.read(0, W3, list(users)) == [None] * MANY

    def test_users_of_any_name_are_users(self, cache: StateCache) -> None:
        self.begin(cache)
        expected = {user: b"state of %d" % number for number, user in enumerate(ODD_USERS)}
        assert cache.write(0, W1, W2, expected)
        assert cache.read(0, W2, ODD_USERS) == list(expected.values())
        assert walk(cache, 0, W2, 100) == expected
        assert cache.write(0, W2, W3, dict.fromkeys(ODD_USERS))
        assert cache.read(0, W3, ODD_USERS) == [None] * len(ODD_USERS)

    def test_states_of_any_bytes_come_back(self, cache: StateCache) -> None:
        self.begin(cache)
        every = {bytes([number]): bytes(range(number)) * 20 for number in range(256)}
        assert cache.write(0, W1, W2, every)
        assert cache.read(0, W2, list(every)) == list(every.values())

    numbers = itertools.count(100)

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(history=st.lists(operations, max_size=15))
    def test_a_cache_is_a_dict_under_a_watermark(
        self, cache: StateCache, history: list[Write | Claim | Forget]
    ) -> None:
        partition = next(self.numbers)
        watermark: bytes | None = None
        users: dict[bytes, bytes] = {}
        for operation in history:
            match operation:
                case Write(before, after, changed):
                    done = cache.write(partition, before, after, changed)
                    assert done == (before == watermark)
                    if done:
                        watermark = after
                        users.update({user: state for user, state in changed.items() if state is not None})
                        users = {user: state for user, state in users.items() if changed.get(user, b"") is not None}
                case Claim(before, claim, empty):
                    done = cache.claim(partition, before, claim, empty=empty)
                    assert done == (before == watermark)
                    if done:
                        watermark, users = claim, {} if empty else users
                case Forget():
                    cache.forget(partition)
                    watermark, users = None, {}
            assert cache.watermark(partition) == watermark
            if watermark is not None:
                assert walk(cache, partition, watermark, 2) == users

    @pytest.mark.parametrize("count", [1, 100, 5_000])
    def test_a_scan_meets_every_user(self, cache: StateCache, count: int) -> None:
        users = {b"user-%d" % number: b"%d" % number for number in range(1_000)}
        self.begin(cache)
        assert cache.write(0, W1, W2, users)
        assert walk(cache, 0, W2, count) == users

    def test_a_scan_meets_every_user_who_stays_while_others_come_and_go(self, cache: StateCache) -> None:
        stay = {b"stay-%d" % number: b"s" for number in range(1_000)}
        go: dict[bytes, bytes | None] = {b"go-%d" % number: b"g" for number in range(1_000)}
        self.begin(cache)
        assert cache.write(0, W1, W1, stay | go)
        found = cache.scan(0, W1, 0, 100)
        assert found is not None
        cursor, met = found
        cache.write(0, W1, W1, dict.fromkeys(go) | {b"come-%d" % number: b"c" for number in range(5_000)})
        while cursor:
            found = cache.scan(0, W1, cursor, 100)
            assert found is not None
            cursor, more = found
            met |= more
        assert stay.items() <= met.items()

    def test_a_scan_under_another_watermark_is_refused(self, cache: StateCache) -> None:
        assert cache.scan(0, W1, 0, 10) is None
        self.begin(cache, a=b"1")
        assert cache.scan(0, W2, 0, 10) is None
        assert cache.scan(0, W1, 0, 10) == (0, {b"a": b"1"})

    def test_a_wish_for_fresh_labels_stays_until_it_is_taken_back(self, cache: StateCache) -> None:
        self.begin(cache, a=b"1")
        assert not cache.relabel_requested(0)
        cache.request_relabel(0, wanted=True)
        cache.request_relabel(0, wanted=True)
        assert cache.relabel_requested(0)
        assert not cache.relabel_requested(1)
        assert cache.read(0, W1, [b"a"]) == [b"1"], "it is no state"
        cache.request_relabel(0, wanted=False)
        assert not cache.relabel_requested(0)
        cache.request_relabel(0, wanted=False)

    def test_a_server_that_keeps_what_it_is_given_passes_the_check(self, cache: StateCache) -> None:
        cache.check()


def walk(cache: StateCache, partition: int, watermark: bytes, count: int) -> dict[bytes, bytes]:
    met: dict[bytes, bytes] = {}
    cursor, begun = 0, False
    while cursor or not begun:
        found = cache.scan(partition, watermark, cursor, count)
        assert found is not None
        (cursor, some), begun = found, True
        met |= some
    return met


class TestMemoryStates(StateCacheSuite):
    @pytest.fixture
    def cache(self) -> StateCache:
        return MemoryStates()


class TestRedisStates(StateCacheSuite):
    @pytest.fixture
    def cache(self, redis_url: str, topic_prefix: str) -> Iterator[StateCache]:
        cache = redis_states(redis_settings(redis_url, f"{topic_prefix}group"))
        yield cache
        cache.close()

    def test_groups_do_not_see_each_other(self, cache: StateCache, redis_url: str, topic_prefix: str) -> None:
        self.begin(cache, a=b"1")
        other = redis_states(redis_settings(redis_url, f"{topic_prefix}other"))
        assert other.watermark(0) is None
        other.forget(0)
        other.close()
        assert cache.read(0, W1, [b"a"]) == [b"1"]
