"""Decoding of records: every event there is, and every kind of bad input with the reason that a person reads."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.contract.event import Change, Consent, Erase, Event, Snapshot, decode_all, decode_event, decode_user
from worker.contract.rejection import Reason, Reject

MAX_BYTES = 1 << 20
AT = datetime(2026, 1, 31, 20, 15, tzinfo=UTC)

GOOD: dict[str, tuple[bytes | None, Event]] = {
    "snapshot": (
        b'{"type":"snapshot","songs":["s1","s2"],"at":"2026-01-31T20:15:00Z"}',
        Snapshot(songs=["s1", "s2"], at=AT),
    ),
    "empty snapshot": (b'{"type":"snapshot","songs":[]}', Snapshot(songs=[])),
    "change": (b'{"type":"change","add":["s3"],"remove":["s1"]}', Change(add=["s3"], remove=["s1"])),
    "either list missing": (b'{"type":"change","remove":["s1"]}', Change(remove=["s1"])),
    "both lists missing": (b'{"type":"change"}', Change()),
    "objection": (b'{"type":"consent","labelling":false}', Consent(labelling=False)),
    "withdrawal": (b'{"labelling":true,"type":"consent"}', Consent(labelling=True)),
    "erase": (None, Erase()),
    "unknown fields": (b'{"type":"change","app":{"version":[1,2]},"add":["s"]}', Change(add=["s"])),
    "user repeated": (b'{"type":"change","user":"u-17"}', Change(user="u-17")),
    "local time": (b'{"type":"change","at":"2026-01-31T21:15:00+01:00"}', Change(at=AT)),
    "not only ASCII": ('{"type":"change","add":["一路向北"]}'.encode(), Change(add=["一路向北"])),
}

BAD: dict[str, tuple[bytes, Reason, str]] = {
    "empty": (b"", Reason.NOT_JSON, "not JSON"),
    "not JSON": (b"play it again", Reason.NOT_JSON, "not JSON"),
    "cut off": (b'{"type":"change","add":["s', Reason.NOT_JSON, "truncated"),
    "two values": (b'{"type":"change"}{"type":"change"}', Reason.NOT_JSON, "trailing"),
    "not UTF-8": (b'{"type":"change","add":["\xff"]}', Reason.NOT_JSON, "UTF-8"),
    "half a surrogate pair": (b'{"type":"change","add":["\\ud83d"]}', Reason.NOT_JSON, "not JSON"),
    "NaN": (b'{"type":"change","add":[NaN]}', Reason.NOT_JSON, "not JSON"),
    "NaN in an unknown field": (b'{"type":"change","x":NaN}', Reason.NOT_JSON, "not JSON"),
    "null": (b"null", Reason.INVALID, "Expected `object`, got `null`"),
    "a list": (b"[]", Reason.INVALID, "Expected `object`, got `array`"),
    "type missing": (b'{"songs":[]}', Reason.INVALID, "missing required field `type`"),
    "type no text": (b'{"type":1}', Reason.INVALID, "Expected `str` - at `$.type`"),
    "type unknown": (b'{"type":"listen"}', Reason.UNKNOWN_TYPE, "snapshot, change, consent"),
    "type erase": (b'{"type":"erase"}', Reason.UNKNOWN_TYPE, "snapshot, change, consent"),
    "songs missing": (b'{"type":"snapshot"}', Reason.INVALID, "missing required field `songs`"),
    "a number for a list": (
        b'{"type":"snapshot","songs":7}',
        Reason.INVALID,
        "Expected `array`, got `int` - at `$.songs`",
    ),
    "null for a list": (b'{"type":"change","add":null}', Reason.INVALID, "Expected `array`, got `null`"),
    "a number for a song": (
        b'{"type":"change","add":["s",1]}',
        Reason.INVALID,
        "Expected `str`, got `int` - at `$.add[1]`",
    ),
    "consent without a word": (b'{"type":"consent"}', Reason.INVALID, "missing required field `labelling`"),
    "consent by number": (b'{"type":"consent","labelling":0}', Reason.INVALID, "Expected `bool`, got `int`"),
    "no time": (b'{"type":"change","at":"yesterday"}', Reason.INVALID, "RFC3339"),
    "time without a zone": (b'{"type":"change","at":"2026-01-31T20:15:00"}', Reason.INVALID, "timezone"),
    "time as a number": (b'{"type":"change","at":1769890500}', Reason.INVALID, "`$.at`"),
    "user differs": (b'{"type":"change","user":"u-18"}', Reason.USER_MISMATCH, "differs from the record's key"),
    "user no text": (b'{"type":"change","user":17}', Reason.INVALID, "`$.user`"),
    "nested deeply": (b'{"type":"change","x":' + b"[" * 100_000, Reason.INVALID, "nested too deeply"),
    "nested deeply in a list": (b'{"type":"change","add":' + b"[" * 100_000, Reason.INVALID, "Expected `str`"),
    "1 MB": (b'{"type":"change","add":["' + b"s" * MAX_BYTES + b'"]}', Reason.TOO_LARGE, f"at most {MAX_BYTES}"),
}


@pytest.mark.parametrize(("value", "event"), GOOD.values(), ids=GOOD)
def test_every_event_is_decoded(value: bytes | None, event: Event) -> None:
    assert decode_event(value, "u-17", MAX_BYTES) == event


@pytest.mark.parametrize(("value", "reason", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_rejected_with_a_reason_and_a_short_message(value: bytes, reason: Reason, words: str) -> None:
    with pytest.raises(Reject) as caught:
        decode_event(value, "u-17", MAX_BYTES)
    assert caught.value.reason == reason
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200, "the message must not repeat the value, which may be large or private"


def test_a_message_does_not_repeat_a_long_type() -> None:
    with pytest.raises(Reject, match=r"^`type` is not one of snapshot, change, consent$"):
        decode_event(b'{"type":"' + b"x" * 100_000 + b'"}', "u", MAX_BYTES)


def test_a_value_of_exactly_the_limit_is_accepted() -> None:
    value = b'{"type":"change"}'
    assert decode_event(value, "u", len(value)) == Change()
    with pytest.raises(Reject):
        decode_event(value, "u", len(value) - 1)


@given(st.binary())
@example(b'{"type":"snapshot","songs":["\\udfff"]}')
@example(b"[" * 10_000)
def test_any_bytes_are_an_event_or_a_reject(value: bytes) -> None:
    _decode(value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("s")
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
TIMES = st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat) | st.just(
    "0001-01-01T00:00:00+14:00"
)
NEARLY_VALID = st.fixed_dictionaries(
    {"type": st.sampled_from(["snapshot", "change", "consent", "erase"]) | TREES},
    optional={
        "songs": st.lists(st.text()) | TREES,
        "add": st.lists(st.text()) | TREES,
        "remove": st.lists(st.text()) | TREES,
        "labelling": st.booleans() | TREES,
        "user": st.just("u") | TREES,
        "at": TIMES | TREES,
        "more": TREES,
    },
)


@given(NEARLY_VALID, st.booleans())
def test_nearly_valid_json_is_an_event_or_a_reject(value: object, ascii_only: bool) -> None:
    _decode(json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass"))


@given(st.lists(st.text(st.characters(codec="utf-8"))), st.lists(st.text(st.characters(codec="utf-8"))))
def test_lists_of_songs_arrive_as_they_were_sent(add: list[str], remove: list[str]) -> None:
    value = json.dumps({"type": "change", "add": add, "remove": remove}).encode()
    assert decode_event(value, "u", MAX_BYTES) == Change(add=add, remove=remove)


def _decode(value: bytes) -> None:
    with suppress(Reject):
        assert isinstance(decode_event(value, "u", MAX_BYTES), Snapshot | Change | Consent)


BAD_KEYS: dict[str, tuple[bytes | None, Reason]] = {
    "missing": (None, Reason.KEY_MISSING),
    "empty": (b"", Reason.KEY_MISSING),
    "too long": (b"u" * 257, Reason.KEY_TOO_LONG),
    "too long in bytes": ("é".encode() * 129, Reason.KEY_TOO_LONG),
    "not UTF-8": (b"\xff", Reason.KEY_NOT_UTF8),
    "a surrogate": (b"\xed\xa0\x80", Reason.KEY_NOT_UTF8),
}


@pytest.mark.parametrize(("key", "reason"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_bad_key_is_rejected(key: bytes | None, reason: Reason) -> None:
    with pytest.raises(Reject, match="the key") as caught:
        decode_user(key)
    assert caught.value.reason == reason


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=64))
def test_a_key_is_the_user_id(user: str) -> None:
    assert decode_user(user.encode()) == user


def test_the_longest_key_is_accepted() -> None:
    assert decode_user("é".encode() * 128) == "é" * 128


@given(st.binary())
def test_any_key_is_a_user_id_or_a_reject(key: bytes) -> None:
    with suppress(Reject):
        assert decode_user(key).encode() == key


WELL = b'{"type":"change","add":["s"]}'
WRONG: dict[str, tuple[bytes | None, bytes, Reason]] = {
    **{what: (b"u-17", value, reason) for what, (value, reason, _) in BAD.items()},
    **{f"key {what}": (key, WELL, reason) for what, (key, reason) in BAD_KEYS.items()},
}


@pytest.mark.parametrize(("key", "value", "reason"), WRONG.values(), ids=WRONG)
def test_in_a_batch_only_the_record_that_is_wrong_is_rejected(key: bytes | None, value: bytes, reason: Reason) -> None:
    """Its neighbours are all well, so that nothing else has the batch looked through one by one."""
    users, (first, wrong, last) = decode_all([b"u-1", key, b"u-2"], [WELL, value, WELL], MAX_BYTES)
    assert (users[0], users[2]) == ("u-1", "u-2")
    assert first == last == Change(add=["s"])
    assert isinstance(wrong, Reject)
    assert wrong.reason == reason
