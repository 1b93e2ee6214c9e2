"""The product of a dense layer, by panels of its weights inside a compiled loop of single steps.

Few rows meet every weight once, so that memory sets the pace: panels, each of which lies in one piece, are
read at its full speed, a kernel [D, N] at two thirds of it. For one row XLA shares the panels out among the
cores. For several it leaves a product of many panels to one core, but runs products that do not wait for each
other side by side: then there is a group of panels for each core.

Shapes: R rows, D and N widths before and after, G panels of a group, P their width.
"""

import contextlib
import contextvars
import itertools
import os

import keras
from keras import ops

from zoo.kernels.int8 import project_int8

ONE_ROW = {"width": 96, "groups": 1}  # what the memory likes best, for `panels_of`
ROWS = {"width": 64, "groups": min(os.cpu_count() or 1, 8)}  # more cores do not make memory faster
_panels = contextvars.ContextVar("panels")  # of the layers that have some, by their id


def project(dense, x):
    """`dense(x)` for x [R, D] -> [R, N], by panels within `by_panels`; of int8 see `zoo.kernels.int8`."""
    if dense.quantization_mode == "int8":
        return project_int8(dense, x)
    groups = _panels.get({}).get(id(dense))
    if groups is None:
        return dense(x)
    y = panel_product(x, groups, dense.units)
    return y if dense.bias is None else y + dense.bias


def panels_of(kernel, width, groups, turned=False):
    """A copy of the kernel [D, N], or `turned` [N, D]: up to `groups` of [G, D, P], zeros behind N."""
    axis = 0 if turned else 1
    count = -(-kernel.shape[axis] // width)
    behind = [0, count * width - kernel.shape[axis]]
    if behind[1]:
        kernel = ops.pad(kernel, [behind, [0, 0]] if turned else [[0, 0], behind])
    if turned:
        panels = ops.transpose(ops.reshape(kernel, (count, width, -1)), (0, 2, 1))
    else:
        panels = ops.transpose(ops.reshape(kernel, (-1, count, width)), (1, 0, 2))
    return tuple(panels[begin:end] for begin, end in cuts(count, min(groups, count)))


def cuts(size, count):
    """[(begin, end)] of `count` parts of `size`, equal ones where that goes."""
    return list(itertools.pairwise(size * i // count for i in range(count + 1)))


def panel_product(x, groups, size):
    """The product of x [R, D] and the kernel [D, size] that the groups are of -> [R, size]."""
    rows, width = ops.shape(x)
    parts = []
    for panels in groups:
        y = _products(ops.broadcast_to(x, (panels.shape[0], rows, width)), panels)  # [G, R, P]
        parts.append(ops.reshape(ops.transpose(y, (1, 0, 2)), (rows, -1)))
    y = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
    return y if y.shape[1] == size else y[:, :size]


def _products(x, y):
    """x [G, R, D] times y [G, D, P] -> [G, R, P]."""
    if keras.backend.backend() == "tensorflow" and x.dtype == "bfloat16":
        from zoo.kernels.projection_tensorflow import products_tensorflow

        return products_tensorflow(x, y)
    return ops.matmul(x, y)


@contextlib.contextmanager
def by_panels(layers, panels):
    """Within it `project` multiplies by `panels` for these layers."""
    token = _panels.set({id(layer): part for layer, part in zip(layers, panels, strict=True)})
    try:
        yield
    finally:
        _panels.reset(token)
