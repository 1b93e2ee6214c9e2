"""Several foreign tensors that are one variable of ours: query, key and value of a fused projection."""

from typing import NamedTuple

import numpy as np

from zoo.hub.checkpoint import Source, Tensors


class Joined(NamedTuple):
    """A variable's value: foreign tensors, each transposed to `axes`, side by side along our last axis.

    Stands beside `zoo.hub.checkpoint.Source` in a name map.

    Attributes:
        names: the tensors in the foreign checkpoint, in order.
        axes: order of the foreign axes in ours, as in `np.transpose`; None keeps them.

    Example:
        >>> Joined(("q.weight", "k.weight"), (1, 0)).names
        ('q.weight', 'k.weight')
    """

    names: tuple[str, ...]
    axes: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        return self.names[0]

    def shape(self, tensors: Tensors) -> tuple[int, ...] | None:
        """The joined shape, or None where the parts do not fit together."""
        shapes = [Source(name, self.axes).shape(tensors) for name in self.names]
        if None in shapes or len({shape[:-1] for shape in shapes}) > 1:
            return None
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def read(self, tensors: Tensors) -> np.ndarray:
        parts = [tensors.read(name) for name in self.names]
        if self.axes is None:
            return np.concatenate(parts, axis=-1)
        return np.concatenate(parts, axis=self.axes[-1]).transpose(self.axes)  # in the order that they lie in


def foreign_tensors(value: np.ndarray, source: Source | Joined) -> dict[str, np.ndarray]:
    """What `source` reads, from our value: foreign tensors by name. Parts of a `Joined` are equally wide."""
    parts = np.split(value, len(source.names), axis=-1) if isinstance(source, Joined) else [value]
    if source.axes is not None:
        parts = [part.transpose(np.argsort(source.axes)) for part in parts]
    return {name: np.ascontiguousarray(part) for name, part in zip(source.names, parts, strict=True)}
