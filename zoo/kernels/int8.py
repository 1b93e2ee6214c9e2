"""The product of a dense layer that Keras has quantized to int8, kernel and inputs.

TensorFlow multiplies integers of 8 bits several times slower than floats, XLA's library several times faster.
"""

import keras
from keras import ops

FEW = 8  # rows, for which memory sets the pace: those of a loop of single steps, which XLA compiles


def project_int8(dense, x):
    """`dense(x)` for x [R, D] -> [R, N]: of few rows, and R known, as integers, else as floats."""
    rows = x.shape[0]
    if rows == 1:
        return dense(ops.repeat(x, 2, axis=0))[:1]  # XLA leaves two rows to its library, but not one
    quantizer = dense.inputs_quantizer
    few = rows is not None and rows <= FEW
    if few or dense.lora_enabled or not isinstance(quantizer, keras.quantizers.AbsMaxQuantizer):
        return dense(x)
    wide = ops.cast(x, "float32")
    largest = ops.max(ops.abs(ops.stop_gradient(wide)), axis=-1, keepdims=True)
    scale = quantizer.value_range[1] / (largest + quantizer.epsilon)
    whole = ops.cast(_rounded(wide * scale), x.dtype)
    y = ops.matmul(whole, ops.cast(dense.kernel, x.dtype))
    y = y / ops.cast(scale, x.dtype) / ops.cast(dense.kernel_scale, x.dtype)
    return y if dense.bias is None else y + dense.bias


@ops.custom_gradient
def _rounded(x):
    """round(x), with the gradient of x."""

    def gradient(*arguments, upstream=None):
        return arguments[0] if upstream is None else upstream

    return ops.round(x), gradient
