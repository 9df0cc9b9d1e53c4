"""The parts of Deep Embedded Clustering, each against its definition."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from training.backend import tf
from training.clusters import Clustering
from training.errors import TrainingError
from training.models.deep_clustering import embedded, pretraining
from training.models.deep_clustering.assignment import divergence, log_memberships, target_distribution
from training.models.deep_clustering.distortion import Distortion
from training.models.deep_clustering.embedded import _Refinement
from training.models.deep_clustering.optimizer import Optimizer
from training.models.deep_clustering.start import Start, cluster_means, start_clusters
from training.models.deep_clustering.step_loop import RowStream, StepLoop
from training.models.deep_clustering.straightened import straighten
from training.recipe import load_recipe
from training.synthetic.shapes import draw_shapes
from training.watch import History

EMBEDDED = {
    "clusters": 4,
    "widths": [32],
    "batch": 30,
    "pretrain_epochs": 5,
    "pretrain_optimizer": "adam",
    "pretrain_rate": 1e-3,
}


def test_memberships_are_student_t_with_one_degree_of_freedom() -> None:
    codes, centroids = np.array([[0.0, 0.0], [3.0, 4.0]], np.float32), np.array([[0, 0], [0, 4]], np.float32)
    kernel = np.array([[1, 1 / 17], [1 / 26, 1 / 10]])
    found = np.exp(log_memberships(codes, centroids).numpy())
    assert found == pytest.approx(kernel / kernel.sum(axis=1, keepdims=True), rel=1e-5)


def test_target_is_sharper_and_weighs_clusters_by_their_size_among_all_images() -> None:
    memberships = np.array([[0.6, 0.4], [0.9, 0.1], [0.8, 0.2]])
    size = np.array([2.3, 0.7])
    weight = memberships**2 / size
    assert target_distribution(memberships) == pytest.approx(weight / weight.sum(axis=1, keepdims=True))


def test_divergence_is_that_of_kullback_and_leibler() -> None:
    codes, centroids = np.array([[0.0], [2.0]], np.float32), np.array([[0.0], [1.0]], np.float32)
    target = np.array([[0.5, 0.5], [0.0, 1.0]], np.float32)
    found = np.array([[1, 0.5], [0.2, 0.5]])
    found /= found.sum(axis=1, keepdims=True)
    expected = (0.5 * np.log(0.5 / found[0]).sum() + np.log(1 / found[1, 1])) / 2
    assert float(divergence(target, codes, centroids)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("rows", "batch", "steps"), [(60, 30, 2), (61, 30, 3), (29, 30, 1), (30, 30, 1)])
def test_no_batch_is_empty(rows: int, batch: int, steps: int) -> None:
    """Where the batches fill up evenly, a naive wrap-around makes an empty one, whose mean loss is no number."""
    seen, calls = tf.Variable(tf.zeros(rows, tf.int32)), tf.Variable(0)
    weight = tf.Variable(1.0)

    def loss(chosen: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        calls.assign_add(1)
        seen.scatter_add(tf.IndexedSlices(tf.ones_like(chosen), chosen))
        return tf.reduce_mean(weight * tf.ones(tf.shape(chosen)[0]))

    loop = StepLoop(Optimizer("sgd", [weight], 1e-6), loss, batch)
    rng = np.random.default_rng(0)
    assert loop.run(RowStream(rows, rng).take(rows), rng) == pytest.approx(1, abs=1e-3)
    assert int(calls) == steps
    assert set(seen.numpy().tolist()) == {1}, "an epoch shows every image once"


def test_a_stream_of_rows_shows_all_of_them_equally_often() -> None:
    stream = RowStream(7, np.random.default_rng(0))
    pieces = [stream.take(5) for _ in range(14)]
    assert {len(piece) for piece in pieces} == {5}
    assert np.bincount(np.concatenate(pieces)).tolist() == [10] * 7


@pytest.mark.parametrize("method", ["sgd", "adam"])
def test_optimizers_step_as_those_of_keras_do(method: str) -> None:
    ours, theirs = tf.Variable([1.0, -2.0]), tf.Variable([1.0, -2.0])
    keras = tf.keras.optimizers.SGD(0.1, momentum=0.9) if method == "sgd" else tf.keras.optimizers.Adam(0.1)
    optimizer = Optimizer(method, [ours], 0.1)
    keras.build([theirs])
    for _ in range(5):
        optimizer.apply([2 * ours])
        keras.apply([2 * theirs], [theirs])
    assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-4)


class Counting(Optimizer):
    """Counts the steps, and adds up their rates, where they are made: inside TensorFlow."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.arguments = arguments
        self.steps, self.way = tf.Variable(0), tf.Variable(0.0)

    def apply(self, gradients: list[tf.Tensor]) -> None:
        self.steps.assign_add(1)
        self.way.assign_add(self.rate)
        super().apply(gradients)


