"""Operations with a fast path of their own on some backend, each beside its plain `keras.ops` form.

A function here picks the path: `batch_norm(...)` runs TensorFlow's fused operation under the TensorFlow
backend and the plain form everywhere else. The plain forms stay importable: tests hold the two equal.
"""

from zoo.kernels.batch_norm import batch_norm, batch_norm_inference, batch_norm_plain
from zoo.kernels.convolution import padded_conv, padded_conv_plain

__all__ = ["batch_norm", "batch_norm_inference", "batch_norm_plain", "padded_conv", "padded_conv_plain"]
