"""Moving the pixels of many images at once, each image in its own way."""

from training.backend import tf
from training.models.deep_clustering.network import image_shape


def warp(flat: "tf.Tensor", shape: tuple[int, ...], across: "tf.Tensor", down: "tf.Tensor") -> "tf.Tensor":
    """float32 [images, pixels] of images of `shape`, drawn anew with linear interpolation and black from outside.

    `across` and `down` are [images, 3]: the pixel at (x, y), counted from the middle, comes from a x + b y + c.
    """
    height, width, channels = image_shape(shape)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    rows = []
    for (a, b, c), middle in ((tf.unstack(across, axis=1), middle_x), (tf.unstack(down, axis=1), middle_y)):
        # The operation counts from the corner.
        rows += [a, b, c + middle - a * middle_x - b * middle_y]
    none = tf.zeros_like(rows[0])
    drawn = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.reshape(flat, [-1, height, width, channels]),
        transforms=tf.stack([*rows, none, none], axis=1),
        output_shape=[height, width],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return tf.reshape(drawn, [-1, height * width * channels])
