"""Weights in the layout in which a compiled loop of single steps reads them fastest: copies, one an answer.

On a CPU every step waits for the weights to come from memory. Where they lie the wrong way XLA reads them at
half the speed, or as float32.

Shapes: D model width, V vocabulary.
"""

import contextlib

import keras
from keras import ops

from zoo.kernels import by_panels, panel_width, panels_of

WORTH = 24  # steps after which panels have saved the time of their copies


def step_way(model, rows, steps=WORTH):
    """How `rows` rows read the weights of `model` for `steps` steps; None for as they are.

    "panels": one row in float32, kernels as panels that lie in one piece. "turned": one row in bfloat16,
    every kernel transposed. "head": several rows in float32, the tied head as [D, V].
    """
    if keras.backend.backend() != "tensorflow" or not hasattr(model, "head_kernel"):
        return None
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return None
    if model.compute_dtype == "bfloat16":
        return "turned" if rows == 1 else None
    if model.compute_dtype != "float32":
        return None
    if rows == 1:
        return "panels" if steps >= WORTH else None
    return "head" if model.tie_weights else None


def step_kernels(model, way):
    """The copies that `step_logits` takes, a list of tensors."""
    if way == "head":
        return [ops.transpose(model.head_kernel())]
    if way == "panels":
        return [panels_of(layer) for layer in _panelled(model)]
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
    if way == "panels":
        with by_panels(_panelled(model), kernels):
            return model(token, **options)
    if way != "turned":
        return model(token, **options)
    token, embeddings, *turned = _kept_inside(token, *kernels)
    values = [ops.transpose(kernel) for kernel in turned]  # XLA multiplies by the transposed one
    variables = [model.embedding.tokens.embeddings, *_kernels(model)]
    with keras.StatelessScope(state_mapping=list(zip(variables, [embeddings, *values], strict=True))):
        return model(token, **options)


def _plain(model):
    """The dense layers whose product is that of their kernel."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dense)]
    return [layer for layer in layers if not (layer.lora_enabled or layer.quantization_mode)]


def _panelled(model):
    return [layer for layer in _plain(model) if panel_width(layer)]


def _kernels(model):
    """The matrices that a row is multiplied by, the tied head aside."""
    kernels = [layer._kernel for layer in _plain(model)]
    return kernels if model.tie_weights else [*kernels, model.embedding.tokens.reverse_embeddings]


def _kept_inside(*tensors):
    """The tensors, so that XLA does not convert them to float32 once, before the loop."""
    with contextlib.suppress(ImportError):
        from tensorflow.compiler.tf2xla.python import xla

        return xla.optimization_barrier(*tensors)
    return tensors
