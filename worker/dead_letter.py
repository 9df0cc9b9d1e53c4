"""What a rejected event looks like in the dead-letter topic: itself, with Kafka Connect's headers about the reason."""

from worker.adapters.ports import DeadLetter, Records
from worker.contract.rejection import Reason
from worker.pipeline import Rejected

_KEY_REASONS = {Reason.KEY_MISSING, Reason.KEY_NOT_UTF8, Reason.KEY_TOO_LONG}
_VALUE_REASONS = {Reason.NOT_JSON, Reason.INVALID, Reason.UNKNOWN_TYPE, Reason.TOO_LARGE}


def dead_letter(topic: str, records: Records, rejected: Rejected) -> DeadLetter:
    """The dead letter of one record of `topic`."""
    at, reject = rejected
    return DeadLetter(
        records.keys[at],
        records.values[at],
        records.headers(at),
        [
            ("__connect.errors.topic", topic.encode()),
            ("__connect.errors.partition", b"%d" % records.partitions[at]),
            ("__connect.errors.offset", b"%d" % records.offsets[at]),
            ("__connect.errors.stage", _stage(reject.reason)),
            ("__connect.errors.class.name", b"worker.pipeline.Pipeline"),
            ("__connect.errors.exception.class.name", b"worker.contract.rejection.Reject"),
            ("__connect.errors.exception.message", str(reject).encode(errors="backslashreplace")),
            ("songprint.reason", reject.reason.encode()),
        ],
        records.timestamps[at],
    )


def _stage(reason: Reason) -> bytes:
    """The nearest of Connect's stages."""
    if reason in _KEY_REASONS:
        return b"KEY_CONVERTER"
    return b"VALUE_CONVERTER" if reason in _VALUE_REASONS else b"TRANSFORMATION"
