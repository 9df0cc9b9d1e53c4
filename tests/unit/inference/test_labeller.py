"""A labeller gives the bundle's answers for every batch size, and never a number that is none."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from tests.small_bundle import edit_json, replace_file
from tests.small_run import DISTRIBUTION
from worker.contract.bundle import BundleError, load_bundle
from worker.contract.features import Features, build_features
from worker.contract.user_label import Abstention
from worker.contract.vocabulary import ROW_TYPE
from worker.errors import Stop
from worker.inference.chunks import cut, songs_at_once, split
from worker.inference.labeller import InferenceError, Labeller, open_labeller
from worker.inference.session import open_session


@pytest.fixture(scope="module")
def labeller(small_bundle: Path) -> Labeller:
    return Labeller.load(load_bundle(small_bundle))


def test_of_a_model_that_is_loaded_no_bytes_are_kept(small_bundle: Path) -> None:
    """Where there are a million songs, they are half a gigabyte."""
    bundle = load_bundle(small_bundle)
    raw = bundle.models["encoder"]
    held = sys.getrefcount(raw)
    session = open_session("encoder.onnx", raw)
    assert sys.getrefcount(raw) == held, "the session has them still"
    assert session.get_inputs()
    Labeller(bundle)
    assert sys.getrefcount(raw) == held - 1, "the bundle has them still"


def random_playlists(count: int) -> list[bytes]:
    random = np.random.default_rng(5)
    lengths = np.minimum(random.geometric(1 / 12, count) - 1, 200)
    return [random.choice(200, length, replace=False).astype("<i4").tobytes() for length in lengths]


def test_a_labeller_tells_what_the_worker_needs_to_know(small_bundle: Path) -> None:
    ticks = itertools.count(10.0, 2.5)

    labeller = Labeller.load(load_bundle(small_bundle), clock=lambda: next(ticks))

    assert labeller.version.startswith("small-2026.11.21-")
    assert labeller.genders == ["f", "m"]
    assert labeller.cluster_names == ["Cluster 0", "Cluster 1", "Cluster 2"]
    assert labeller.abstention == Abstention(0.6, 3)
    assert len(labeller.vocabulary) == 200
    assert labeller.distribution == DISTRIBUTION
    assert labeller.load_seconds == 2.5


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 511, 1_543])
def test_a_playlist_gets_the_same_label_alone_and_in_a_batch(small_bundle: Path, size: int, threads: int) -> None:
    labeller = Labeller.load(load_bundle(small_bundle), threads)
    labeller._songs_at_once = 4_000
    playlists = random_playlists(size)

    gender, cluster = labeller.run(build_features(playlists))

    assert gender.dtype == cluster.dtype == np.float32
    assert gender.shape == (size, 2)
    assert cluster.shape == (size, 3)
    for row in {0, size // 2, size - 1}:
        alone = labeller.run(build_features(playlists[row : row + 1]))
        assert np.allclose(gender[row], alone[0][0], atol=1e-6)
        assert np.allclose(cluster[row], alone[1][0], atol=1e-6)


def test_the_models_run_on_one_thread(labeller: Labeller) -> None:
    """Two threads may add songs to the same playlist at once and lose some, now and then, so no result can tell."""
    options = labeller._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert not options.enable_mem_pattern, "plans for shapes that hardly ever come again"


def test_probabilities_sum_to_one(labeller: Labeller) -> None:
    for probabilities in labeller.run(build_features(random_playlists(700))):
        assert np.allclose(probabilities.sum(1), 1, atol=1e-6)


def test_an_empty_batch_is_no_error(labeller: Labeller) -> None:
    gender, cluster = labeller.run(build_features([]))

    assert gender.shape == (0, 2)
    assert cluster.shape == (0, 3)


def test_unknown_songs_count_for_nothing(labeller: Labeller) -> None:
    features = labeller.features([["s1", "nobody knows it", "s2"], ["s1", "s2"], ["nobody knows it"], []])

    gender, cluster = labeller.run(features)

    assert features.song_counts.tolist() == [2, 2, 0, 0]
    assert gender[0].tolist() == gender[1].tolist()
    assert cluster[2].tolist() == cluster[3].tolist()


def test_chunks_hold_every_song_once_and_count_users_from_zero() -> None:
    features = build_features(random_playlists(25))

    chunks = list(cut(features, [0, 10, 20]))

    assert [(chunk.start, chunk.stop) for chunk in chunks] == [(0, 10), (10, 20), (20, 25)]
    assert np.concatenate([chunk.features.song_rows for chunk in chunks]).tolist() == features.song_rows.tolist()
    for chunk in chunks:
        counts = np.bincount(chunk.features.user_rows, minlength=chunk.stop - chunk.start)
        assert counts.tolist() == chunk.features.song_counts.tolist()


def test_chunks_hold_about_as_many_songs_whatever_the_playlists_lengths() -> None:
    lengths = [3, 3, 3, 300, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    features = build_features([np.arange(length, dtype=ROW_TYPE).tobytes() for length in lengths])
    chunks = list(split(features, 10))
    assert [chunk.features.song_counts.tolist() for chunk in chunks] == [
        [3, 3, 3, 300],
        [1],
        [0] * 10,
        [2],
    ]
    assert list(split(build_features([]), 10)) == []


def test_the_wider_the_encoder_the_fewer_songs_at_once() -> None:
    assert songs_at_once(500) == 3_000
    assert songs_at_once(10_000_000) == 1


def test_the_models_get_no_more_at_once_than_a_chunk_holds(labeller: Labeller, monkeypatch: pytest.MonkeyPatch) -> None:
    run, sizes = labeller._session.run, []

    def noted(names: list[str], inputs: dict[str, np.ndarray]) -> Any:
        sizes.append(len(inputs["song_rows"]))
        return run(names, inputs)

    monkeypatch.setattr(labeller, "_session", SimpleNamespace(run=noted))
    playlist = np.arange(100, dtype=ROW_TYPE).tobytes()
    at_once = songs_at_once(8)
    labeller.run(build_features([playlist] * (2 * at_once // 100)))
    assert sizes == [at_once, at_once]


def test_a_row_outside_the_table_is_an_error_that_names_the_playlists(labeller: Labeller) -> None:
    features = Features(np.array([200], np.int32), np.array([0], np.int32), np.array([1, 0], np.float32))

    with pytest.raises(InferenceError, match="onnxruntime failed") as caught:
        labeller.run(features)
    assert caught.value.rows == [0, 1]


def poison(bundle: Path, row: int) -> None:
    """Make the encoder's row for one song infinite."""
    model = onnx.load_model(bundle / "encoder.onnx")
    table = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [200, 8])
    values = onnx.numpy_helper.to_array(table).copy()
    values[row] = np.inf
    table.raw_data = values.tobytes()
    replace_file(bundle, "encoder.onnx", model.SerializeToString())


