"""Graphs that do something else than labelling are refused before onnxruntime sees them."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.small_bundle import replace_file
from worker.contract.bundle import BundleError, load_bundle
from worker.inference.labeller import Labeller

Edit = Callable[[onnx.ModelProto], object]


def edit_model(bundle: Path, name: str, edit: Edit) -> None:
    model = onnx.load_model(bundle / name)
    edit(model)
    replace_file(bundle, name, model.SerializeToString())


def make_external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def hide_external_attribute(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node[0].attribute.append(helper.make_attribute("value", tensor))


def cut_table(model: onnx.ModelProto) -> None:
    table = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [200, 8])
    table.dims[0], table.raw_data = 199, table.raw_data[: 199 * 8 * 4]


REFUSED: dict[str, tuple[str, Edit, str]] = {
    "external data": ("encoder.onnx", make_external, "refers to a file outside the model"),
    "external data in an attribute": ("encoder.onnx", hide_external_attribute, "'hidden' refers to a file outside"),
    "forbidden operator": (
        "gender.onnx",
        lambda m: setattr(m.graph.node[-1], "op_type", "LogSoftmax"),
        "operator LogSoftmax is not allowed",
    ),
    "foreign domain": (
        "gender.onnx",
        lambda m: m.opset_import.append(helper.make_opsetid("com.microsoft", 1)),
        "imports operator sets .*com.microsoft",
    ),
    "other operator set": ("gender.onnx", lambda m: setattr(m.opset_import[0], "version", 17), "in version 18 alone"),
    "functions": (
        "gender.onnx",
        lambda m: m.functions.append(helper.make_function("", "F", ["x"], ["x"], [], [helper.make_opsetid("", 18)])),
        "functions",
    ),
    "other input name": ("cluster.onnx", lambda m: setattr(m.graph.input[0], "name", "codes"), "cluster.onnx: .*code"),
    "other input type": (
        "encoder.onnx",
        lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.INT64),
        "song_rows int64.*expected song_rows int32",
    ),
    "other rank": (
        "encoder.onnx",
        lambda m: m.graph.input[0].type.tensor_type.shape.dim.add(dim_value=1),
        r"song_rows int32\['songs', 1\]",
    ),
    "other width": (
        "encoder.onnx",
        lambda m: setattr(m.graph.output[0].type.tensor_type.shape.dim[1], "dim_value", 9),
        r"code float32\['playlists', 9\], expected code float32\['playlists', 8\]",
    ),
    "a song less": ("encoder.onnx", cut_table, r"shape \[199, 8\], but the vocabulary has 200 songs"),
}


@pytest.mark.parametrize(("name", "edit", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_foreign_graph_is_refused(bundle_copy: Path, name: str, edit: Edit, message: str) -> None:
    edit_model(bundle_copy, name, edit)

    with pytest.raises(BundleError, match=message):
        Labeller.load(load_bundle(bundle_copy))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08\xff\xff"])
def test_what_is_no_graph_is_refused(bundle_copy: Path, content: bytes) -> None:
    replace_file(bundle_copy, "gender.onnx", content)

    with pytest.raises(BundleError, match=r"gender.onnx: "):
        Labeller.load(load_bundle(bundle_copy))


def test_a_graph_whose_names_are_no_text_is_refused(bundle_copy: Path) -> None:
    raw = (bundle_copy / "gender.onnx").read_bytes()
    assert b"MatMul" in raw
    replace_file(bundle_copy, "gender.onnx", raw.replace(b"MatMul", b"\x8b" * 6))

    with pytest.raises(BundleError, match=r"gender.onnx: not a valid ONNX model"):
        Labeller.load(load_bundle(bundle_copy))


def test_a_nodes_name_that_is_no_text_is_refused(bundle_copy: Path) -> None:
    raw = (bundle_copy / "gender.onnx").read_bytes()
    name = max((node.name for node in onnx.load_model_from_string(raw).graph.node), key=len).encode()
    replace_file(bundle_copy, "gender.onnx", raw.replace(name, b"\x8b" * len(name)))

    with pytest.raises(BundleError, match=r"gender.onnx: "):
        Labeller.load(load_bundle(bundle_copy))
