"""Losses on pairs of vectors, for sentence embeddings.

Shapes: B batch, D width.
"""

import keras
from keras import ops

from zoo.kernels.whole_batch import whole_batch


@keras.saving.register_keras_serializable("zoo")
class ContrastiveLoss(keras.losses.Loss):
    """Each first vector must find its second one among all of the batch, and the reverse.

    With cosines c_ij of the i-th first and the j-th second vector and a scale s:
    loss_i = -(log softmax_j(s c_ij)[i] + log softmax_j(s c_ji)[i]) / 2.

    Where several devices share a batch, the contrasts are those of all of them, as on one.

    Args:
        scale: s, the inverse of the temperature.
        **kwargs: `name`, `reduction`.

    Inputs: y_true is not read (Keras wants one); y_pred float [B, 2, D]. Output: float [B] before reduction.

    Reference: arXiv:1705.00652, section 4.4; arXiv:2103.00020 (both directions).

    Example:
        >>> round(float(ContrastiveLoss()(np.zeros(2), np.eye(2)[:, None].repeat(2, 1))), 4)
        0.0
    """

    over_replicas = True  # no part of a function that XLA compiles for one replica

    def __init__(self, scale=20.0, name="contrastive", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        unit = ops.normalize(ops.cast(y_pred, "float32"), axis=-1)
        everyone = whole_batch(unit)  # [N, 2, D], N = B on one device
        if everyone is unit:
            scores = self.scale * ops.matmul(unit[:, 0], ops.transpose(unit[:, 1]))  # [B, B]
            right = ops.diagonal(scores)
            return (ops.logsumexp(scores, axis=1) + ops.logsumexp(scores, axis=0)) / 2 - right
        right = self.scale * ops.sum(unit[:, 0] * unit[:, 1], axis=-1)
        to_seconds = self.scale * ops.matmul(unit[:, 0], ops.transpose(everyone[:, 1]))  # [B, N]
        to_firsts = self.scale * ops.matmul(unit[:, 1], ops.transpose(everyone[:, 0]))
        return (ops.logsumexp(to_seconds, axis=1) + ops.logsumexp(to_firsts, axis=1)) / 2 - right

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("zoo")
class CosineLoss(keras.losses.Loss):
    """(cos(a, b) - y)^2 of a pair of vectors and the cosine it should have (arXiv:1908.10084).

    Args:
        **kwargs: `name`, `reduction`.

    Inputs: y_true float [B] in [-1, 1], y_pred float [B, 2, D]. Output: float [B] before reduction.

    Example:
        >>> float(CosineLoss()(np.array([1.0]), np.array([[[1.0, 0.0], [0.0, 1.0]]])))
        1.0
    """

    def __init__(self, name="cosine", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        unit = ops.normalize(ops.cast(y_pred, "float32"), axis=-1)
        cosines = ops.sum(unit[:, 0] * unit[:, 1], axis=-1)  # [B]
        return ops.square(cosines - ops.reshape(ops.cast(y_true, "float32"), (-1,)))
