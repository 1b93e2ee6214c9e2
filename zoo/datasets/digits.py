"""The handwritten digits that scikit-learn bundles: 1,797 grey 8x8 images (Alpaydin & Kaynak 1998, UCI).

Source: the test part of "Optical Recognition of Handwritten Digits", https://doi.org/10.24432/C50P49.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.datasets.array_dataset import ArrayDataset, check_digest, check_split

LABEL_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
SPLITS = ("train", "validation", "train+validation", "test")
LICENCE = "CC BY 4.0"
HELD_OUT_PER_CLASS = 36

_FILE = Path(__file__).parent / "data" / "digits.npz"
_DIGESTS = {
    "images": "b41ca9fd335466eee997366c2e6f6bbe0a1b4582afe091fc4eba35f4a254182f",
    "labels": "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0",
}


def digits(split: str = "train") -> ArrayDataset:
    """The UCI handwritten digits; they come with zoo, nothing is fetched.

    | split              | images | which                                             |
    |--------------------|--------|---------------------------------------------------|
    | "train"            |  1,077 | the others                                        |
    | "validation"       |    360 | of each class the 36 images before "test"         |
    | "train+validation" |  1,437 | both of the above                                 |
    | "test"             |    360 | of each class the last 36 in scikit-learn's order |

    The file runs writer by writer, so whole stretches are held out. A random split tests on the hands that
    it was trained on: scikit-learn's `SVC()` scores 98.8 % on random fifths and 93.9 % on this "test".

    Args:
        split: one of the splits above.

    Returns:
        ArrayDataset with images uint8 [N, 8, 8, 1], round(v * 255 / 16) of the source's v = 0..16, and
        labels int32 [N] in [0, 10).

    Raises:
        ValueError: `split` is unknown, or the installed file is damaged.

    Reference: Alpaydin & Kaynak 1998, UCI Machine Learning Repository. Licence CC BY 4.0.

    Example:
        >>> len(digits("train")), len(digits("test"))
        (1077, 360)
    """
    check_split(split, SPLITS)
    with np.load(_FILE, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    for name, array in (("images", images), ("labels", labels)):
        check_digest(array, _DIGESTS[name], str(_FILE), "Install keras-zoo again.")
    from_end = np.empty(len(labels), int)  # 0 for the last image of a class, 1 for the one before it, ...
    for label in range(len(LABEL_NAMES)):
        members = np.flatnonzero(labels == label)
        from_end[members] = np.arange(len(members))[::-1]
    test = from_end < HELD_OUT_PER_CLASS
    validation = ~test & (from_end < 2 * HELD_OUT_PER_CLASS)
    chosen = {
        "train": ~test & ~validation,
        "validation": validation,
        "train+validation": ~test,
        "test": test,
    }[split]
    return ArrayDataset(
        images=images[chosen][..., np.newaxis],  # [N, 8, 8, 1]
        labels=labels[chosen].astype("int32"),
        label_names=LABEL_NAMES,
        name="digits",
        split=split,
        licence=LICENCE,
        indices=np.flatnonzero(chosen).astype("int64"),
    )