def test_an_answer_that_is_no_number_is_an_error_that_names_the_playlists(bundle_copy: Path) -> None:
    used = load_bundle(bundle_copy)
    golden_rows = set(Labeller(used).features(case.songs for case in used.golden[:10]).song_rows.tolist())
    row = next(row for row in range(200) if row not in golden_rows)
    edit_json(bundle_copy, "golden.json", lambda cases: cases.__delitem__(slice(10, None)))
    poison(bundle_copy, row)
    labeller = Labeller.load(load_bundle(bundle_copy))
    others = [np.array([other], "<i4").tobytes() for other in golden_rows]

    with pytest.raises(InferenceError, match="no finite probability for 1 of") as caught:
        labeller.run(build_features([others[0], np.array([row], "<i4").tobytes(), others[1]]))
    assert caught.value.rows == [1]


GOLDEN: dict[str, tuple[Callable[[Any], object], str]] = {
    "another gender": (lambda cases: cases[4].update(gender=[0.123, 0.877]), r"case 4 \(2 songs\): gender differs by"),
    "another cluster": (lambda cases: cases[0].update(cluster=[1, 0, 0]), r"case 0 \(0 songs\): cluster differs by"),
    "another song": (lambda cases: cases[1]["songs"].append("s77"), r"case 1 \(2 songs\): \w+ differs by"),
    "not a song": (lambda cases: cases[1]["songs"].append(""), "a song id has 0 bytes"),
}


@pytest.mark.parametrize(("edit", "message"), GOLDEN.values(), ids=GOLDEN.keys())
def test_a_golden_case_with_another_answer_is_refused(
    bundle_copy: Path, edit: Callable[[Any], object], message: str
) -> None:
    edit_json(bundle_copy, "golden.json", edit)

    with pytest.raises(BundleError, match=f"golden.json: {message}"):
        Labeller.load(load_bundle(bundle_copy))


def test_a_golden_answer_that_is_no_number_is_refused(bundle_copy: Path) -> None:
    bundle = load_bundle(bundle_copy)
    used = next(case for case in bundle.golden if len(case.songs) == 1)
    poison(bundle_copy, int(Labeller(bundle).features([used.songs]).song_rows[0]))

    with pytest.raises(BundleError, match=r"golden.json: .*no finite probability"):
        Labeller.load(load_bundle(bundle_copy))


def test_the_worker_is_stopped_by_a_bundle_that_it_cannot_use(bundle_copy: Path) -> None:
    (bundle_copy / "gender.onnx").write_bytes(b"")

    with pytest.raises(Stop, match=r"gender.onnx: it has 0 bytes"):
        open_labeller(bundle_copy)


def test_what_was_verified_is_what_runs(bundle_copy: Path) -> None:
    bundle = load_bundle(bundle_copy)
    for file in bundle_copy.iterdir():
        file.write_bytes(b"")

    assert Labeller.load(bundle).run(build_features([b""]))[0].shape == (1, 2)
