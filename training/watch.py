"""Who is told how a fit goes on: the history that is kept, and the progress bar of a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Figures = dict[str, float | int | str]
"""One epoch's figures: `phase`, `epoch`, and losses by name."""


class Watch(Protocol):
    """Is told of every epoch; `epochs` is the most there will be in this phase."""

    def __call__(self, figures: Figures, epochs: int) -> None: ...


def unwatched(figures: Figures, epochs: int) -> None:
    """For fits that nobody looks at."""


class History:
    """Keeps every epoch's figures in order, and passes them on."""

    def __init__(self, watch: Watch = unwatched) -> None:
        self.epochs: list[Figures] = []
        self._watch = watch

    def __call__(self, figures: Figures, epochs: int) -> None:
        self.epochs.append(figures)
        self._watch(figures, epochs)


@contextmanager
def progress_bar(console: Console) -> Iterator[Watch]:
    """A bar per phase with the latest losses beside it."""
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[losses]}"), console=console) as progress:
        tasks: dict[str, int] = {}

        def show(figures: Figures, epochs: int) -> None:
            phase = str(figures["phase"])
            if phase not in tasks:
                tasks[phase] = progress.add_task(phase, total=epochs, losses="")
            losses = "  ".join(f"{name} {value:.4f}" for name, value in figures.items() if isinstance(value, float))
            progress.update(progress.task_ids[tasks[phase]], completed=int(figures["epoch"]), losses=losses)

        yield show