@pytest.fixture
def optimizers(monkeypatch: pytest.MonkeyPatch) -> list[Counting]:
    """All that a fit makes, in order."""
    made: list[Counting] = []

    def make(*arguments: object) -> Counting:
        made.append(Counting(*arguments))
        return made[-1]

    for module in (pretraining, embedded):
        monkeypatch.setattr(module, "Optimizer", make)
    return made


def test_stops_when_clusters_stay_as_they_are_and_never_later_than_allowed(optimizers: list[Counting]) -> None:
    images, _ = draw_shapes(90)
    for tolerance, expected, steps in ((0.999, 1, 10), (0.0, 4, 35)):
        history = History()
        settings = {**EMBEDDED, "tolerance": tolerance, "iterations": 35, "refresh": 10}
        load_recipe("dec", settings).parameters.fit(images, 0, history)
        rounds = [epoch for epoch in history.epochs if epoch["phase"] == "clustering"]
        assert len(rounds) == expected
        assert [int(one.steps) for one in optimizers[-2:]] == [5 * 3, steps], "5 epochs of 3 batches, then the clusters"


def test_a_tolerance_of_nothing_lets_the_last_iteration_be_the_end() -> None:
    """The end is when less than the tolerance changed, and not as much."""
    history = History()
    settings = {**EMBEDDED, "tolerance": 0.0, "iterations": 30, "refresh": 10, "rate": 1e-9}
    load_recipe("dec", settings).parameters.fit(draw_shapes(90)[0], 0, history)
    assert [epoch["changed"] for epoch in history.epochs if epoch["phase"] == "clustering"] == [0.0] * 3


def test_the_target_is_made_anew_of_all_images_after_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[np.ndarray] = []
    followed: list[np.ndarray] = []

    def make(memberships: np.ndarray) -> np.ndarray:
        assert memberships.shape == (90, 4)
        made.append(target_distribution(memberships))
        return made[-1]

    class Noted(_Refinement):
        def _sharpen(self, number: int) -> np.ndarray:
            found = super()._sharpen(number)
            followed.append(self._target.numpy())
            return found

    monkeypatch.setattr(embedded, "target_distribution", make)
    monkeypatch.setattr(embedded, "_Refinement", Noted)
    settings = {**EMBEDDED, "tolerance": 0.0, "iterations": 35, "refresh": 10}
    load_recipe("dec", settings).parameters.fit(draw_shapes(90)[0], 0, History())
    assert len(made) == 1 + 4
    assert not any(np.array_equal(before, after) for before, after in pairwise(made))
    for target, of_this_round in zip(followed, made, strict=True):
        assert target == pytest.approx(of_this_round, abs=1e-6)


def test_changes_are_counted_from_one_target_to_the_next() -> None:
    """And not from the first, or clusters that wandered once would never be taken for settled."""
    images, _ = draw_shapes(90)
    found: list[np.ndarray] = []

    class Noted(_Refinement):
        def _sharpen(self, number: int) -> np.ndarray:
            found.append(super()._sharpen(number))
            return found[-1]

    settings = {**EMBEDDED, "tolerance": 0.0, "iterations": 60, "refresh": 10, "rate": 0.2}
    model, history = load_recipe("dec", settings).parameters, History()
    refinement = Noted(model, model._network(images.shape[1:], 0), np.arange(90) % 4, images)
    refinement.run(np.random.default_rng(0), history)
    told = [epoch["changed"] for epoch in history.epochs]
    assert told == [np.mean(after != before) for before, after in pairwise(found)]
    assert told[1:] != [np.mean(after != found[0]) for after in found[2:]], "nothing moved after the first round"


