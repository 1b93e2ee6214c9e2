"""Weights in the layout in which a compiled loop of single steps reads them fastest: copies of them.

On a CPU every step waits for the weights to come from memory. Where they lie the wrong way XLA reads them at
half the speed, or as float32.

The copies are kept with the model until its weights change, and no longer than the model.

Shapes: D model width, V vocabulary.
"""

import contextlib
import weakref

import keras
import numpy as np
from keras import ops

from zoo.decoding.step_shares import count_shares, empty_scratch, share_kernels, share_logits, shared_cache
from zoo.kernels import by_panels, panel_product, panels_of
from zoo.kernels.projection import ONE_ROW, ROWS

WORTH = 24  # steps after which panels have saved the time of their copies
DENSE = 4  # dense layers of a block
FEW = 64  # rows, for which memory sets the pace
_kept = weakref.WeakKeyDictionary()  # model -> (way, weights that the copies are of, copies)


def step_way(model, rows, steps=WORTH):
    """How `rows` rows read the weights of `model` for `steps` steps; None for as they are.

    "panels": one row in float32, the layers' kernels as panels that lie in one piece. "shares": several rows,
    a share of every block for each core (`zoo.decoding.step_shares`). "groups": several rows in bfloat16, or
    heads that cannot be shared out: every kernel, the head's too, as a group of panels for each core.
    "turned": one row in bfloat16, every kernel transposed. None, too, where the embeddings are quantized.
    """
    if keras.backend.backend() != "tensorflow" or not hasattr(model, "head_kernel"):
        return None
    if model.embedding.tokens.quantization_mode:
        return None
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return None
    if model.compute_dtype == "bfloat16" and rows == 1:
        return "turned"
    if model.compute_dtype not in ("float32", "bfloat16") or rows > FEW or steps < WORTH:
        return None
    if rows == 1:
        return "panels"
    if model.compute_dtype == "bfloat16":
        return "groups"
    whole = len(_plain(model)) == len(model.blocks) * DENSE
    return "shares" if whole and count_shares(model) > 1 else "groups"


def step_cache(model, cache, way):
    """The cache of a prefill as `step_logits` takes it."""
    return shared_cache(model, cache) if way == "shares" else cache


def step_scratch(model, cache, way):
    """The scratch of `step_logits` before the first step."""
    return empty_scratch(model, cache) if way == "shares" else []


def step_kernels(model, way):
    """The copies that `step_logits` takes, a list of tensors or groups of them."""
    dtype = model.compute_dtype
    if way == "panels":
        return [panels_of(layer.kernel, **ONE_ROW) for layer in _plain(model)]
    if way == "shares":
        return share_kernels(model)
    if way == "groups":
        kernels = [ops.cast(layer.kernel, dtype) for layer in _plain(model)]
        head = panels_of(ops.cast(model.head_kernel(), dtype), **ROWS, turned=True)
        return [head, *(panels_of(kernel, **ROWS) for kernel in kernels)]
    if way == "turned":
        turned = [ops.transpose(ops.cast(variable, dtype)) for variable in _kernels(model)]
        return [ops.cast(model.embedding.tokens.embeddings, dtype), *turned]
    return []


def kept_kernels(model, way):
    """`step_kernels`: those of the last call as long as the weights are the same ones."""
    if way is None:
        return []
    import tensorflow as tf

    # TensorFlow never changes a tensor that somebody holds: an update of its variable writes elsewhere.
    weights = list(map(tf.convert_to_tensor, _sources(model)))
    known = _kept.get(model)
    if known is None or known[0] != way or _places(known[1]) != _places(weights):
        _kept.pop(model, None)
        known = _kept[model] = way, weights, step_kernels(model, way)
    return known[2]


def forget_kernels(model):
    """Frees what `kept_kernels` keeps."""
    _kept.pop(model, None)


def step_logits(model, token, kernels, way, **options):
    """(logits float32 [B, 1, V], cache, scratch) of `model(token [B, 1], **options)`, by the copies of its
    weights; a loop has to return the scratch (`zoo.decoding.step_shares`).
    """
    if way == "shares":
        return share_logits(model, token, kernels, **options)
    if way == "panels":
        with by_panels(_plain(model), kernels):
            hidden, cache = model.hidden(token, **options)
        # Not `hidden` times the head turned: XLA makes one loop of that and the norm, which takes longer.
        logits = ops.matmul(model.head_kernel(), hidden[0, 0])
        return ops.cast(logits, "float32")[None, None], cache, []
    if way == "groups":
        head, *others = kernels
        with by_panels(_plain(model), others):
            hidden, cache = model.hidden(token, **options)
        logits = panel_product(hidden[:, 0], head, model.vocabulary_size)
        return ops.cast(logits, "float32")[:, None], cache, []
    if way != "turned":
        return *model(token, **options), []
    token, embeddings, *turned = _kept_inside(token, *kernels)
    values = [ops.transpose(kernel) for kernel in turned]  # XLA multiplies by the transposed one
    with keras.StatelessScope(state_mapping=list(zip(_matrices(model), [embeddings, *values], strict=True))):
        return *model(token, **options), []


def _plain(model):
    """The dense layers whose product is that of their kernel."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dense)]
    return [layer for layer in layers if not (layer.lora_enabled or layer.quantization_mode)]


def _sources(model):
    """The variables that copies are of."""
    return [*_matrices(model), *(layer.bias for layer in _plain(model) if layer.bias is not None)]


def _matrices(model):
    return [model.embedding.tokens.embeddings, *_kernels(model)]


def _places(tensors):
    """Where in memory the tensors lie."""
    return [np.asarray(tensor).__array_interface__["data"][0] for tensor in tensors]


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
