"""The live table: labels as they arrive."""

from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.demo.held_out import Listener
from deploy.demo.score import Score
from worker.contract.user_label import UserLabel

ROWS = 12
PLAIN_EVERY = 100
"""Where nothing can be drawn over, one label of so many is printed."""

Row = tuple[str, str, str, str, str]
HEADINGS = ("user", "known/songs", "gender", "truth", "cluster of taste")
WIDTHS = (14, 11, 9, 7, 28)


class Board:
    """Keeps the latest label of every user and shows the last few."""

    def __init__(self, listeners: Collection[Listener], console: Console) -> None:
        self.labels: dict[str, UserLabel] = {}
        self.arrived = 0
        self._listeners = listeners
        self._truth = {listener.user: listener.gender for listener in listeners}
        self._console = console
        self._rows: deque[Row] = deque(maxlen=ROWS)

    def add(self, label: UserLabel) -> None:
        """Of one user labels come in the order of their events, so the last is the latest."""
        self.labels[label.user] = label
        self.arrived += 1
        self._rows.append(self._row(label))
        if not self._console.is_terminal and self.arrived % PLAIN_EVERY == 1:
            self._console.print(_plain(self._rows[-1]), markup=False, highlight=False)

    @property
    def score(self) -> Score:
        return Score.of(self._listeners, self.labels)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Drawn anew a few times a second; without a terminal, now and then a plain line."""
        if not self._console.is_terminal:
            self._console.print(_plain(HEADINGS), markup=False, highlight=False)
            yield
            return
        with Live(self, console=self._console, refresh_per_second=8):
            yield

    def __rich__(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for heading, width in zip(HEADINGS, WIDTHS, strict=True):
            table.add_column(heading, min_width=width, no_wrap=True)
        for row in self._rows:
            table.add_row(*row, style={"right": "green", "wrong": "red"}.get(row[3].partition(" ")[2], ""))
        return Group(table, Text(f"{self.arrived} labels; {self.score.sentence()}"))

    def _row(self, label: UserLabel) -> Row:
        truth = self._truth.get(label.user, "")
        verdict = "" if not truth or label.gender.label is None else "right" if label.gender.label == truth else "wrong"
        return (
            label.user,
            f"{label.known_songs}/{label.songs}",
            f"{label.gender.label or '-'}  {label.gender.probability:.2f}",
            f"{truth} {verdict}".strip(),
            f"{label.cluster.name}  {label.cluster.probability:.2f}",
        )


def _plain(cells: tuple[str, ...]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
