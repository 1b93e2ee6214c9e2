"""Optimizers by name, with decoupled weight decay that leaves norms and biases alone."""

import inspect

import keras

from zoo.training.adamw import AdamW
from zoo.training.sgd import SGD

# Parts of the names of variables that weight decay skips: the norms' scale and shift, and biases.
NO_WEIGHT_DECAY = ("gamma", "beta", "bias")

OPTIMIZERS = {
    "sgd": SGD,
    "adam": keras.optimizers.Adam,
    "adamw": AdamW,
    "lamb": keras.optimizers.Lamb,
    "muon": keras.optimizers.Muon,
    "lion": keras.optimizers.Lion,
    "rmsprop": keras.optimizers.RMSprop,
}


def make_optimizer(
    name, learning_rate, momentum=0.9, weight_decay=0.0, ema=None, clip_norm=None, layer_rates=None
):
    """A Keras optimizer from plain numbers.

    Args:
        name: one of `OPTIMIZERS`; "sgd" is with Nesterov momentum.
        learning_rate: a number or a schedule.
        momentum: of "sgd" and "rmsprop"; others ignore it.
        weight_decay: decoupled (arXiv:1711.05101): a step shrinks a kernel by learning_rate * weight_decay.
            PyTorch's L2 penalty of p with momentum m is about weight_decay = p / (1 - m).
        ema: momentum of an exponential moving average of the weights, or None.
        clip_norm: global norm at which gradients are clipped, or None.
        layer_rates: of "adamw", see `zoo.training.adamw.AdamW`.
    """
    if name not in OPTIMIZERS:
        raise _unknown(name)
    none = 0.0 if name == "adamw" else None  # Keras' AdamW refuses None
    arguments = {"weight_decay": weight_decay or none, "global_clipnorm": clip_norm}
    if ema is not None:
        arguments |= {"use_ema": True, "ema_momentum": ema}
    if layer_rates:
        if name != "adamw":
            raise ValueError(f"layer_decay: expected 1 with the optimizer {name!r}, found another number")
        arguments["layer_rates"] = layer_rates
    accepted = inspect.signature(OPTIMIZERS[name].__init__).parameters
    if "momentum" in accepted:
        arguments["momentum"] = float(momentum)
    if "adam_weight_decay" in accepted:  # of Muon, for what is not a matrix
        arguments["adam_weight_decay"] = weight_decay or None
    if "nesterov" in accepted:
        arguments["nesterov"] = momentum > 0
    rate = float(learning_rate) if isinstance(learning_rate, int) else learning_rate  # Keras refuses integers
    return exclude_norms_and_biases(OPTIMIZERS[name](rate, **arguments))


def known_optimizer(optimizer):
    """The Keras optimizer behind an object, a name or a config; ValueError where there is none."""
    try:
        return keras.optimizers.get(optimizer)
    except ValueError as error:
        raise _unknown(optimizer) from error


def _unknown(optimizer):
    return ValueError(
        f"optimizer: expected one of {sorted(OPTIMIZERS)} or a Keras optimizer, found {optimizer!r:.60}"
    )


def exclude_norms_and_biases(optimizer):
    """Keeps weight decay off norms and biases; Keras forgets this setting when it serializes an optimizer."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not inner.built:
        inner.exclude_from_weight_decay(var_names=list(NO_WEIGHT_DECAY))
    return optimizer


def with_loss_scale(optimizer):
    """`optimizer` with the dynamic loss scale that float16 gradients need (arXiv:1710.03740).

    Example:
        >>> type(with_loss_scale("sgd").inner_optimizer).__name__
        'SGD'
    """
    optimizer = keras.optimizers.get(optimizer)
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
