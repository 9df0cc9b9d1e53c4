"""Running the bundle's models; the only place that imports onnxruntime."""
