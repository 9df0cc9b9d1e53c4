"""Why an event can never be processed."""

from enum import StrEnum


class Reason(StrEnum):
    """The closed list of reasons; each is a value of the metric `songprint_rejects_total`'s label `reason`."""

    KEY_MISSING = "key_missing"
    KEY_NOT_UTF8 = "key_not_utf8"
    KEY_TOO_LONG = "key_too_long"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    INVALID = "invalid"
    UNKNOWN_TYPE = "unknown_type"
    USER_MISMATCH = "user_mismatch"
    BAD_SONG_ID = "bad_song_id"
    TOO_MANY_SONGS = "too_many_songs"
    INFERENCE = "inference"


class Reject(Exception):
    """This event can never succeed: it becomes a dead letter, its neighbours and the user's state stay untouched."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
