"""An onnxruntime session as this worker wants it."""

import onnxruntime  # type: ignore[import-untyped]

from worker.contract.bundle import BundleError


def open_session(name: str, raw: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread, from the bytes that were verified. Raises BundleError if onnxruntime refuses them."""
    options = onnxruntime.SessionOptions()
    # onnxruntime lets the threads of a ScatterND with reduction "add" write the same row at once, which loses songs:
    # more threads than one would give wrong sums. It is batches that are split over threads instead.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Planning memory by shape pays only where shapes repeat; the songs of a chunk hardly ever do.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class of their own
        raise BundleError(f"{name}: onnxruntime refuses the model ({error}). Export the run again.") from error
    # Kept for a change of providers, which nobody asks for; of a large model it is nearly all that the bundle has.
    session._model_bytes = None
    return session
