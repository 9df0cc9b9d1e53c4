"""Verifying tells a bundle that answers as its source from one that does not."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from export.__main__ import main
from export.convert import ServingModel
from export.errors import ExportError
from export.golden import source_features
from export.run_folder import Run, read_run
from export.verify import _batch, verify
from tests.small_bundle import edit_json, replace_file
from tests.small_run import write_small_run
from worker.contract.bundle import load_bundle
from worker.contract.features import Features
from worker.contract.manifest import Signature
from worker.inference.golden_check import TOLERANCE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that the small bundle was exported from."""
    return read_run(write_small_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def source(run: Run) -> ServingModel:
    return ServingModel(run.weights, run.facts.serving, run.facts.calibration.temperature)


def test_a_bundle_answers_as_its_source(small_bundle: Path, source: ServingModel, run: Run) -> None:
    assert 0 <= verify(small_bundle, source, run.songs.ids, seed=3) < 5e-6


def test_batches_of_every_size_are_compared_with_empty_playlists_and_unknown_songs_in_them(
    small_bundle: Path, source: ServingModel, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[Features] = []
    label = source.label

    def seen(features: Features) -> tuple[np.ndarray, np.ndarray]:
        compared.append(features)
        return label(features)

    monkeypatch.setattr(source, "label", seen)
    verify(small_bundle, source, run.songs.ids, seed=3)
    assert [len(features.song_counts) for features in compared] == [1, 7, 1_024]
    assert [bool((features.song_counts == 0).any()) for features in compared] == [False, True, True]
    known = set(run.songs.ids)
    playlists = _batch(1_024, run.songs.ids, np.random.default_rng(3))
    assert sum(any(song not in known for song in songs) for songs in playlists) > 100
    assert sum(bool(songs) and not known & set(songs) for songs in playlists) > 0, "some of unknown songs alone"


@pytest.mark.parametrize("size", [1, 7, 1_024])
def test_a_difference_in_batches_of_one_size_is_found(
    small_bundle: Path, source: ServingModel, run: Run, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    label = source.label

    def otherwise(features: Features) -> tuple[np.ndarray, np.ndarray]:
        gender, cluster = label(features)
        return gender, cluster + np.float32(1e-3 if len(cluster) == size else 0)

    monkeypatch.setattr(source, "label", otherwise)
    with pytest.raises(ExportError, match=r"onnxruntime and TensorFlow differ by 0\.001 "):
        verify(small_bundle, source, run.songs.ids, seed=3)


def test_the_tolerance_is_half_of_the_last_decimal_of_a_label() -> None:
    assert TOLERANCE == 5e-5


def test_two_rows_that_changed_places_are_found(bundle_copy: Path, source: ServingModel, run: Run) -> None:
    model = onnx.load_model(bundle_copy / "encoder.onnx")
    table = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [200, 8])
    rows = onnx.numpy_helper.to_array(table).copy()
    rows[[10, 20]] = rows[[20, 10]]
    table.raw_data = rows.tobytes()
    replace_file(bundle_copy, "encoder.onnx", model.SerializeToString())
    edit_json(bundle_copy, "golden.json", lambda cases: cases.__delitem__(slice(1, None)))

    with pytest.raises(ExportError, match="onnxruntime and TensorFlow differ by"):
        verify(bundle_copy, source, run.songs.ids, seed=3)


def test_a_run_whose_graphs_answer_otherwise_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to_onnx = ServingModel.to_onnx

    def converted_wrongly(model: ServingModel, signatures: dict[str, Signature]) -> dict[str, bytes]:
        model._bias.assign(model._bias + 1)
        return to_onnx(model, signatures)

    monkeypatch.setattr(ServingModel, "to_onnx", converted_wrongly)

    assert main([str(write_small_run(tmp_path / "run")), "--out", str(tmp_path / "bundle")]) == 1
    assert " differs by " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"], "nothing is left of it"


def test_a_bundle_that_the_worker_would_refuse_is_found(bundle_copy: Path, source: ServingModel, run: Run) -> None:
    (bundle_copy / "golden.json").unlink()

    with pytest.raises(ExportError, match=r"the worker would refuse the bundle: .*golden.json"):
        verify(bundle_copy, source, run.songs.ids, seed=3)


def test_a_bundle_carries_golden_cases_of_what_goes_wrong_most_easily(
    small_bundle: Path, source: ServingModel, run: Run
) -> None:
    cases = load_bundle(small_bundle).golden
    known = set(run.songs.ids)
    kinds = [(len(case.songs), sum(song in known for song in case.songs)) for case in cases]
    unknown_and_mixed = {(3, 0), (8, 6)}
    lengths = {length for length, known_songs in kinds if length == known_songs}

    assert len(cases) == 20
    assert unknown_and_mixed < set(kinds)
    assert {0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 22, 30, 50, 100, 200} == lengths, "empty to all the songs that there are"
    expected = source.label(source_features([case.songs for case in cases], run.songs.ids))
    for answers, probabilities in zip(([c.gender for c in cases], [c.cluster for c in cases]), expected, strict=True):
        assert np.array_equal(np.array(answers, np.float32), probabilities), "TensorFlow's answers"