def test_each_phase_has_the_optimizer_and_the_falling_rate_of_its_recipe(optimizers: list[Counting]) -> None:
    images, _ = draw_shapes(90)
    first = {"pretrain_epochs": 2, "pretrain_optimizer": "adam", "pretrain_rate": 0.001, "pretrain_decay": 0.5}
    second = {"optimizer": "sgd", "rate": 0.02, "momentum": 0.8, "decay": 0.5, "iterations": 20, "refresh": 10}
    load_recipe("dec", {**EMBEDDED, **first, **second, "tolerance": 0.0}).parameters.fit(images, 0, History())
    (method, _, rate), (other_method, _, other_rate, momentum) = (one.arguments for one in optimizers)
    assert (method, rate, other_method, other_rate, momentum) == ("adam", 0.001, "sgd", 0.02, 0.8)
    assert float(optimizers[0].way) == pytest.approx(3 * 0.001 + 3 * 0.00075), "three batches of two epochs"
    assert float(optimizers[1].way) == pytest.approx(10 * 0.02 + 10 * 0.015), "two rounds of ten steps"


def test_clusters_that_stay_end_nothing_as_long_as_the_start_is_trusted() -> None:
    history = History()
    settings = {**EMBEDDED, "tolerance": 0.999, "iterations": 60, "refresh": 10, "start_rounds": 3}
    load_recipe("dec", settings).parameters.fit(draw_shapes(90)[0], 0, history)
    assert [epoch["phase"] for epoch in history.epochs].count("clustering") == 4


def test_clustering_pulls_images_towards_their_centroids() -> None:
    images, _ = draw_shapes(200)
    sure = []
    for iterations in (1, 200):
        settings = {**EMBEDDED, "iterations": iterations, "refresh": 40, "tolerance": 0.0, "rate": 0.05}
        fitted = load_recipe("dec", settings).parameters.fit(images, 0, History())
        sure.append(fitted.clustering.memberships(fitted.encoder.codes(images)).max(axis=1).mean())
    assert sure[1] > sure[0] + 0.05


def test_distortion_moves_and_turns_but_keeps_the_middle() -> None:
    dot = np.zeros((500, 21, 21), np.float32)
    dot[:, 10, 15] = 1
    turned = Distortion(0, 90, 0, 0).apply(dot.reshape(500, -1), (21, 21), tf.constant([1, 2])).numpy()
    y, x = np.divmod(turned.argmax(axis=1), 21)
    assert np.hypot(y - 10, x - 10) == pytest.approx(5, abs=0.8)
    assert (np.ptp(y), x.min() >= 10 - 1) == (10, True), "90 degrees either way, and not more"
    moved = Distortion(3, 0, 0, 0).apply(dot.reshape(500, -1), (21, 21), tf.constant([1, 2])).numpy()
    y, x = np.divmod(moved.argmax(axis=1), 21)
    assert (y.min(), y.max(), x.min(), x.max()) == (7, 13, 12, 18)
    assert moved.sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_distortion_stretches_and_slants_the_rest_untouched() -> None:
    """Two dots, beside the middle and below it; where they went is told by the mass of their pixels."""
    dots = np.zeros((2, 400, 21, 21), np.float32)
    dots[0, :, 10, 15] = dots[1, :, 15, 10] = 1

    def places(distortion: Distortion) -> np.ndarray:
        drawn = [distortion.apply(one.reshape(400, -1), (21, 21), tf.constant([1, 2])).numpy() for one in dots]
        mass = np.stack(drawn).reshape(2, 400, 21, 21)
        total = mass.sum(axis=(2, 3))
        x, y = (mass.sum(axis=axis) @ np.arange(21) / total - 10 for axis in (2, 3))
        return np.array([[x.min(axis=1), x.max(axis=1)], [y.min(axis=1), y.max(axis=1)]])

    wide, high = 5 * np.exp([-0.3, 0.3]), 5 * 0.4
    (beside_x, below_x), (beside_y, below_y) = places(Distortion(0, 0, 0.3, 0)).transpose(0, 2, 1)
    assert (beside_x, below_y) == (pytest.approx(wide, abs=0.4), pytest.approx(wide, abs=0.4))
    assert (below_x, beside_y) == (pytest.approx([0, 0], abs=1e-3), pytest.approx([0, 0], abs=1e-3))
    (beside_x, below_x), (beside_y, below_y) = places(Distortion(0, 0, 0, 0.4)).transpose(0, 2, 1)
    assert below_x == pytest.approx([-high, high], abs=0.2)
    assert (beside_x, beside_y) == (pytest.approx([5, 5], abs=1e-3), pytest.approx([0, 0], abs=1e-3))
    assert below_y == pytest.approx([5, 5], abs=1e-3)


