"""The serving model in TensorFlow, and its conversion to ONNX. TensorFlow lives nowhere else in this package."""

import logging
from collections.abc import Callable
from copy import copy

import numpy as np
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, numpy_helper

from export.run_folder import ServingRule, Weights
from worker.contract.features import Features
from worker.contract.manifest import Signature
from worker.inference.graph_check import OPSET

_ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.nn.relu,
    "linear": tf.identity,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
}


class ServingModel:
    """What a run says of playlists: encoder and heads with the run's weights."""

    def __init__(self, weights: Weights, rule: ServingRule, temperature: float) -> None:
        # tf2onnx makes inputs of captured constants, weights only of variables.
        self._table = tf.Variable(weights.table)
        self._bias = tf.Variable(weights.bias)
        *hidden, (kernel, bias) = weights.layers
        head = [*hidden, (kernel / np.float32(temperature), bias / np.float32(temperature))]
        self._layers = [(tf.Variable(kernel), tf.Variable(bias)) for kernel, bias in head]
        self._scale = rule.cluster_scale * rule.cluster_alpha
        middle = weights.centroids.mean(0)
        around = weights.centroids - middle
        self._middle = tf.Variable(middle)
        self._centroids = tf.Variable(-2 * around.T)
        self._centroid_norms = tf.Variable(np.square(around).sum(1) + np.float32(self._scale))
        self._rule = rule

    def encode(self, song_rows: tf.Tensor, user_rows: tf.Tensor, song_counts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Code [B, D] of B playlists with N songs: activation(sum of rows / songs^exponent + bias)."""
        songs = tf.maximum(song_counts, 1.0)
        scale = tf.sqrt(songs) if self._rule.exponent == 0.5 else tf.pow(songs, self._rule.exponent)
        scale = tf.expand_dims(scale, 1)
        # The sums start from the scaled bias instead of zero: fewer operators. tf.scatter_nd would convert to a graph
        # that loses all but one song of a playlist; the update of a tensor converts to a sum that is right.
        sums = tf.tensor_scatter_nd_add(
            scale * self._bias, tf.expand_dims(user_rows, 1), tf.gather(self._table, song_rows)
        )
        return {"code": _ACTIVATIONS[self._rule.activation](sums / scale)}

    def gender(self, code: tf.Tensor) -> dict[str, tf.Tensor]:
        """Calibrated probabilities [B, genders]."""
        *hidden, (kernel, bias) = self._layers
        for hidden_kernel, hidden_bias in hidden:
            code = tf.nn.relu(tf.matmul(code, hidden_kernel) + hidden_bias)
        return {"gender": tf.nn.softmax(tf.matmul(code, kernel) + bias)}

    def cluster(self, code: tf.Tensor) -> dict[str, tf.Tensor]:
        """Student-t soft assignment [B, K]."""
        # Squared distances as |z|^2 - 2 z.mu + |mu|^2, seen from the middle of the centroids: far from it, where codes
        # share a large bias, float32 would lose the distances in the difference of the norms. Rounding may still take
        # them below zero. With the scale added they are (1 + d / scale) up to a factor that the division cancels.
        code = code - self._middle
        norms = tf.reduce_sum(code * code, 1, keepdims=True)
        distances = tf.maximum(tf.matmul(code, self._centroids) + self._centroid_norms + norms, self._scale)
        # A power by way of softmax: far from every centroid the powers themselves would all be zero.
        return {"cluster": tf.nn.softmax(tf.math.log(distances) * (-(self._rule.cluster_alpha + 1) / 2))}

    def label(self, features: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Gender and cluster probabilities as TensorFlow computes them."""
        code = self.encode(*map(tf.constant, features))["code"]
        return self.gender(code)["gender"].numpy(), self.cluster(code)["cluster"].numpy()

    def to_onnx(self, signatures: dict[str, Signature]) -> dict[str, bytes]:
        """ONNX files of the models named in `signatures`."""
        # The converter copies every weight dozens of times over: for a million songs it would need more than 24 GB. It
        # is given a table of one song, in whose place the whole one is put.
        small = copy(self)
        small._table = tf.Variable(self._table[:1])
        models: dict[str, Callable[..., dict[str, tf.Tensor]]] = {
            "encoder": small.encode,
            "gender": self.gender,
            "cluster": self.cluster,
        }
        converted = {name: _convert(models[name], signature) for name, signature in signatures.items()}
        _put_table(converted["encoder"].graph, self._table.numpy())
        return {name: model.SerializeToString(deterministic=True) for name, model in converted.items()}


def _convert(model: Callable[..., dict[str, tf.Tensor]], signature: Signature) -> ModelProto:
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    inputs = [
        tf.TensorSpec([size if isinstance(size, int) else None for size in tensor.shape], tensor.type, tensor.name)
        for tensor in signature.inputs
    ]
    converted: ModelProto = tf2onnx.convert.from_function(tf.function(model), inputs, opset=OPSET)[0]
    # The converter also imports operator sets that it did not need, which the worker would have to trust.
    standard = [opset for opset in converted.opset_import if not opset.domain]
    del converted.opset_import[:]
    converted.opset_import.extend(standard)
    _name_dimensions(converted.graph, signature)
    _name_values(converted.graph)
    return converted


def _put_table(graph: GraphProto, table: NDArray[np.float32]) -> None:
    """Has the graph look up its songs in `table` [S, D]."""
    (looked_up,) = (node.input[0] for node in graph.node if node.op_type == "Gather")
    (found,) = (tensor for tensor in graph.initializer if tensor.name == looked_up)
    found.CopyFrom(numpy_helper.from_array(table, looked_up))


def _name_dimensions(graph: GraphProto, signature: Signature) -> None:
    for value, tensor in zip([*graph.input, *graph.output], [*signature.inputs, *signature.outputs], strict=True):
        for dimension, size in zip(value.type.tensor_type.shape.dim, tensor.shape, strict=True):
            if isinstance(size, str):
                dimension.dim_param = size


def _name_values(graph: GraphProto) -> None:
    """Number what the converter named after a running count, so that equal runs become equal files."""
    names: dict[str, str] = {value.name: value.name for value in [*graph.input, *graph.output]} | {"": ""}

    def rename(name: str) -> str:
        return names.setdefault(name, f"value_{len(names)}")

    del graph.value_info[:]
    graph.name, graph.doc_string = "songprint", ""
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        node.input[:] = map(rename, node.input)
        node.output[:] = map(rename, node.output)
    for tensor in graph.initializer:
        tensor.name = rename(tensor.name)
