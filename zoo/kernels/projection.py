"""The product of a dense layer, by panels of its weights inside a compiled loop of single steps.

A single row meets every weight once, so that memory sets the pace: panels, each of which lies in one piece,
are read at its full speed, a kernel [D, N] at two thirds of it.

Shapes: R rows, D and N widths before and after, G panels of width P (G P = N).
"""

import contextlib
import contextvars

from keras import ops

WIDTHS = (96, 128, 64)  # P, what the memory likes best first
_panels = contextvars.ContextVar("panels")  # of the layers that have some, by their id


def project(dense, x):
    """`dense(x)` for x [R, D] -> [R, N], by panels within `by_panels`."""
    panels = _panels.get({}).get(id(dense))
    if panels is None:
        return dense(x)
    count, width, size = panels.shape
    rows = ops.shape(x)[0]
    y = ops.matmul(ops.broadcast_to(x[None], (count, rows, width)), panels)  # [G, R, P]
    y = ops.reshape(ops.transpose(y, (1, 0, 2)), (rows, count * size))
    return y if dense.bias is None else y + dense.bias


def panel_width(dense):
    """P for the kernel of a layer, or None where no panels fit."""
    return next((width for width in WIDTHS if dense.units % width == 0), None)


def panels_of(dense):
    """A copy of the kernel [D, N] as panels, [G, D, P]."""
    width = panel_width(dense)
    parts = ops.reshape(dense.kernel, (-1, dense.units // width, width))
    return ops.transpose(parts, (1, 0, 2))


@contextlib.contextmanager
def by_panels(layers, panels):
    """Within it `project` multiplies by `panels` for these layers."""
    token = _panels.set({id(layer): part for layer, part in zip(layers, panels, strict=True)})
    try:
        yield
    finally:
        _panels.reset(token)
