"""Learning-rate schedules with warm-up that know where they began."""

import math

import keras
from keras import ops

SHAPES = ("constant", "linear", "cosine")


@keras.saving.register_keras_serializable("zoo")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0 to `peak`, then constant, linear or cosine decay to 0 (arXiv:1608.03983).

    With t steps since `start`, w warm-up steps and T steps in all:
    rate = peak * min((t + 1) / w, decay((t - w) / (T - w))).
    Keras' `CosineDecay` has no linear form and always starts at step 0: a second `fit` would train at rate 0.

    Args:
        peak: highest learning rate.
        total_steps: T, warm-up included.
        warmup_steps: w, at most T.
        shape: "constant", "linear" or "cosine".
        start: the optimizer's iteration at which t is 0.

    Example:
        >>> float(WarmupSchedule(0.1, total_steps=100, warmup_steps=10)(9))
        0.10000000149011612
    """

    def __init__(self, peak, total_steps, warmup_steps=0, shape="cosine", start=0):
        super().__init__()
        if shape not in SHAPES:
            raise ValueError(f"shape: expected one of {SHAPES}, found {shape!r}")
        if not 0 <= warmup_steps <= total_steps:
            raise ValueError(f"warmup_steps: expected 0..{total_steps} (total_steps), found {warmup_steps}")
        self.peak = float(peak)
        self.total_steps = int(total_steps)
        self.warmup_steps = int(warmup_steps)
        self.shape = shape
        self.start = int(start)

    def __call__(self, step):
        t = ops.cast(step, "float32") - self.start
        span = max(1, self.total_steps - self.warmup_steps)
        progress = ops.clip((t - self.warmup_steps) / span, 0.0, 1.0)
        decay = {
            "constant": ops.ones_like(progress),
            "linear": 1.0 - progress,
            "cosine": 0.5 * (1.0 + ops.cos(math.pi * progress)),
        }[self.shape]
        return self.peak * ops.minimum((t + 1.0) / max(1, self.warmup_steps), decay)

    def get_config(self):
        names = ("peak", "total_steps", "warmup_steps", "shape", "start")
        return {name: getattr(self, name) for name in names}
