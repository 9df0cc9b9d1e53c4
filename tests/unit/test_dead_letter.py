"""What a dead letter tells of its event."""

import pytest

from worker.adapters.ports import Headers, Records
from worker.contract.rejection import Reason, Reject
from worker.dead_letter import dead_letter
from worker.pipeline import Rejected

OWN: list[Headers] = [[], [("trace", b"1"), ("trace", None)]]
RECORDS = Records([3, 5], [70, 80], [1_000, 2_000], [b"u", None], [b"{}", b"\xff"], OWN.__getitem__, None)


def test_a_dead_letter_is_the_event_as_it_came_and_why_it_failed() -> None:
    letter = dead_letter("playlist-events", RECORDS, Rejected(1, Reject(Reason.KEY_MISSING, "the record has no key")))
    assert (letter.key, letter.value, letter.timestamp) == (None, b"\xff", 2_000)
    assert letter.headers == [("trace", b"1"), ("trace", None)], "repeated and empty headers too"
    assert dict(letter.about) == {
        "__connect.errors.topic": b"playlist-events",
        "__connect.errors.partition": b"5",
        "__connect.errors.offset": b"80",
        "__connect.errors.stage": b"KEY_CONVERTER",
        "__connect.errors.class.name": b"worker.pipeline.Pipeline",
        "__connect.errors.exception.class.name": b"worker.contract.rejection.Reject",
        "__connect.errors.exception.message": b"the record has no key",
        "songprint.reason": b"key_missing",
    }


STAGES = {
    Reason.KEY_MISSING: b"KEY_CONVERTER",
    Reason.KEY_NOT_UTF8: b"KEY_CONVERTER",
    Reason.KEY_TOO_LONG: b"KEY_CONVERTER",
    Reason.TOO_LARGE: b"VALUE_CONVERTER",
    Reason.NOT_JSON: b"VALUE_CONVERTER",
    Reason.INVALID: b"VALUE_CONVERTER",
    Reason.UNKNOWN_TYPE: b"VALUE_CONVERTER",
    Reason.USER_MISMATCH: b"TRANSFORMATION",
    Reason.BAD_SONG_ID: b"TRANSFORMATION",
    Reason.TOO_MANY_SONGS: b"TRANSFORMATION",
    Reason.INFERENCE: b"TRANSFORMATION",
}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_one_of_connects_stages(reason: Reason) -> None:
    about = dict(dead_letter("t", RECORDS, Rejected(0, Reject(reason, "why"))).about)
    assert about["__connect.errors.stage"] == STAGES[reason]
    assert about["songprint.reason"] == reason.value.encode()


def test_a_message_that_is_no_unicode_is_still_told() -> None:
    about = dict(dead_letter("t", RECORDS, Rejected(0, Reject(Reason.INFERENCE, "song \ud800"))).about)
    assert about["__connect.errors.exception.message"] == b"song \\ud800"
