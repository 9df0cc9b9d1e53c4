"""A worker of another release, as far as this one can tell: `python -m tests.other_release run`.

Its watermarks have a field more, and its commits do not say how far the changelog reaches. With STATE_FORMAT its states
are of that version.
"""

import os
import sys

import msgspec

from worker.__main__ import main
from worker.adapters import kafka_sink
from worker.contract import user_state
from worker.watermark import Watermark


def encode(watermark: Watermark) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(watermark), "of": "another release"})


if __name__ == "__main__":
    Watermark.encode = encode  # type: ignore[method-assign]
    kafka_sink.write_position = lambda _position: ""
    user_state.VERSION = int(os.environ.get("STATE_FORMAT", user_state.VERSION))
    sys.exit(main())
