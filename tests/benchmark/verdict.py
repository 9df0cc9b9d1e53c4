"""Whether a contender's outputs are right: each event labelled, how often, and with the values that the model gives."""

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from tests.benchmark.contender import EXACTLY_ONCE, Contender
from tests.benchmark.model import Model
from tests.benchmark.outputs import Output
from tests.benchmark.workload import Changes
from worker.contract.user_label import published
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


def broken_promise(contender: Contender, verdict: Verdict) -> bool:
    """Whether the outputs are not what a contender promises where nothing has crashed."""
    unseen = contender.labels and not verdict.checked
    repeated = verdict.repeated and contender.promise == EXACTLY_ONCE
    return bool(verdict.missing or verdict.wrong or unseen or repeated)


def judge_labels(labels: list[Output], workload: Changes, model: Model) -> Verdict:
    counts = Counter((label.partition, label.offset) for label in labels)
    repeated = len(labels) - len(counts)
    step = max(1, workload.users // SAMPLED_USERS)
    sampled = {f"user-{user}": workload.playlist(user) for user in range(0, workload.users, step)}
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
    gender: str | None
    unsure: bool
    """Whether the smallest difference makes it another gender."""
    gender_probability: float
    cluster: int
    cluster_probability: float


def _expected(workload: Changes, before: dict[str, list[int]], labeller: Labeller) -> dict[str, list[_Right]]:
    """The labels of some users' events, in their order, from sets of songs: no code of the worker's fold.

    `before` has their songs before the first event.
    """
    owners, playlists = [], []
    songs = {user: {f"song-{song}" for song in playlist} for user, playlist in before.items()}
    for change in workload.changes():
        user = f"user-{change.user}"
        if user in songs:
            songs[user].difference_update(f"song-{song}" for song in change.removed)
            songs[user].update(f"song-{song}" for song in change.songs)
            owners.append(user)
            playlists.append(list(songs[user]))
    features = labeller.features(playlists)
    gender, cluster = labeller.run(features)
    rights: dict[str, list[_Right]] = defaultdict(list)
    classes, likely = (*labeller.genders, None), gender.max(1)
    told = [classes[number] for number in published(gender, features.song_counts, labeller.abstention)]
    unsure = np.minimum(abs(likely - labeller.abstention.threshold), likely - 0.5) <= TOLERANCE
    columns = (map(len, playlists), told, unsure, likely, cluster.argmax(1), cluster.max(1))
    for user, *values in zip(owners, *columns, strict=True):
        rights[user].append(_Right(*values))
    return rights


def _alike(label: Output, right: _Right) -> bool:
    # Where two clusters are equally likely, either may be named: the probability tells whether one was mistaken.
    return (
        label.songs == right.songs
        and (label.gender == right.gender or right.unsure)
        and abs(label.gender_probability - right.gender_probability) <= TOLERANCE
        and abs(label.cluster_probability - right.cluster_probability) <= TOLERANCE
    )


def judge_copies(count: int, workload: Changes) -> Verdict:
    return Verdict(max(0, workload.events - count), max(0, count - workload.events), 0, 0)
