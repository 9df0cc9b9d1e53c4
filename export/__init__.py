"""From a training run to a bundle that the worker serves: converted, compared, written whole or not at all."""
