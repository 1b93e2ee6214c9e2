"""What callers pass to the methods of an application, checked before any work begins."""

import difflib
import inspect
import numbers
import os

import numpy as np


def check_path(path, name):
    """ValueError unless `path` is a string or a path."""
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"{name}: expected a string or a path, found {path!r:.60}")


def check_count(number, name):
    """ValueError unless `number` is an integer of at least 1."""
    if not isinstance(number, numbers.Integral) or isinstance(number, bool) or number < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, found {number!r}")


def check_examples(x, y=None):
    """ValueError for what cannot hold examples, or labels beside them."""
    if x is None or isinstance(x, (bool, numbers.Number)):
        raise ValueError(f"x: expected raw data (a list, an array, a data set, a path), found {x!r}")
    if isinstance(y, (bool, numbers.Number, str, bytes)) and not isinstance(x, (str, bytes)):
        raise ValueError(f"y: expected labels, one for each row of x, found {y!r:.60}")


def check_weights(weights, taken):
    """ValueError unless `weights` are None or float [N], finite and not negative; `taken` False: None."""
    if weights is None:
        return
    if not taken:
        raise ValueError("sample_weight: expected None, found weights; repeat examples instead")
    values = np.asarray(weights)
    if values.ndim != 1 or values.dtype.kind not in "fiub":
        raise ValueError(f"sample_weight: expected numbers [N], found shape {values.shape} of {values.dtype}")
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"sample_weight: expected finite numbers of at least 0, found {values[row]} at row {row}"
        )


def named(room, name, argument):
    """The public object `name` of a package; ValueError with near names where there is none."""
    if name not in room.__all__:
        near = difflib.get_close_matches(name, room.__all__, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"{argument}: expected a name of {room.__name__}, found {name!r}{hint}")
    return getattr(room, name)


def made(kind, arguments, argument):
    """`kind(**arguments)`; ValueError where it has no such arguments."""
    known = list(inspect.signature(kind).parameters)
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ValueError(f"{argument}: expected keys among {known}, found {unknown}")
    return kind(**arguments)
