"""Weights as safetensors files: stable names, atomic writes, loads that hold one tensor at a time.

Nothing is unpickled and no code of a checkpoint runs. Whatever the file's names are, a load first compares
all names and shapes with the model and only then changes a variable.
"""

import contextlib
import json
import math
import mmap
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import keras
import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from zoo.files import atomic_path
from zoo.hub.sources import refuse_pickle

# NumPy's names of types and those of the safetensors format.
FORMAT_TYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
FLOATS = ("float64", "float32", "float16", "bfloat16")
ALIGNED = 64  # bytes
PAGED = 2**18  # bytes from which an array has pages of its own, which it gives back to the system with it
NUMPY_TYPES = {name: np.dtype(getattr(ml_dtypes, kind, kind)) for kind, name in FORMAT_TYPES.items()}


class Source(NamedTuple):
    """Where a variable's value comes from: tensor `name`, less `minus`, transposed to `axes`, then flipped.

    Attributes:
        name: the tensor in the foreign checkpoint.
        axes: order of the foreign axes in ours, as in `np.transpose`; None keeps them.
        minus: a second tensor of the same shape that is subtracted, or None.
        flip: one of our axes whose order is reversed, or None.
    """

    name: str
    axes: tuple[int, ...] | None = None
    minus: str | None = None
    flip: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,) if self.minus is None else (self.name, self.minus)

    def shape(self, tensors: "Tensors") -> tuple[int, ...] | None:
        """Shape after the transposition, or None where the foreign rank does not fit `axes`."""
        shape = tensors.shape(self.name)
        if self.minus is not None and tensors.shape(self.minus) != shape:
            return None
        if self.axes is None:
            return shape
        return tuple(shape[axis] for axis in self.axes) if len(shape) == len(self.axes) else None

    def read(self, tensors: "Tensors") -> np.ndarray:
        value = tensors.read(self.name)
        if self.minus is not None:
            value = value - tensors.read(self.minus)
        if self.axes is not None:
            value = value.transpose(self.axes)
        return value if self.flip is None else np.flip(value, self.flip)


class Tensors(Protocol):
    """Named arrays that can be asked for their shape before they are read."""

    def __iter__(self) -> Iterator[str]: ...

    def shape(self, name: str) -> tuple[int, ...]: ...

    def read(self, name: str) -> np.ndarray: ...


