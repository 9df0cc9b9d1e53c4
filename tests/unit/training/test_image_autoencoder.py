"""The autoencoders of images by their parts: how images are damaged, what is to be made of them, and what it costs."""

from collections.abc import Callable

import numpy as np
import pytest

from training.backend import tf
from training.models.deep_clustering import autoencoder, embedded
from training.models.deep_clustering.autoencoder import ImageAutoencoder
from training.models.deep_clustering.distortion import Distortion
from training.models.deep_clustering.network import DenseNetwork
from training.models.deep_clustering.pretraining import flat_constant
from training.recipe import load_recipe
from training.synthetic.shapes import draw_shapes
from training.watch import unwatched

SEED = (1, 2)
Disturb = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def damage(**settings: float) -> tuple[np.ndarray, np.ndarray]:
    """Grey images, and what the network is shown of them."""
    grey = np.full((100, 200), 0.5, np.float32)
    seen, wanted = ImageAutoencoder(**settings)._damage(tf.constant(grey), SEED)
    assert np.array_equal(wanted, grey), "what is to be made of an image is the image"
    return grey, seen.numpy()


def test_the_plain_autoencoder_sees_images_as_they_are() -> None:
    grey, seen = damage()
    assert np.array_equal(seen, grey)


def test_pixels_are_blacked_out_at_random_and_the_others_stay() -> None:
    _, seen = damage(masked=0.3)
    assert set(np.unique(seen)) == {0.0, 0.5}
    assert np.mean(seen == 0) == pytest.approx(0.3, abs=0.01)
    assert np.mean(seen == 0, axis=0).max() < 0.6, "the same pixels of every image"


def test_noise_is_added_to_every_pixel() -> None:
    grey, seen = damage(noise=0.2)
    assert (seen - grey).std() == pytest.approx(0.2, abs=0.005)
    assert (seen - grey).mean() == pytest.approx(0, abs=0.005)


def test_pixels_that_are_not_blacked_out_get_as_much_noise_as_all() -> None:
    grey, seen = damage(masked=0.5, noise=0.2)
    left = seen != 0
    assert np.mean(left) == pytest.approx(0.5, abs=0.01)
    assert (seen - grey)[left].std() == pytest.approx(0.2, abs=0.005)


def test_a_reconstruction_costs_the_squared_error_or_the_cross_entropy() -> None:
    wanted, decoded = np.array([[0.0, 0.25, 1.0]], np.float32), np.array([[0.5, -1.0, 2.0]], np.float32)
    squared = DenseNetwork((3,), (), 2, 0, "mse").reconstruction_loss(wanted, decoded).numpy()
    assert squared == pytest.approx([(0.25 + 1.5625 + 1.0) / 3])
    ink = 1 / (1 + np.exp(-decoded))
    entropy = -(wanted * np.log(ink) + (1 - wanted) * np.log(1 - ink)).mean(axis=1)
    for name in ("image_autoencoder_bce", "image_denoising"):
        network = load_recipe(name).parameters._network((3,), 0)
        assert network.reconstruction_loss(wanted, decoded).numpy() == pytest.approx(entropy, rel=1e-5)


@pytest.mark.parametrize(("name", "ink"), [("image_autoencoder", False), ("image_autoencoder_bce", True)])
def test_codes_are_never_negative_and_cross_entropy_makes_shares_of_them(name: str, ink: bool) -> None:
    network, random = load_recipe(name).parameters._network((4,), 0), np.random.default_rng(0)
    for variable in network.variables:
        variable.assign(random.normal(0, 1, variable.shape))
    kernel, bias, back, offsets = (variable.numpy() for variable in network.variables)
    images = random.random((6, 4), dtype=np.float32)
    codes = np.maximum(images @ kernel + bias, 0)
    assert network.codes(images) == pytest.approx(codes, abs=1e-5)
    made = codes @ back + offsets
    assert network.reconstruct(images) == pytest.approx(1 / (1 + np.exp(-made)) if ink else made, abs=1e-4)


