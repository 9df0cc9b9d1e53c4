"""How good the labels are, on listeners whose gender the model was never told."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rich.table import Table

from deploy.demo.held_out import Listener
from worker.contract.user_label import UserLabel


@dataclass(frozen=True)
class Score:
    """Numbers of held-out listeners whose label has arrived."""

    listeners: int
    # Those whose label has a gender; for the others the model abstains.
    labelled: int
    right: int
    # The gender that most listeners have, and how often it alone would have been right.
    majority: str
    majority_of_all: int
    majority_of_labelled: int

    @classmethod
    def of(cls, listeners: Collection[Listener], labels: Mapping[str, UserLabel]) -> "Score":
        """The score of the latest labels by user; `listeners` without a label do not count."""
        majority = Counter(listener.gender for listener in listeners).most_common(1)[0][0]
        pairs = [
            (listener.gender, labels[listener.user].gender.label) for listener in listeners if listener.user in labels
        ]
        labelled = [(truth, label) for truth, label in pairs if label is not None]
        return cls(
            listeners=len(pairs),
            labelled=len(labelled),
            right=sum(truth == label for truth, label in labelled),
            majority=majority,
            majority_of_all=sum(truth == majority for truth, _ in pairs),
            majority_of_labelled=sum(truth == majority for truth, _ in labelled),
        )

    def sentence(self) -> str:
        return (
            f"{self.listeners} listeners, a gender for {share(self.labelled, self.listeners)}, "
            f"right for {share(self.right, self.labelled)} of those; "
            f"always {self.majority}: {share(self.majority_of_labelled, self.labelled)}"
        )

    def table(self) -> Table:
        table = Table(title="Labels against the truth", title_justify="left", box=None, pad_edge=False)
        table.add_column("held-out listeners")
        table.add_column("number", justify="right")
        table.add_column("share", justify="right")
        table.add_row("labelled at all", str(self.listeners), "")
        table.add_row("  with a gender (coverage)", str(self.labelled), share(self.labelled, self.listeners))
        table.add_row("    right (accuracy)", str(self.right), share(self.right, self.labelled))
        table.add_row(
            f"    right by always saying {self.majority}",
            str(self.majority_of_labelled),
            share(self.majority_of_labelled, self.labelled),
        )
        table.add_row(
            f"  right by always saying {self.majority}, of all",
            str(self.majority_of_all),
            share(self.majority_of_all, self.listeners),
        )
        return table


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
