"""The classifier that stands on any encoder's codes: one softmax layer, categorical cross-entropy, Adam."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from training.backend import tf
from training.datasets.playlists import GENDERS, UNKNOWN_GENDER
from training.datasets.split import Rows
from training.models.adam import AveragedAdam
from training.models.early_stopping import run_epochs
from training.models.interface import Examples, Fitted
from training.serving import Activation, Floats, Layer, Serving
from training.watch import Watch


@dataclass(frozen=True)
class Encoder:
    """The unsupervised half of a model: code = activation(sum of rows * songs^-exponent + bias)."""

    # float32 [songs, units]
    table: Floats
    # float32 [units]
    bias: Floats
    exponent: float
    activation: Activation

    def with_head(self, head: tuple[Layer, ...]) -> Serving:
        """The encoder and a classifier on top of it."""
        return Serving(self.table, self.bias, self.exponent, self.activation, head)


@dataclass(frozen=True)
class ClassifierSettings:
    """How the classifier is trained."""

    epochs: int
    batch_users: int
    rate: float


def classify_codes(
    encoder: Encoder, examples: Examples, held: Rows, settings: ClassifierSettings, seed: int, watch: Watch
) -> Fitted:
    """Train the classifier twice on the codes: without the held-out users for the rehearsal, and with them."""
    codes = encoder.with_head(()).codes(examples.matrix)
    known = np.flatnonzero(examples.gender != UNKNOWN_GENDER)
    train = partial(_train, codes, examples.gender, settings, seed, watch)
    rehearsal = train(np.setdiff1d(known, held), "classifier, rehearsal")
    return Fitted(
        serving=encoder.with_head((train(known, "classifier"),)),
        rehearsal=encoder.with_head((rehearsal,)),
    )


def _train(
    codes: Floats,
    gender: NDArray[np.int8],
    settings: ClassifierSettings,
    seed: int,
    watch: Watch,
    users: Rows,
    phase: str,
) -> Layer:
    """One softmax layer, trained on the codes of `users`."""
    rng = np.random.default_rng(seed)
    units, classes = codes.shape[1], len(GENDERS)
    limit = np.sqrt(6 / (units + classes))
    kernel = rng.uniform(-limit, limit, (units, classes)).astype(np.float32)
    adam = AveragedAdam([kernel, np.zeros(classes, dtype=np.float32)], settings.rate, decay=0.0)
    inputs, target = tf.constant(codes[users]), tf.constant(gender[users].astype(np.int32))
    step = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])  # type: ignore[untyped-decorator]
    def train_epoch(order: "tf.Tensor") -> "tf.Tensor":
        total = tf.constant(0.0)
        for start in tf.range(0, len(users), settings.batch_users):
            batch = order[start : start + settings.batch_users]
            with tf.GradientTape() as tape:
                logits = tf.gather(inputs, batch) @ adam.variables[0] + adam.variables[1]
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(target, batch), logits)
                loss = tf.reduce_mean(losses)
            step.assign_add(1.0)
            adam.apply(tape.gradient(loss, adam.variables), step)
            total += tf.reduce_sum(losses)
        return total / len(users)

    run_epochs(settings.epochs, lambda: float(train_epoch(rng.permutation(len(users)))), watch, phase)
    return Layer(*adam.averaged())
