"""What each field of a recipe may hold."""

import math
import numbers

import keras

from zoo.training.schedules import SHAPES


def _whole(least, none=False):
    """(what is expected, the test of it) of an integer field."""
    text = f"an integer of at least {least}" + " or None" * none
    return text, lambda v: v is None if none and v is None else _is(v, numbers.Integral) and v >= least


def _number(least=0.0, most=math.inf, none=False, open_below=False):
    bracket = "(" if open_below else "["
    text = f"a number of at least {least:g}"
    if most < math.inf:
        text = f"a number in {bracket}{least:g}, {most:g}]"
    text += " or None" * none

    def fits(value):
        if value is None:
            return none
        inside = _is(value, numbers.Real) and least <= value <= most and value < math.inf
        return inside and not (open_below and value == least)

    return text, fits


def _is(value, kind):
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_policy(value):
    try:
        return isinstance(value, str) and bool(keras.dtype_policies.get(value))
    except ValueError:
        return False


_TEXT = "a string", lambda v: isinstance(v, str)
_POLICY = "a Keras dtype policy, such as 'float32' or 'mixed_bfloat16'", _is_policy
_DICT = "a dict", lambda v: isinstance(v, dict)
_PAIRS = (
    "pairs of integers of at least 0",
    lambda v: (
        isinstance(v, tuple)
        and all(isinstance(p, tuple) and len(p) == 2 and all(_whole(0)[1](n) for n in p) for p in v)
    ),
)
# Field of a recipe -> (what is expected of it, the test of that).
FIELDS = {
    "epochs": _whole(1),
    "batch_size": _whole(1),
    "epoch_steps": _whole(1, none=True),
    "accumulate": _whole(1),
    "optimizer": _TEXT,
    "learning_rate": _number(),
    "warmup": _number(),
    "schedule": (f"one of {SHAPES}", lambda v: v in SHAPES),
    "momentum": _number(0, 1),
    "weight_decay": _number(),
    "ema": _number(0, 1, none=True),
    "clip_norm": _number(none=True),
    "layer_decay": _number(0, 1, open_below=True),
    "lora": _whole(0),
    "patience": _whole(0),
    "monitor": _TEXT,
    "label_smoothing": _number(0, 1),
    "augment": _DICT,
    "train_sizes": _PAIRS,
    "precision": _POLICY,
    "seed": _whole(0),
    **dict.fromkeys(("name", "application", "model", "start", "data"), _TEXT),
    "preprocessor": _DICT,
    "decoder": _DICT,
    **dict.fromkeys(("train_split", "validation_split", "test_split"), _TEXT),
}
