"""Training a network to reconstruct images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.backend import tf
from training.models.deep_clustering.network import Network
from training.models.deep_clustering.optimizer import Method, Optimizer
from training.models.deep_clustering.step_loop import RowStream, StepLoop
from training.serving import Floats
from training.watch import Watch


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    epochs: int
    batch: int
    optimizer: Method
    rate: float
    # Share of the rate that is gone by the last epoch, in equal steps.
    decay: float = 0.0


def flat_constant(images: Floats) -> "tf.Tensor":
    """float32 [images, pixels]"""
    return tf.constant(np.ascontiguousarray(images, np.float32).reshape(len(images), -1))


def run_schedule(
    schedule: Schedule,
    variables: list["tf.Variable"],
    loss: Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"],
    count: int,
    rng: np.random.Generator,
    watch: Watch,
) -> None:
    """Pass over `count` images for every epoch; `loss` as in StepLoop."""
    optimizer = Optimizer(schedule.optimizer, variables, schedule.rate)
    loop, stream = StepLoop(optimizer, loss, schedule.batch), RowStream(count, rng)
    for epoch in range(1, schedule.epochs + 1):
        optimizer.rate.assign(schedule.rate * (1 - schedule.decay * (epoch - 1) / schedule.epochs))
        mean = loop.run(stream.take(count), rng)
        watch({"phase": "autoencoder", "epoch": epoch, "loss": mean}, schedule.epochs)


def pretrain(
    network: Network,
    images: Floats,
    schedule: Schedule,
    disturb: Callable[["tf.Tensor", "tf.Tensor"], tuple["tf.Tensor", "tf.Tensor"]],
    rng: np.random.Generator,
    watch: Watch,
) -> None:
    """Learn to reconstruct images: `disturb(images, seed)` gives what the network sees and what it is to make of it."""
    flat = flat_constant(images)

    def loss(rows: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        seen, wanted = disturb(tf.gather(flat, rows), seed)
        decoded = network.decode(network.encode(seen))
        return tf.reduce_mean(network.reconstruction_loss(wanted, decoded))

    run_schedule(schedule, network.variables, loss, len(images), rng, watch)
