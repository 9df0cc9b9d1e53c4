"""The three kinds of failure, named by what the caller should do."""

from typing import Literal

from worker.contract.rejection import Reason, Reject

__all__ = ["Reason", "Reject", "Retry", "Stop"]


class Retry(Exception):
    """Something the worker needs is away (Redis, a broker): pause, back off, come back. Never a dead letter."""

    def __init__(self, message: str, part: Literal["kafka", "redis"]) -> None:
        super().__init__(message)
        self.part = part


class Stop(Exception):
    """The worker cannot go on until a person changes something. The message says what happened, to what, what to do."""