class TensorFile:
    """The tensors of one safetensors file: `with TensorFile(path) as tensors`.

    Args:
        path: the file.

    Raises:
        ValueError: no such file, a pickle, a truncated file or one of another format.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        refuse_pickle(self.path.name)
        if not self.path.is_file():
            raise ValueError(f"path: expected a safetensors file, found none at {self.path}")
        with open(self.path, "rb"):
            pass  # of a file that may not be read the library says that there is none
        try:
            self.file = _open(self.path)
        except SafetensorError as error:
            raise ValueError(
                f"{self.path}: expected a whole safetensors file, found {self.path.stat().st_size} bytes "
                f"that are truncated or of another format ({error}); fetch or save the file again"
            ) from error
        with open(self.path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            self.header, self.start = json.loads(file.read(length)), 8 + length

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *exception):
        self.file.__exit__(*exception)

    def __str__(self):
        return str(self.path)

    def __iter__(self) -> Iterator[str]:
        return iter(self.file.keys())

    def metadata(self) -> dict[str, str]:
        return self.file.metadata() or {}

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.file.get_slice(name).get_shape())

    def read(self, name: str) -> np.ndarray:
        entry = self.header[name]  # the library has checked types, shapes and offsets against the file
        if entry["dtype"] not in NUMPY_TYPES:
            raise ValueError(f"{name}: expected a type among {sorted(NUMPY_TYPES)}, found {entry['dtype']}")
        begin, end = (self.start + offset for offset in entry["data_offsets"])
        with open(self.path, "rb") as file:
            if (size := os.fstat(file.fileno()).st_size) < end:
                raise ValueError(f"{self.path}: expected {end} bytes or more, found {size}")
            read = _mapped if end - begin >= PAGED else _read
            flat = read(file, begin, end - begin)
        return flat.view(NUMPY_TYPES[entry["dtype"]]).reshape(entry["shape"])


def _read(file: BinaryIO, begin: int, count: int) -> np.ndarray:
    file.seek(begin)
    return np.frombuffer(bytearray(file.read(count)), np.uint8)


def _mapped(file: BinaryIO, begin: int, count: int) -> np.ndarray:
    """Bytes of a file as pages that are read when they are looked at, and that go with the array."""
    before = begin % mmap.ALLOCATIONGRANULARITY
    pages = mmap.mmap(file.fileno(), before + count, access=mmap.ACCESS_COPY, offset=begin - before)
    return np.frombuffer(pages, np.uint8, count, before)


def _pages(shape: Iterable[int], dtype: np.dtype) -> np.ndarray:
    """Zeros; large ones take no memory until they are written, and give it back when they are dropped."""
    size = math.prod(shape) * dtype.itemsize
    if size < PAGED:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size), dtype).reshape(shape)


def _open(path: Path):
    try:  # a memory map would count every page read as memory held until the file is closed
        return safe_open(path, framework="numpy", backend="pread")
    except TypeError:  # safetensors before 0.8 only maps
        return safe_open(path, framework="numpy")


def weight_names(model: keras.Model) -> dict[str, keras.Variable]:
    """The model's variables by stable name, in the order of `model.variables`.

    A name joins the names of the layers on the way and of the variable: "stage1_block1.conv1.kernel". It is
    the variable's `path` without the model's own component, and stays so inside another model and after a
    head was replaced. States of seed generators are left out.

    Args:
        model: a built model.

    Raises:
        ValueError: the model is not built, or two variables get the same name.

    Example:
        >>> list(weight_names(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="head")])))
        ['head.kernel', 'head.bias']
    """
    if not model.built or not model.variables:
        raise ValueError(
            f"model: expected a built model, found {model.name!r} without variables; call it on a batch or "
            "model.build(input_shape) first"
        )
    names, taken = {}, {}
    for name, variable in _walk(model):
        if id(variable) in names or variable.name == "seed_generator_state":
            continue
        if name in taken:
            raise ValueError(
                f"model: expected one variable for each name, found two for {name!r} in {model.name!r} "
                f"(paths {taken[name].path!r}, {variable.path!r}); give sibling layers different names"
            )
        names[id(variable)], taken[name] = name, variable
    return {names[id(v)]: v for v in model.variables if id(v) in names}


def _walk(layer: keras.layers.Layer, prefix: str = "") -> Iterator[tuple[str, keras.Variable]]:
    """(name, variable), deepest layers first, so that the longest name of a variable comes first."""
    for child in layer._flatten_layers(include_self=False, recursive=False):
        yield from _walk(child, f"{prefix}{child.name}.")
    for variable in layer.variables:
        yield prefix + variable.name, variable


@contextlib.contextmanager
def zero_initialized() -> Iterator[None]:
    """Variables that are built in this block start as zeros, for weights that are about to be loaded.

    Drawing random numbers for them takes about as much memory as the weights again, and most of the time; and
    zeros that are written would be a second copy of the weights while they load.

    Example:
        >>> with zero_initialized():
        ...     layer = keras.layers.Dense(2)
        ...     layer.build((None, 3))
        >>> float(keras.ops.max(layer.kernel))
        0.0
    """
    kinds = ("VarianceScaling", "RandomNormal", "RandomUniform", "TruncatedNormal")
    drawn = {kind: getattr(keras.initializers, kind).__call__ for kind in kinds}
    try:
        for kind in kinds:
            getattr(keras.initializers, kind).__call__ = lambda self, shape, dtype=None: _zeros(shape, dtype)
        yield
    finally:
        for kind, call in drawn.items():
            getattr(keras.initializers, kind).__call__ = call


def _zeros(shape: tuple[int, ...], dtype: str | None):
    """Zeros; on TensorFlow's CPU large float32 ones are in `_pages`, so that they take no memory yet."""
    if not _shares_pages(shape, dtype or "float32"):
        return keras.ops.zeros(shape, dtype)
    return _as_tensor(_pages(shape, np.dtype("float32")))


