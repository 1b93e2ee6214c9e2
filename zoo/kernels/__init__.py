"""Operations with a fast path of their own on some backend, each beside its plain `keras.ops` form.

A function here picks the path: `batch_norm(...)` runs TensorFlow's fused operation under the TensorFlow
backend and the plain form everywhere else. The plain forms stay importable: tests hold the two equal.
"""

from zoo.kernels.adam import adam_plain
from zoo.kernels.attention import attention, attention_weights, attention_weights_plain
from zoo.kernels.batch_norm import batch_norm, batch_norm_inference, batch_norm_plain
from zoo.kernels.convolution import padded_conv, padded_conv_plain
from zoo.kernels.ctc import ctc_loss_and_gradient, ctc_loss_and_gradient_plain, frames_needed
from zoo.kernels.dropout import dropout, dropout_plain
from zoo.kernels.gelu import gelu, gelu_plain
from zoo.kernels.layer_norm import layer_norm, layer_norm_plain, rms_norm
from zoo.kernels.projection import by_panels, panel_product, panels_of, project
from zoo.kernels.recurrent import gru, gru_plain, lstm, lstm_plain

__all__ = [
    "adam_plain",
    "attention",
    "attention_weights",
    "attention_weights_plain",
    "batch_norm",
    "batch_norm_inference",
    "batch_norm_plain",
    "by_panels",
    "ctc_loss_and_gradient",
    "ctc_loss_and_gradient_plain",
    "dropout",
    "dropout_plain",
    "frames_needed",
    "gelu",
    "gelu_plain",
    "gru",
    "gru_plain",
    "layer_norm",
    "layer_norm_plain",
    "lstm",
    "lstm_plain",
    "padded_conv",
    "padded_conv_plain",
    "panel_product",
    "panels_of",
    "project",
    "rms_norm",
]
