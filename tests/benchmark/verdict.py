"""Whether a contender's outputs are right: each event labelled, how often, and with the values that the model gives."""

from collections import Counter, defaultdict
from typing import NamedTuple

from tests.benchmark.model import Model
from tests.benchmark.outputs import Output
from tests.benchmark.workload import Workload
from worker.inference.labeller import Labeller, open_labeller

TOLERANCE = 2e-4
"""Of a probability with four decimals, computed in another order of additions."""
SAMPLED_USERS = 100


class Verdict(NamedTuple):
    missing: int
    """Events without a label."""
    repeated: int
    """Labels beyond the first of an event."""
    wrong: int
    """Labels of the sampled users whose values differ from the model's."""
    checked: int

    example: str = ""
    """The first of the wrong labels, beside the right values."""

    def __str__(self) -> str:
        parts = [f"{self.checked} labels compared, {self.wrong} wrong {self.example}".strip()] if self.checked else []
        parts += [f"{self.missing} missing"] if self.missing else []
        parts += [f"{self.repeated} repeated"] if self.repeated else []
        return ", ".join(parts) or "complete"


def judge_labels(labels: list[Output], workload: Workload, model: Model) -> Verdict:
    counts = Counter((label.partition, label.offset) for label in labels)
    repeated = len(labels) - len(counts)
    step = max(1, workload.users // SAMPLED_USERS)
    sampled = {f"user-{user}" for user in range(0, workload.users, step)}
    found: dict[str, dict[int, Output]] = defaultdict(dict)
    for label in labels:
        if label.user in sampled:
            found[label.user][label.offset] = label
    expected = _expected(workload, sampled, open_labeller(model.bundle))
    pairs = [
        (found[user][offset], right)
        for user, rights in expected.items()
        for offset, right in zip(sorted(found[user]), rights, strict=False)
    ]
    wrong = [pair for pair in pairs if not _alike(*pair)]
    return Verdict(workload.events - len(counts), repeated, len(wrong), len(pairs), str(wrong[0]) if wrong else "")


class _Right(NamedTuple):
    songs: int
    gender: int
    gender_probability: float
    cluster: int
    cluster_probability: float


def _expected(workload: Workload, users: set[str], labeller: Labeller) -> dict[str, list[_Right]]:
    """The labels of some users' events, in their order, from sets of songs: no code of the worker's fold."""
    owners, playlists = [], []
    songs: dict[str, set[str]] = defaultdict(set)
    for change in workload.changes():
        user = f"user-{change.user}"
        if user in users:
            songs[user].update(f"song-{song}" for song in change.songs)
            owners.append(user)
            playlists.append(list(songs[user]))
    gender, cluster = labeller.run(labeller.features(playlists))
    rights: dict[str, list[_Right]] = defaultdict(list)
    columns = (map(len, playlists), gender.argmax(1), gender.max(1), cluster.argmax(1), cluster.max(1))
    for user, *values in zip(owners, *columns, strict=True):
        rights[user].append(_Right(*values))
    return rights


def _alike(label: Output, right: _Right) -> bool:
    # Where two clusters are equally likely, either may be named: the probability tells whether one was mistaken.
    return (
        label.songs == right.songs
        and abs(label.gender_probability - right.gender_probability) <= TOLERANCE
        and abs(label.cluster_probability - right.cluster_probability) <= TOLERANCE
    )


def judge_copies(count: int, workload: Workload) -> Verdict:
    return Verdict(max(0, workload.events - count), max(0, count - workload.events), 0, 0)
