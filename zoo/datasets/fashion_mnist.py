"""Fashion-MNIST: 70,000 grey 28x28 pictures of clothes in 10 classes (Xiao et al. 2017, arXiv:1708.07747).

sha256 is taken over the array, not over the .gz: Debian and Zalando pack the same pixels differently.
"""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

import numpy as np

from zoo.datasets.array_dataset import ArrayDataset, check_digest, check_split

LABEL_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SPLITS = ("train", "validation", "train+validation", "test", "sample")
LICENCE = "MIT"
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
VALIDATION_PER_CLASS = 500
SAMPLE_PER_CLASS = 50

_PACKAGE_FOLDER = Path("usr/share/datasets/fashion-mnist")
_SAMPLE = Path(__file__).parent / "data" / "fashion_mnist_sample.npz"
# File of the source: shape, sha256 of the array's bytes.
_FILES = {
    "train-images-idx3-ubyte.gz": (
        (60000, 28, 28),
        "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    ),
    "train-labels-idx1-ubyte.gz": (
        (60000,),
        "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    ),
    "t10k-images-idx3-ubyte.gz": (
        (10000, 28, 28),
        "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        (10000,),
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    ),
}
_SAMPLE_DIGESTS = {
    "images": "8290027af94aca7e3fc849f33dfc396c78f36427f84a8cde695ad92490d3e4f1",
    "labels": "5607b0a13ea6dabee23ada2f03082e47bc85231466a1eaa3ec96f7844721945a",
}


def fashion_mnist(split: str = "train", root: str | os.PathLike | None = None) -> ArrayDataset:
    """Fashion-MNIST, checked by sha256.

    | split              | images | which                                                                |
    |--------------------|--------|----------------------------------------------------------------------|
    | "train"            | 55,000 | the 60,000 training images less "validation"                         |
    | "validation"       |  5,000 | the last 500 of each class among the 60,000, for choosing            |
    | "train+validation" | 60,000 | all training images                                                  |
    | "test"             | 10,000 | the official test images                                             |
    | "sample"           |    500 | the first 50 of each class of "test"; comes with zoo, needs no file  |

    Every split keeps the order of the source's file; `indices` says where each image stands in it.

    The files are looked for in `root`/usr/share/datasets/fashion-mnist (Debian package
    dataset-fashion-mnist), in Keras' cache ($KERAS_HOME or ~/.keras), in the cache of zoo ($ZOO_CACHE or
    ~/.cache/keras-zoo), and are else downloaded into the latter (30 MB), unless ZOO_OFFLINE=1.

    Args:
        split: one of the splits above.
        root: folder under which the Debian package is unpacked; default $ZOO_DATA_ROOT, else "/".

    Returns:
        ArrayDataset with images uint8 [N, 28, 28, 1] and labels int32 [N] in [0, 10).

    Raises:
        ValueError: `split` is unknown, or a file is damaged.
        FileNotFoundError: the files are nowhere and cannot be downloaded.

    Reference: Xiao et al. 2017, arXiv:1708.07747. MIT licence, Zalando SE.

    Example:
        >>> data = fashion_mnist("sample")
        >>> data.images.shape, data.label_names[data.labels[0]]
        ((500, 28, 28, 1), 'Ankle boot')
    """
    check_split(split, SPLITS)
    if split == "sample":
        images, labels, indices = _load_sample()
    else:
        part = "t10k" if split == "test" else "train"
        names = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
        images, labels = map(_read, _locate(names, root), names)
        indices = np.arange(len(labels))
        if split in ("train", "validation"):
            held_out = _last_of_each_class(labels, VALIDATION_PER_CLASS)
            indices = np.flatnonzero(held_out if split == "validation" else ~held_out)
            images, labels = images[indices], labels[indices]
    return ArrayDataset(
        images=images[..., np.newaxis],  # [N, 28, 28, 1]
        labels=labels.astype("int32"),
        label_names=LABEL_NAMES,
        name="fashion_mnist",
        split=split,
        licence=LICENCE,
        indices=indices.astype("int64"),
    )


def _last_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Mask bool [N] of the last `count` positions of each class."""
    chosen = np.zeros(len(labels), bool)
    for label in range(len(LABEL_NAMES)):
        chosen[np.flatnonzero(labels == label)[-count:]] = True
    return chosen


def _load_sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(_SAMPLE, allow_pickle=False) as arrays:
        images, labels, indices = arrays["images"], arrays["labels"], arrays["indices"]
    for name, array in (("images", images), ("labels", labels)):
        check_digest(array, _SAMPLE_DIGESTS[name], str(_SAMPLE), "Install keras-zoo again.")
    return images, labels, indices


def _locate(names: tuple[str, ...], root: str | os.PathLike | None) -> list[Path]:
    """Paths of the files `names`: the first folder that has them all, else downloaded."""
    if root is None:
        root = os.environ.get("ZOO_DATA_ROOT") or "/"
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    folders = [Path(root) / _PACKAGE_FOLDER, keras_home / "datasets" / "fashion-mnist"]
    for folder in folders:
        if all((folder / name).is_file() for name in names):
            return [folder / name for name in names]

    from zoo.hub.sources import cache_folder, fetch

    try:
        return [fetch(URL + name) for name in names]
    except (ConnectionError, ValueError) as error:
        looked = "".join(f"\n  {folder}" for folder in (*folders, cache_folder()))
        raise FileNotFoundError(
            f"fashion_mnist: {' and '.join(names)} are in none of{looked}\n"
            f"and cannot be downloaded: {error}\n"
            "Install them with `apt-get install dataset-fashion-mnist`, or give the folder under which that "
            "package is unpacked as root= or ZOO_DATA_ROOT, or use split='sample', which needs no file."
        ) from error


def _read(path: Path, name: str) -> np.ndarray:
    """The uint8 array of a gzipped idx file, checked."""
    shape, digest = _FILES[name]
    header_size = 4 + 4 * len(shape)  # magic number, then one big-endian int32 a dimension
    advice = "Delete the file to have it fetched again, or reinstall the package it comes from."
    try:
        with gzip.open(path, "rb") as file:
            payload = file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path}: the data is damaged: expected a gzip file with an array of sha256 {digest}, "
            f"found {error}. {advice}"
        ) from error
    array = np.frombuffer(payload, np.uint8, offset=min(header_size, len(payload)))
    check_digest(array, digest, str(path), advice)
    return array.reshape(shape).copy()  # a buffer of bytes is read-only
