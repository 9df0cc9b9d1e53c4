"""Says what the demo does: one line a step, with the seconds since the start."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType


class Narrator:
    """Writes to a terminal or, without control characters, to anything else."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self.console = console
        self._clock = clock
        self._started = clock()

    def say(self, text: str) -> None:
        seconds = self._clock() - self._started
        self.console.print(f"{seconds:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True)

    def detail(self, text: str) -> None:
        """More about the step that is going on."""
        self.say(f"  {text}")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Says `text`, and on a terminal shows that the step is still going on."""
        self.say(text)
        with self.console.status(""):
            yield

    def show(self, *parts: RenderableType) -> None:
        """Tables and the like, set apart by empty lines."""
        for part in parts:
            self.console.print()
            self.console.print(part, highlight=False)
        self.console.print()
