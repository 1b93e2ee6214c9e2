"""The CTC loss by true lengths (Graves et al. 2006, "Connectionist temporal classification", ICML).

Shapes: B batch, T time, V vocabulary with the blank, L labels.
"""

import keras
from keras import ops

from zoo import kernels


def ctc_loss(labels, logits, label_lengths, logit_lengths, blank=0):
    """-log p(labels | logits), summed over all alignments of the labels with the frames.

    Padding changes nothing: `keras.losses.CTC` takes the padded length for every row. Rows whose labels do
    not fit into their frames have loss 0 and gradient 0; `ctc_feasible` says which they are.

    Args:
        labels: int [B, L] in [0, V), none of them `blank`; what lies behind `label_lengths` is ignored.
        logits: float [B, T, V], unnormalized; what lies behind `logit_lengths` is ignored.
        label_lengths: int [B] in [0, L].
        logit_lengths: int [B] in [0, T].
        blank: class of the blank.

    Returns: loss, float32 [B].

    Raises: ValueError for shapes that do not fit.

    Reference: Graves et al. 2006, "Connectionist temporal classification", ICML.

    Example:
        >>> logits = keras.ops.zeros((1, 3, 2))
        >>> loss = ctc_loss(labels=[[1]], logits=logits, label_lengths=[1], logit_lengths=[3])
        >>> round(float(keras.ops.exp(-loss)[0] * 8), 4)  # 6 of 8 paths collapse to the label
        6.0
    """
    logits = ops.convert_to_tensor(logits)
    labels, label_lengths, logit_lengths = (
        ops.cast(ops.convert_to_tensor(v), "int32") for v in (labels, label_lengths, logit_lengths)
    )
    _check(logits, labels, label_lengths, logit_lengths, blank)
    if labels.shape[1] in (0, 1):  # the recursion looks back by two labels with blanks between
        labels = ops.pad(labels, ((0, 0), (0, 2 - labels.shape[1])), constant_values=blank)
    logits = ops.maximum(ops.cast(logits, "float32"), -1e30)  # an infinite one would make 0 of no use below
    fixed = ops.stop_gradient(logits)
    loss, gradient = kernels.ctc_loss_and_gradient(fixed, labels, label_lengths, logit_lengths, blank)
    loss, gradient = ops.stop_gradient(loss), ops.stop_gradient(gradient)
    # Zero with the derivative `gradient`: the backward pass is done already, on every backend.
    tangent = ops.sum(gradient * (logits - fixed), axis=(1, 2))
    return loss + tangent


def ctc_feasible(labels, label_lengths, logit_lengths):
    """bool [B]: whether the labels fit into the frames, one each and a blank between equal neighbours.

    Example:
        >>> ctc_feasible(labels=[[1, 2], [1, 1]], label_lengths=[2, 2], logit_lengths=[2, 2]).numpy().tolist()
        [True, False]
    """
    labels, label_lengths, logit_lengths = (
        ops.cast(ops.convert_to_tensor(v), "int32") for v in (labels, label_lengths, logit_lengths)
    )
    return logit_lengths >= kernels.frames_needed(labels, label_lengths)


def _check(logits, labels, label_lengths, logit_lengths, blank):
    if len(logits.shape) != 3:
        raise ValueError(f"logits: expected shape [B, T, V], found {tuple(logits.shape)}")
    if len(labels.shape) != 2:
        raise ValueError(f"labels: expected shape [B, L], found {tuple(labels.shape)}")
    for name, value in (("label_lengths", label_lengths), ("logit_lengths", logit_lengths)):
        if len(value.shape) != 1:
            raise ValueError(f"{name}: expected shape [B], found {tuple(value.shape)}")
    sizes = {v.shape[0] for v in (logits, labels, label_lengths, logit_lengths)} - {None}
    if len(sizes) > 1:
        found = [tuple(v.shape) for v in (logits, labels, label_lengths, logit_lengths)]
        raise ValueError(
            f"logits, labels, label_lengths, logit_lengths: expected one batch size, found shapes {found}"
        )
    if not 0 <= blank < logits.shape[-1]:
        raise ValueError(f"blank: expected a class in [0, {logits.shape[-1]}), found {blank}")


@keras.saving.register_keras_serializable("zoo")
class CTC(keras.losses.Loss):
    """`ctc_loss` as a Keras loss.

    y_true packs labels and lengths, y_pred logits and lengths, since a Keras loss takes one tensor each.
    `pack` and `unpack` do it: the last column of y_true is the label length; the last channel of y_pred
    holds, in its first frame, the number of frames.

    Args:
        blank: class of the blank.
        per_label: divides each row's loss by its label length, so that long rows do not outweigh short ones.
        **kwargs: `reduction`, `name`, `dtype`.

    Example:
        >>> y_true = CTC.pack_labels([[1, 2]], [2])
        >>> y_pred = CTC.pack_logits(keras.ops.zeros((1, 4, 3)), [4])
        >>> round(float(CTC()(y_true, y_pred)), 4)  # 15 of 81 paths
        1.6864
    """

    def __init__(self, blank=0, per_label=False, name="ctc", **kwargs):
        super().__init__(name=name, **kwargs)
        self.blank = blank
        self.per_label = per_label

    @staticmethod
    def pack_labels(labels, label_lengths):
        """int [B, L], int [B] -> int32 [B, L + 1]."""
        labels, label_lengths = ops.cast(labels, "int32"), ops.cast(label_lengths, "int32")
        return ops.concatenate([labels, label_lengths[:, None]], axis=1)

    @staticmethod
    def pack_logits(logits, logit_lengths):
        """float [B, T, V], int [B] -> float32 [B, T, V + 1]."""
        logits = ops.cast(logits, "float32")
        lengths = ops.cast(logit_lengths, "float32")[:, None, None]
        lengths = ops.broadcast_to(lengths, (ops.shape(logits)[0], ops.shape(logits)[1], 1))
        return ops.concatenate([logits, lengths], axis=-1)

    @staticmethod
    def unpack(y_true, y_pred):
        """labels [B, L], logits [B, T, V], label_lengths [B], logit_lengths [B] of two packed tensors."""
        y_true = ops.cast(y_true, "int32")
        return {
            "labels": y_true[:, :-1],
            "logits": y_pred[..., :-1],
            "label_lengths": y_true[:, -1],
            "logit_lengths": ops.cast(ops.stop_gradient(y_pred)[:, 0, -1], "int32"),
        }

    def call(self, y_true, y_pred):
        parts = self.unpack(y_true, y_pred)
        loss = ctc_loss(**parts, blank=self.blank)
        if self.per_label:
            loss = loss / ops.maximum(ops.cast(parts["label_lengths"], "float32"), 1.0)
        return loss

    def get_config(self):
        return {**super().get_config(), "blank": self.blank, "per_label": self.per_label}
