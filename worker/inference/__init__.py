"""Running the bundle's models; the only place that imports onnxruntime."""

import os

# ONNX Runtime's builds for Linux tell Microsoft what they are used for, from release 1.29 on. Once it is imported it is
# too late to ask it not to. Nothing leaves a worker but for Kafka and Redis.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
