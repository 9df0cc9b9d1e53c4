"""What an ONNX graph may contain before onnxruntime gets it: bundles come from elsewhere, and a graph is a program."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from worker.contract.bundle import BundleError
from worker.contract.manifest import Signature, Tensor

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

OPSET = 18
SPARSE_SUM = {"Cast", "Gather", "ScatterND", "Unsqueeze"}
ARITHMETIC = {"Add", "Div", "Log", "MatMul", "Max", "Mul", "Pow", "ReduceSum", "Sqrt", "Sub"}
ACTIVATIONS = {"Relu", "Sigmoid", "Softmax", "Tanh"}
OPERATORS = SPARSE_SUM | ARITHMETIC | ACTIVATIONS
"""What export writes. None of them holds a subgraph, reads a file, or makes its output larger than it was told to."""


def check_graph(name: str, raw: bytes, signature: Signature, vocabulary_size: int) -> "ModelProto":
    """The model in `raw`: a graph of allowed operators with all its data inside and this signature, or BundleError."""
    model = _parse(name, raw)
    problem = (
        _damaged_names(model.graph)
        or _foreign_code(model)
        or _external_data(model.graph)
        or _other_signature(model.graph, signature)
        or _other_table(model.graph, vocabulary_size)
    )
    if problem:
        raise BundleError(f"{name}: {problem}. Only what `python -m export` writes is run: export the run again.")
    return model


def _parse(name: str, raw: bytes) -> "ModelProto":
    # Imported here, because only loading needs it and it takes a while.
    import onnx  # noqa: PLC0415
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        model = onnx.load_model_from_string(raw)
        if not _external_data(model.graph):  # which the checker would look for on disk
            onnx.checker.check_model(raw)  # of the model it would make bytes first
    except (DecodeError, UnicodeDecodeError, onnx.checker.ValidationError) as error:
        raise BundleError(f"{name}: not a valid ONNX model ({error}). Export the run again.") from error
    return model


def _damaged_names(graph: "GraphProto") -> str | None:
    """A name that is no text is given out as bytes, and nobody expects that."""
    names = [name for node in graph.node for name in (node.name, *node.input, *node.output)]
    names += [each.name for part in (graph.input, graph.output, graph.value_info, graph.initializer) for each in part]
    return None if all(isinstance(name, str) for name in names) else "a name in it is not UTF-8"


def _foreign_code(model: "ModelProto") -> str | None:
    opsets = [(opset.domain, opset.version) for opset in model.opset_import]
    if opsets != [("", OPSET)]:
        return f"it imports operator sets {opsets}, expected the standard one in version {OPSET} alone"
    if model.functions or model.training_info:
        return "it brings functions or training graphs of its own"
    for node in model.graph.node:
        if node.domain or node.op_type not in OPERATORS:
            return f"operator {f'{node.domain}.' if node.domain else ''}{node.op_type} is not allowed"
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            return f"operator {node.op_type} holds a subgraph"
    return None


def _external_data(graph: "GraphProto") -> str | None:
    from onnx import TensorProto  # noqa: PLC0415

    for tensor in _tensors(graph):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            return f"tensor {tensor.name!r} refers to a file outside the model"
    return None


def _tensors(graph: "GraphProto") -> "Iterator[TensorProto]":
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors


def _other_signature(graph: "GraphProto", signature: Signature) -> str | None:
    inputs = [_described(value) for value in graph.input]
    if inputs != signature.inputs:
        return f"its inputs are {_written(inputs)}, expected {_written(signature.inputs)}"
    outputs = [_described(value) for value in graph.output]
    if outputs != signature.outputs:
        return f"its outputs are {_written(outputs)}, expected {_written(signature.outputs)}"
    return None


def _described(value: "ValueInfoProto") -> Tensor:
    from onnx import TensorProto  # noqa: PLC0415

    tensor = value.type.tensor_type
    dimensions = [dimension.dim_param or dimension.dim_value for dimension in tensor.shape.dim]
    names = {number: name for name, number in TensorProto.DataType.items()}
    type_ = names.get(tensor.elem_type, f"type {tensor.elem_type}").lower()
    return Tensor(value.name, "float32" if type_ == "float" else type_, dimensions)


def _written(tensors: list[Tensor]) -> str:
    return ", ".join(f"{tensor.name} {tensor.type}{tensor.shape}" for tensor in tensors)


def _other_table(graph: "GraphProto", vocabulary_size: int) -> str | None:
    """The encoder gathers rows of its table: there must be one for every song of the vocabulary."""
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Gather":
            table = shapes.get(node.input[0])
            if table is None or table[:1] != [vocabulary_size]:
                return f"its table of songs has shape {table}, but the vocabulary has {vocabulary_size} songs"
    return None
