"""The clustering layer of DEC: soft assignment by Student's t, and the sharper target that it is trained towards."""

import numpy as np
from numpy.typing import NDArray

from training.backend import tf

ALPHA = 1.0
"""Degrees of freedom."""


def log_memberships(codes: "tf.Tensor", centroids: "tf.Tensor") -> "tf.Tensor":
    """float32 [images, clusters]: log of the share of each cluster; its exponentials sum to 1."""
    squares = tf.reduce_sum(tf.square(codes), axis=1, keepdims=True) + tf.reduce_sum(tf.square(centroids), axis=1)
    distances = tf.maximum(squares - 2 * codes @ tf.transpose(centroids), 0.0)
    return tf.nn.log_softmax(-(ALPHA + 1) / 2 * tf.math.log1p(distances / ALPHA))


def divergence(target: "tf.Tensor", codes: "tf.Tensor", centroids: "tf.Tensor") -> "tf.Tensor":
    """Mean Kullback-Leibler divergence of the memberships from their target [images, clusters]."""
    surprise = tf.math.xlogy(target, target) - target * log_memberships(codes, centroids)
    return tf.reduce_mean(tf.reduce_sum(surprise, axis=1))


def target_distribution(memberships: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [images, clusters]: memberships squared, over their cluster's size among all images, made to sum to 1."""
    weight = memberships**2 / memberships.sum(axis=0)
    target: NDArray[np.float64] = weight / weight.sum(axis=1, keepdims=True)
    return target
