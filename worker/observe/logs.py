"""Structured logs: an event in a few words, and what belongs to it as key=value extras.

Who a user is and what they sing is for debug alone: extras that tell are left out of every other level.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

PERSONAL = frozenset(
    {"user", "users", "user_id", "song", "songs", "song_id", "song_ids", "key", "keys", "value", "values", "playlist"}
)
"""Extras that are logged at debug alone."""

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure(level: str, form: Literal["auto", "json", "text"], stream: TextIO | None = None) -> None:
    """Sends log records from `level` up to `stream`, by default stderr, in place of what was configured before."""
    stream = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if as_text else JsonFormatter())
    root = logging.getLogger()
    for before in root.handlers[:]:
        root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(level.upper())


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the extras, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """For people: time, level, message, key=value."""

    def format(self, record: logging.LogRecord) -> str:
        extras = "".join(f" {name}={_word(value)}" for name, value in _extras(record).items())
        line = f"{_time(record)} {record.levelname:<7} {record.getMessage()}{extras}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    hidden = _OWN if record.levelno <= logging.DEBUG else _OWN | PERSONAL
    return {name: value for name, value in record.__dict__.items() if name not in hidden}


def _word(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c.isspace() or c in '"=' for c in text) else text
