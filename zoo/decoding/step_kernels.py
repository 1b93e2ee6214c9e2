"""Weights in the layout in which a compiled loop of single steps reads them fastest: copies, one an answer.

On a CPU every step waits for the weights to come from memory. Where they lie the wrong way XLA reads them at
half the speed, or as float32.

Shapes: D model width, V vocabulary.
"""

import contextlib

import keras
from keras import ops


def step_way(model, rows):
    """How `rows` rows read the weights of `model`: "turned", "head", or None for as they are.

    "turned": one row in bfloat16, every kernel transposed. "head": several rows in float32, the tied head as
    [D, V].
    """
    if keras.backend.backend() != "tensorflow" or not hasattr(model, "head_kernel"):
        return None
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return None
    if model.compute_dtype == "bfloat16":
        return "turned" if rows == 1 else None
    return "head" if rows > 1 and model.compute_dtype == "float32" and model.tie_weights else None


def step_kernels(model, way):
    """The copies that `substituted` and `step_logits` take, a list of tensors."""
    if way == "head":
        return [ops.transpose(model.head_kernel())]
    if way == "turned":
        dtype = model.compute_dtype
        turned = [ops.transpose(ops.cast(variable, dtype)) for variable in _kernels(model)]
        return [ops.cast(model.embedding.tokens.embeddings, dtype), *turned]
    return []


def step_logits(model, token, kernels, way, **options):
    """(logits float32 [B, T, V], cache) of `model(token, **options)`, by the copies of its weights."""
    if way == "head":
        hidden, cache = model.hidden(token, **options)
        return ops.cast(ops.matmul(hidden, kernels[0]), "float32"), cache
    if way != "turned":
        return model(token, **options)
    token, embeddings, *turned = _kept_inside(token, *kernels)
    values = [ops.transpose(kernel) for kernel in turned]  # XLA multiplies by the transposed one
    variables = [model.embedding.tokens.embeddings, *_kernels(model)]
    with keras.StatelessScope(state_mapping=list(zip(variables, [embeddings, *values], strict=True))):
        return model(token, **options)


def _kernels(model):
    """The matrices that a row is multiplied by, the tied head aside."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dense)]
    kernels = [v._kernel for v in layers if not (v.lora_enabled or v.quantization_mode)]
    return kernels if model.tie_weights else [*kernels, model.embedding.tokens.reverse_embeddings]


def _kept_inside(*tensors):
    """The tensors, so that XLA does not convert them to float32 once, before the loop."""
    with contextlib.suppress(ImportError):
        from tensorflow.compiler.tf2xla.python import xla

        return xla.optimization_barrier(*tensors)
    return tensors