def _shares_pages(shape: Iterable[int], dtype: str) -> bool:
    """Whether a tensor of the backend can stand on the memory of a large array of NumPy."""
    if 4 * math.prod(shape) < PAGED or keras.backend.backend() != "tensorflow" or dtype != "float32":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def _as_tensor(array: np.ndarray):
    """A tensor on the memory of `array`, or where that is not aligned as TensorFlow's is, of a copy."""
    import tensorflow as tf

    if array.ctypes.data % ALIGNED:
        array, old = _pages(array.shape, array.dtype), array
        array[...] = old
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def _own(value: np.ndarray):
    """The value, for an assignment that is not to keep the memory of a mapped file."""
    if value.nbytes < PAGED:
        return value
    if keras.backend.backend() != "tensorflow":  # JAX may compute with an array as it lies
        return np.array(value)
    order = np.argsort([-stride for stride in value.strides], kind="stable")
    lying = value.transpose(order)
    turned = lying.flags.c_contiguous and not value.flags.c_contiguous
    if turned and _shares_pages(value.shape, value.dtype.name):  # on all cores, where NumPy takes one
        return keras.ops.transpose(_as_tensor(lying), np.argsort(order).tolist())
    return value  # TensorFlow copies it


def save_weights(
    model: keras.Model,
    path: str | os.PathLike,
    metadata: Mapping[str, str] | None = None,
    dtype: str | None = None,
) -> None:
    """Writes the model's weights as one safetensors file, holding one tensor at a time.

    Args:
        model: a built model.
        path: the file to write or replace; on any failure what was there stays (see `atomic_path`).
        metadata: strings for the file's header.
        dtype: of floating-point weights in the file, "float16" for half the bytes; their own by default.

    Raises:
        ValueError: the model is not built, the folder does not exist, metadata is not strings, or a weight
            is too large for `dtype`.
        OSError: the write failed, for instance on a full disk; the message names the file.
    """
    if dtype is not None and dtype not in FLOATS:
        raise ValueError(f"dtype: expected None or one of {FLOATS}, found {dtype!r}")
    variables = weight_names(model)
    types = {name: _stored(variable, dtype) for name, variable in variables.items()}
    header = _header(variables, types, metadata or {})
    with atomic_path(path) as partial, open(partial, "xb") as file:
        _write(file, variables, types, header)


def _stored(variable: keras.Variable, dtype: str | None) -> np.dtype:
    """The type that a variable has in the file."""
    own = np.dtype(variable.dtype)
    return np.dtype(getattr(ml_dtypes, dtype, dtype)) if dtype and own.name in FLOATS else own


def _header(
    variables: Mapping[str, keras.Variable], types: Mapping[str, np.dtype], metadata: Mapping[str, str]
) -> dict:
    """The header: type, shape and place of every tensor, widest types first so that all are aligned."""
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ValueError(f"metadata: expected strings by string, found {key!r}: {value!r}")
    header, end = {"__metadata__": {"format": "keras", **metadata}}, 0
    sizes = {name: kind.itemsize for name, kind in types.items()}
    for name in sorted(variables, key=lambda name: -sizes[name]):
        shape = [int(n) for n in variables[name].shape]
        start, end = end, end + sizes[name] * int(np.prod(shape, dtype=np.int64))
        kind = FORMAT_TYPES[types[name].name]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    return header


