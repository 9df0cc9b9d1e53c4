"""What a check has found."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    part: str
    """Which part of the whole was looked at."""
    status: Literal["ok", "note", "problem"]
    """A note is nothing that keeps a worker from its work, and yet worth knowing."""
    what: str
    """What is there."""
    mend: str = ""
    """What to do about it."""


def ok(part: str, what: str) -> Finding:
    return Finding(part, "ok", what)


def note(part: str, what: str, mend: str) -> Finding:
    return Finding(part, "note", what, mend)


def problem(part: str, what: str, mend: str) -> Finding:
    return Finding(part, "problem", what, mend)
