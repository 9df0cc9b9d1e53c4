"""Whether each event has its label, once."""

from pathlib import Path

import pytest

from tests.benchmark.model import Model
from tests.benchmark.outputs import Output
from tests.benchmark.verdict import judge_copies, judge_labels
from tests.benchmark.workload import Workload
from tests.small_bundle import export_small_bundle
from worker.inference.labeller import open_labeller

WORKLOAD = Workload(events=40, users=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """It knows none of the workload's songs: every playlist has the same probabilities."""
    folder = tmp_path_factory.mktemp("model")
    export_small_bundle(folder / "bundle")
    return Model(folder, units=8, vocabulary=200)


def right_labels(bundle: Path) -> list[Output]:
    labeller = open_labeller(bundle)
    songs: dict[int, set[int]] = {}
    labels = []
    gender, cluster = labeller.run(labeller.features([[]]))
    values = (None, float(gender.max()), int(cluster.argmax()), float(cluster.max()))
    for offset, change in enumerate(WORKLOAD.changes()):
        songs.setdefault(change.user, set()).update(change.songs)
        labels.append(Output(f"user-{change.user}", *values, len(songs[change.user]), change.user, offset))
    return labels


def test_right_labels_are_right(model: Model) -> None:
    verdict = judge_labels(right_labels(model.bundle), WORKLOAD, model)
    assert verdict[:4] == (0, 0, 0, 40)


def test_a_label_may_come_twice_or_never(model: Model) -> None:
    labels = right_labels(model.bundle)
    verdict = judge_labels([*labels[:-1], labels[0]], WORKLOAD, model)
    assert (verdict.missing, verdict.repeated, verdict.wrong) == (1, 1, 0)
    assert "1 missing, 1 repeated" in str(verdict)


@pytest.mark.parametrize("field", ["songs", "gender_probability", "cluster_probability"])
def test_wrong_values_are_found(field: str, model: Model) -> None:
    labels = right_labels(model.bundle)
    labels[7] = labels[7]._replace(**{field: getattr(labels[7], field) + 1})
    verdict = judge_labels(labels, WORKLOAD, model)
    assert verdict.wrong == 1
    assert f"offset={labels[7].offset}" in verdict.example


def test_copies_are_counted() -> None:
    assert judge_copies(39, WORKLOAD).missing == 1
    assert judge_copies(41, WORKLOAD).repeated == 1
