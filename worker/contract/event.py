"""Playlist events: what a record of `playlist-events` may hold, and how it is decoded."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from worker.contract.rejection import Reason, Reject

MAX_USER_BYTES = 256

At = Annotated[datetime, msgspec.Meta(tz=True)]


class _Event(msgspec.Struct, frozen=True, gc=False, tag_field="type"):
    user: str | None = None
    at: At | None = None


class Snapshot(_Event, tag="snapshot", frozen=True, gc=False, kw_only=True):
    """The user's whole playlist, replacing what was known."""

    songs: list[str]


class Change(_Event, tag="change", frozen=True, gc=False):
    """Songs added and removed; `remove` is applied before `add`."""

    add: list[str] = []
    remove: list[str] = []


class Consent(_Event, tag="consent", frozen=True, gc=False, kw_only=True):
    """False: the user objects to being labelled. True: the objection is withdrawn."""

    labelling: bool


class Erase(_Event, tag="erase", frozen=True, gc=False):
    """A record without a value: everything known of the user goes. Never decoded from JSON."""


Event = Snapshot | Change | Consent | Erase

ERASE = Erase()
_decode: Callable[[bytes], Event] = msgspec.json.Decoder(Snapshot | Change | Consent).decode


def decode_user(key: bytes | None) -> str:
    """The user id of a record's key. Raises Reject if it is missing, too long or not UTF-8."""
    if not key:
        raise Reject(Reason.KEY_MISSING, "the record has no key; the key must be the user id (1 to 256 bytes of UTF-8)")
    if len(key) > MAX_USER_BYTES:
        raise Reject(Reason.KEY_TOO_LONG, f"the key has {len(key)} bytes; a user id has at most {MAX_USER_BYTES}")
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise Reject(Reason.KEY_NOT_UTF8, f"the key is not UTF-8: {error}") from error


def decode_event(value: bytes | None, user: str, max_bytes: int) -> Event:
    """The event in a record's value; `user` is the record's key. Raises Reject and nothing else."""
    if value is None:
        return ERASE
    if len(value) > max_bytes:
        raise Reject(Reason.TOO_LARGE, f"the value has {len(value)} bytes; at most {max_bytes} are accepted")
    try:
        event = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _rejection(error) from error
    if event.user is not None and event.user != user:
        raise Reject(Reason.USER_MISMATCH, "`user` in the value differs from the record's key")
    return event


def decode_all(
    keys: Sequence[bytes | None], values: Sequence[bytes | None], max_bytes: int
) -> tuple[list[str], list[Event | Reject]]:
    """Users and events of many records; where one is wrong, its event is a Reject and its user may be empty."""
    try:
        return _decode_good(keys, values, max_bytes)
    except (TypeError, ValueError, RecursionError):  # something is off with at least one of them: one by one, then
        pairs = [_decode_one(key, value, max_bytes) for key, value in zip(keys, values, strict=True)]
        return [user for user, _ in pairs], [event for _, event in pairs]


def _decode_good(
    keys: Sequence[bytes | None], values: Sequence[bytes | None], max_bytes: int
) -> tuple[list[str], list[Event | Reject]]:
    """All of them without a look at each. Raises TypeError, ValueError or RecursionError if one is wrong or null."""
    users = list(map(bytes.decode, keys))  # type: ignore[arg-type]  # a key that is None raises TypeError
    sizes = list(map(len, keys))  # type: ignore[arg-type]
    if min(sizes) < 1 or max(sizes) > MAX_USER_BYTES or max(map(len, values)) > max_bytes:  # type: ignore[arg-type]
        raise ValueError("a key or a value has a wrong size")
    events: list[Event | Reject] = list(map(_decode, values))  # type: ignore[arg-type]
    told = [event.user for event in events]  # type: ignore[union-attr]
    if told != users and any(name is not None and name != user for name, user in zip(told, users, strict=True)):
        raise ValueError("a user in a value differs from the key")
    return users, events


def _decode_one(key: bytes | None, value: bytes | None, max_bytes: int) -> tuple[str, Event | Reject]:
    user = ""
    try:
        user = decode_user(key)
        return user, decode_event(value, user, max_bytes)
    except Reject as reject:
        return user, reject


def _rejection(error: Exception) -> Reject:
    if isinstance(error, RecursionError):
        return Reject(Reason.INVALID, "the value is nested too deeply")
    if not isinstance(error, msgspec.ValidationError):
        return Reject(Reason.NOT_JSON, f"the value is not JSON in UTF-8: {error}")
    if str(error).startswith("Invalid value") and "`$.type`" in str(error):
        return Reject(Reason.UNKNOWN_TYPE, "`type` is not one of snapshot, change, consent")
    return Reject(Reason.INVALID, f"the value is not a playlist event: {error}")
