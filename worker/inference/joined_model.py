"""The bundle's three models as one: a chunk is then one call, and one wait for the interpreter instead of three."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto

HEADS = ("gender", "cluster")


def join_models(models: dict[str, "ModelProto"]) -> bytes:
    """The ONNX model from playlists to the outputs HEADS, of a bundle's checked models; the encoder's is taken out."""
    # Imported here, because only loading needs it and it takes a while.
    from onnx import compose  # noqa: PLC0415

    # Added in place: onnx.compose.merge_models would copy the encoder's table, which is nearly all of the bundle.
    joined = models.pop("encoder")
    del joined.graph.output[:]
    for name in HEADS:
        head = compose.add_prefix(models[name], f"{name}_", rename_inputs=False, rename_outputs=False).graph
        joined.graph.node.extend(head.node)
        joined.graph.initializer.extend(head.initializer)
        joined.graph.output.extend(head.output)
    raw: bytes = joined.SerializeToString()
    return raw
