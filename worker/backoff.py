"""How long to wait before trying again."""

from collections.abc import Callable


class Backoff:
    """Waits that double from `first` to `longest` seconds, each shortened at random by up to the share `jitter`.

    Args:
        clock: monotonic seconds.
        chance: a random number from 0 to 1.
    """

    def __init__(
        self, first: float, longest: float, jitter: float, clock: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self._first = first
        self._longest = longest
        self._jitter = jitter
        self._clock = clock
        self._chance = chance
        self._next = first
        self._until = float("-inf")

    @property
    def remaining(self) -> float:
        """Seconds left to wait; 0 when it is time to try."""
        return max(0.0, self._until - self._clock())

    def wait(self) -> float:
        """Something failed: begin a wait, and tell its length in seconds."""
        length = self._next * (1 - self._jitter * self._chance())
        self._next = min(self._longest, self._next * 2)
        self._until = self._clock() + length
        return length

    def succeeded(self) -> None:
        self._next = self._first