def _write(
    file: BinaryIO, variables: Mapping[str, keras.Variable], types: Mapping[str, np.dtype], header: dict
) -> None:
    """Length of the header, header, data. The library's own writer wants every tensor in memory at once."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNED)
    file.write(struct.pack("<Q", len(text)) + text)
    for name in header:
        if name != "__metadata__":
            value = np.ascontiguousarray(variables[name])
            if types[name] != value.dtype:
                value = _narrowed(value, types[name], name)
            file.write(value.reshape(-1).view(np.uint8))


def _narrowed(value: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        narrow = value.astype(dtype)
    if not np.isfinite(narrow.astype("float32")).all() and np.isfinite(value).all():
        raise ValueError(
            f"dtype: expected weights that {dtype.name} can hold, found {np.abs(value).max():g} in {name}"
        )
    return narrow


def load_weights(model: keras.Model, path: str | os.PathLike, skip: Iterable[str] = ()) -> None:
    """Reads a file of `save_weights` into the model, one tensor at a time, cast to each variable's type.

    Beside the model it holds at most one tensor, as an array and as the backend's tensor.

    Args:
        model: a built model.
        path: safetensors file with the names of `weight_names`.
        skip: prefixes of names that stay as they are, in the model and in the file: `("head.",)`.

    Raises:
        ValueError: the model is not built; the file is missing, truncated or of another format; names or
            shapes differ. The model is then as it was.
    """
    with TensorFile(path) as tensors:
        names = {*weight_names(model), *tensors}
        load_mapped(model, tensors, {name: Source(name) for name in names}, skip)


def load_mapped(
    model: keras.Model,
    tensors: Tensors,
    name_map: Mapping[str, Source],
    skip: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> None:
    """Sets every variable of the model from the tensor that `name_map` gives for its name.

    Args:
        model: a built model.
        tensors: a `TensorFile`, or anything that iterates over names and has its `shape` and `read`.
        name_map: from our names (`weight_names`) to `Source`; entries the model lacks are allowed.
        skip: prefixes of our names that stay as they are; the tensors mapped to them are not read.
        ignore: endings of foreign names that hold no weights.

    Raises:
        ValueError: a variable without a tensor, a tensor without a variable, or shapes that differ, with
            the first names of each. The model is then as it was.
    """
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    variables = weight_names(model)
    wanted = {name: variable for name, variable in variables.items() if not name.startswith(skip)}
    found = {name for name in tensors if not name.endswith(ignore)}
    plan, missing, mismatched = {}, [], []
    for name, variable in wanted.items():
        source = name_map.get(name)
        expected = tuple(variable.shape)
        if source is None or not found.issuperset(source.names):
            absent = [n for n in source.names if n not in found and n != name] if source else []
            missing.append(f"{name} {list(expected)}" + (f" from {' and '.join(absent)}" if absent else ""))
        elif source.shape(tensors) != expected:
            shapes = " and ".join(f"{list(tensors.shape(n))} of {n}" for n in source.names)
            mismatched.append(f"{name}: expected {_foreign_shape(expected, source)}, found {shapes}")
        else:
            plan[name] = source
    used = {n for name, s in name_map.items() if name in wanted or name.startswith(skip) for n in s.names}
    unexpected = [f"{name} {list(tensors.shape(name))}" for name in sorted(found - used)]
    if missing or unexpected or mismatched:
        raise ValueError(_misfit(model, tensors, missing, unexpected, mismatched))
    # Large ones first: the small ones then fill the gaps that freed memory leaves.
    for name in sorted(plan, key=lambda name: -np.prod(wanted[name].shape)):
        variable, source = wanted[name], plan[name]
        variable.assign(_own(source.read(tensors).astype(variable.dtype, copy=False)))


def _foreign_shape(shape: tuple[int, ...], source: Source) -> list[int]:
    """Our shape in the order of the foreign axes."""
    return list(shape) if source.axes is None else [shape[i] for i in np.argsort(source.axes)]


def _misfit(model, tensors, missing, unexpected, mismatched, first=5) -> str:
    lines = [f"{tensors}: expected the weights of model {model.name!r}, found others; nothing was loaded"]
    titles = ("missing in the file", "unexpected in the file", "different in shape")
    for title, items in zip(titles, (missing, unexpected, mismatched), strict=True):
        if items:
            more = f" and {len(items) - first} more" if len(items) > first else ""
            lines.append(f"  {len(items)} {title}: {'; '.join(items[:first])}{more}")
    lines.append('  skip=("head.",) would leave the names under head. as they are')
    return "\n".join(lines)
