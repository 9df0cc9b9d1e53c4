"""The three kinds of failure, named by what the caller should do."""

from worker.contract.rejection import Reason, Reject

__all__ = ["Reason", "Reject", "Retry", "Stop"]


class Retry(Exception):
    """Something the worker needs is away (Redis, a broker): pause, back off, come back. Never a dead letter."""


class Stop(Exception):
    """The worker cannot go on until a person changes something. The message says what happened, to what, what to do."""