def test_no_distortion_is_none() -> None:
    flat = np.random.default_rng(0).random((3, 40), dtype=np.float32)
    assert Distortion(0, 0, 0, 0).apply(flat, (40,), tf.constant([1, 2])) is flat


def test_spectral_start_finds_clusters_that_are_not_round() -> None:
    """Two long stripes side by side, which K-means cuts across."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.uniform(0, 20, 400), np.repeat([0, 2], 200) + rng.normal(0, 0.1, 400)], axis=1)
    codes = codes.astype(np.float32)
    found = start_clusters("spectral", codes, 2, seed=0)
    assert sorted(cluster_means(codes, found, 2)[:, 1].tolist()) == pytest.approx([0, 2], abs=0.1)
    means = cluster_means(codes, start_clusters("kmeans", codes, 2, seed=0), 2)
    assert means[:, 1].tolist() == pytest.approx([1, 1], abs=0.5)


def test_diffusion_start_tells_clusters_apart_where_there_are_strays() -> None:
    """Two stripes, and a few images far from both: they are no cluster of their own, and the stripes are two."""
    rng = np.random.default_rng(0)
    stripes = np.stack([rng.uniform(0, 3, 400), np.repeat([0, 1.5], 200) + rng.normal(0, 0.25, 400)], axis=1)
    codes = np.concatenate([stripes, rng.normal((1.5, 30), 0.1, (20, 2))]).astype(np.float32)
    truth = np.repeat([0, 1], 200)
    found = {how: start_clusters(how, codes, 2, seed=0)[:400] for how in ("diffusion", "spectral", "ward")}
    assert adjusted_rand_score(truth, found["diffusion"]) > 0.95
    assert max(adjusted_rand_score(truth, found[how]) for how in ("spectral", "ward")) < 0.1


@pytest.mark.parametrize("how", ["kmeans", "spectral", "ward", "diffusion"])
@pytest.mark.parametrize("apart", [1.0, 30.0])
def test_every_start_finds_clusters_that_are_there(how: Start, apart: float) -> None:
    """Whether the graph of neighbours is one or falls into pieces; no cluster is empty."""
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 3
    codes = (apart * np.eye(3)[truth] + rng.normal(0, 0.2, (300, 3))).astype(np.float32)
    assert adjusted_rand_score(truth, start_clusters(how, codes, 3, seed=0)) > 0.95
    assert set(start_clusters(how, codes, 6, seed=0).tolist()) == set(range(6))


def test_collapsed_codes_are_told() -> None:
    with pytest.raises(TrainingError, match="1 different codes for 2 clusters; set a smaller rate"):
        start_clusters("kmeans", np.ones((9, 3), np.float32), 2, seed=0)


def test_straight_images_are_centred_and_lean_to_no_side() -> None:
    y, x = np.mgrid[0:21, 0:21]
    strokes = [(abs(x - 8 - slant * (y - 12)) < 1.5) & (abs(y - 12) < 6) for slant in (-0.6, 0.0, 0.5)]
    straight = straighten(np.array([*strokes, np.zeros((21, 21))], np.float32))
    upright = np.abs(x - 10) < 2
    for image in straight[:3]:
        assert image[~upright].sum() < 0.15 * image.sum()
        assert (image.sum(axis=1) @ np.arange(21)) / image.sum() == pytest.approx(10, abs=0.2)
    assert not straight[3].any()


def test_a_start_is_trusted_for_its_rounds() -> None:
    """Clusters that K-means would never make are learnt while they are the target."""
    images, _ = draw_shapes(150)
    start = np.random.default_rng(0).integers(0, 2, len(images))
    refinement = refine(images, start, clusters=2, start_rounds=3)
    refinement._sharpen(2)
    assert refinement._target.numpy() == pytest.approx(np.where(np.eye(2)[start], 0.9, 0.1))
    refinement._sharpen(3)
    assert refinement._target.numpy().argmax(axis=1).tolist() != start.tolist()


def refine(images: np.ndarray, start: np.ndarray, **settings: float) -> _Refinement:
    """The second phase before its first step, with an autoencoder that has learnt nothing."""
    model = load_recipe("dec", {**EMBEDDED, **settings}).parameters
    return _Refinement(model, model._network(images.shape[1:], 0), start, images)


def test_the_target_is_made_of_all_images_and_learnt_beside_their_reconstruction() -> None:
    """DEC and IDEC, on some of the images: their target is still that of all of them."""
    images, _ = draw_shapes(60)
    rows, seed = [3, 17, 5], tf.constant([1, 2])
    dec, idec = (refine(images, np.arange(60) % 4, reconstruction_weight=w, clustering_weight=0.1) for w in (0.0, 0.7))
    for one in (dec, idec):
        one._sharpen(0)
    clustering = Clustering(dec._centroids.numpy(), alpha=1.0, scale=1.0)
    target = target_distribution(clustering.memberships(dec._network.codes(images)))
    assert dec._target.numpy() == pytest.approx(target, rel=1e-4)
    codes, errors = dec._network.codes(images[rows]), dec._network.errors(images[rows])
    pulled = 0.1 * float(divergence(target[rows].astype(np.float32), codes, clustering.centroids))
    assert float(dec._loss(tf.constant(rows), seed)) == pytest.approx(pulled, rel=1e-3)
    assert float(idec._loss(tf.constant(rows), seed)) == pytest.approx(pulled + 0.7 * errors.mean(), rel=1e-3)
    assert len(dec._optimizer.variables) == len(dec._network.encoder_variables) + 1
    assert len(idec._optimizer.variables) == len(idec._network.variables) + 1


def test_augmentation_shows_distorted_images_and_has_them_reconstructed() -> None:
    images, _ = draw_shapes(60)
    rows, seed = [3, 17, 5], tf.constant([1, 2])
    refinement = refine(images, np.arange(60) % 4, shift=3.0, rotation=20.0, reconstruction_weight=1.0)
    refinement._sharpen(0)
    flat = images[rows].reshape(3, -1)
    distorted = Distortion(3.0, 20.0, 0, 0).apply(flat, (16, 16), seed).numpy()
    assert np.abs(distorted - flat).mean() > 0.05
    network, target = refinement._network, tf.gather(refinement._target, rows)
    pulled = float(divergence(target, network.codes(distorted), refinement._centroids))
    expected = pulled + network.errors(distorted).mean()
    assert float(refinement._loss(tf.constant(rows), seed)) == pytest.approx(expected, rel=1e-3)


def test_centroids_begin_in_the_midst_of_the_clusters_of_the_start() -> None:
    images, _ = draw_shapes(60)
    start = np.arange(60) % 4
    refinement = refine(images, start)
    midsts = [refinement._network.codes(images)[start == number].mean(axis=0) for number in range(4)]
    assert refinement._centroids.numpy() == pytest.approx(np.stack(midsts), abs=1e-5)


def test_augmentation_leaves_the_target_to_the_images_as_they_are() -> None:
    images, _ = draw_shapes(60)
    refinement = refine(images, np.arange(60) % 4, shift=3.0, rotation=20.0)
    refinement._sharpen(0)
    clustering = Clustering(refinement._centroids.numpy(), alpha=1.0, scale=1.0)
    target = target_distribution(clustering.memberships(refinement._network.codes(images)))
    assert refinement._target.numpy() == pytest.approx(target, rel=1e-4)
