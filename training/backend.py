"""TensorFlow, told to be quiet before it is imported. Models import `tf` from here alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import tensorflow as tf

__all__ = ["tf"]

tf.get_logger().setLevel("ERROR")
