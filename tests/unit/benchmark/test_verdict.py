"""Whether each event has its label, once."""

from pathlib import Path

import pytest

from tests.benchmark.contender import Contender
from tests.benchmark.model import Model
from tests.benchmark.outputs import Output
from tests.benchmark.steady import Steady
from tests.benchmark.verdict import Verdict, _alike, _Right, broken_promise, judge_copies, judge_labels
from tests.benchmark.workload import Changes, Workload
from tests.small_bundle import export_small_bundle
from tests.unit.benchmark.runs import COPY, QUIX, WORKER
from worker.inference.labeller import open_labeller

WORKLOAD = Workload(events=40, users=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """It knows none of the workload's songs: every playlist has the same probabilities."""
    folder = tmp_path_factory.mktemp("model")
    export_small_bundle(folder / "bundle")
    return Model(folder, units=8, vocabulary=200)


def right_labels(bundle: Path, workload: Changes = WORKLOAD) -> list[Output]:
    labeller = open_labeller(bundle)
    songs = {user: set(workload.playlist(user)) for user in range(workload.users)}
    labels = []
    gender, cluster = labeller.run(labeller.features([[]]))
    values = (None, float(gender.max()), int(cluster.argmax()), float(cluster.max()))
    for offset, change in enumerate(workload.changes()):
        songs[change.user] -= set(change.removed)
        songs[change.user] |= set(change.songs)
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


def test_a_gender_where_the_model_abstains_is_wrong(model: Model) -> None:
    labels = right_labels(model.bundle)
    labels[7] = labels[7]._replace(gender="f")
    assert judge_labels(labels, WORKLOAD, model).wrong == 1


def test_a_gender_that_hangs_on_the_last_digit_may_be_either() -> None:
    label = Output("user-0", "f", 0.6, 3, 0.5, 22, 0, 0)
    assert not _alike(label, _Right(22, None, False, 0.6001, 3, 0.5))
    assert _alike(label, _Right(22, None, True, 0.6001, 3, 0.5))


def test_playlists_that_were_there_before_and_songs_that_go_are_known(model: Model) -> None:
    steady = Steady(events=40, users=2, songs=5)
    labels = right_labels(model.bundle, steady)
    assert judge_labels(labels, steady, model)[:4] == (0, 0, 0, 40)
    assert {label.songs for label in labels} == {5}


BROKEN = {
    "one is missing": (WORKER, Verdict(missing=1, repeated=0, wrong=0, checked=10), True),
    "one is repeated, exactly once promised": (WORKER, Verdict(missing=0, repeated=1, wrong=0, checked=10), True),
    "one is repeated, at least once promised": (QUIX, Verdict(missing=0, repeated=1, wrong=0, checked=10), False),
    "one is wrong, at least once promised": (QUIX, Verdict(missing=0, repeated=0, wrong=1, checked=10), True),
    "none could be compared": (WORKER, Verdict(missing=0, repeated=0, wrong=0, checked=0), True),
    "there is nothing to compare in copies": (COPY, Verdict(missing=0, repeated=0, wrong=0, checked=0), False),
    "all is well": (WORKER, Verdict(missing=0, repeated=0, wrong=0, checked=10), False),
}


@pytest.mark.parametrize(("contender", "verdict", "broken"), BROKEN.values(), ids=BROKEN)
def test_who_does_not_keep_a_promise_has_no_result(contender: Contender, verdict: Verdict, broken: bool) -> None:
    assert broken_promise(contender, verdict) == broken


def test_copies_are_counted() -> None:
    assert judge_copies(39, WORKLOAD).missing == 1
    assert judge_copies(41, WORKLOAD).repeated == 1