def test_the_convolutional_network_is_that_of_keras() -> None:
    network, random = load_recipe("conv_dec").parameters._network((16, 16), 0), np.random.default_rng(0)
    for variable in network.variables:
        variable.assign(variable + random.normal(0, 0.1, variable.shape))
    layers, strided = tf.keras.layers, {"strides": 2, "padding": "same"}
    encoder = tf.keras.Sequential(
        [
            *(
                layers.Conv2D(filters, size, activation="relu", **strided)
                for filters, size in ((16, 5), (32, 5), (64, 3))
            ),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    decoder = tf.keras.Sequential(
        [
            layers.Dense(2 * 2 * 64, "relu"),
            layers.Reshape((2, 2, 64)),
            layers.Conv2DTranspose(32, 3, activation="relu", **strided),
            layers.Conv2DTranspose(16, 5, activation="relu", **strided),
            layers.Conv2DTranspose(1, 5, **strided),
        ]
    )
    encoder.build((None, 16, 16, 1))
    decoder.build((None, 10))
    encoder.set_weights([variable.numpy() for variable in network.encoder_variables])
    decoder.set_weights([variable.numpy() for variable in network.decoder_variables])
    images, _ = draw_shapes(12)
    codes = encoder(images[..., None]).numpy()
    assert network.codes(images) == pytest.approx(codes, abs=1e-4)
    assert network.reconstruct(images) == pytest.approx(decoder(codes).numpy()[..., 0], abs=1e-4)


class LookedAt(Exception):
    """Ends a fit before it has learnt anything."""


@pytest.mark.parametrize("name", ["image_denoising", "dec_da"])
def test_pretraining_is_shown_what_the_recipe_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Denoising: damaged, and the original is wanted. Augmentation: distorted, and the same is wanted."""
    images, _ = draw_shapes(20)
    shown = []

    def look(network: object, images: np.ndarray, schedule: object, disturb: Disturb, *_: object) -> None:
        shown.extend(disturb(flat_constant(images), tf.constant(SEED)))
        raise LookedAt

    for module in (autoencoder, embedded):
        monkeypatch.setattr(module, "pretrain", look)
    recipe = load_recipe(name, {"straighten": False} if name == "dec_da" else None)
    with pytest.raises(LookedAt):
        recipe.parameters.fit(images, 0, unwatched)
    flat, (seen, wanted) = flat_constant(images).numpy(), (tensor.numpy() for tensor in shown)
    if name == "image_denoising":
        assert np.array_equal(wanted, flat)
        assert np.mean(seen[flat > 0] == 0) == pytest.approx(0.5, abs=0.1)
    else:
        distorted = Distortion(shift=1.0, rotation=8.0, stretch=0.08, shear=0.1).apply(flat, (16, 16), SEED)
        assert np.array_equal(wanted, seen)
        assert np.array_equal(seen, distorted.numpy())
        assert np.abs(seen - flat).mean() > 0.01


@pytest.mark.parametrize("name", ["dec", "idec", "dec_da"])
def test_codes_of_deep_clustering_are_linear_between_relu_layers(name: str) -> None:
    network = load_recipe(name, {"widths": [3], "units": 2}).parameters._network((4,), 0)
    random = np.random.default_rng(0)
    for variable in network.variables:
        variable.assign(random.normal(0, 1, variable.shape))
    down, down_bias, inner, inner_bias, up, up_bias, out, out_bias = (one.numpy() for one in network.variables)
    images = random.random((6, 4), dtype=np.float32)
    codes = np.maximum(images @ down + down_bias, 0) @ inner + inner_bias
    assert (codes < 0).any(), "relu would change nothing"
    assert network.codes(images) == pytest.approx(codes, abs=1e-5)
    made = np.maximum(codes @ up + up_bias, 0) @ out + out_bias
    assert network.reconstruct(images) == pytest.approx(made, abs=1e-4)
