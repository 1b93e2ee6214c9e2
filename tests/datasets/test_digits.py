import numpy as np
import pytest

from zoo.datasets import digits

PARTS = ("train", "validation", "test")


def test_digits_are_those_of_scikit_learn():
    source = pytest.importorskip("sklearn.datasets").load_digits()
    for data in map(digits, PARTS):
        np.testing.assert_array_equal(data.labels, source.target[data.indices])
        expected = np.round(source.images[data.indices] * 255 / 16)
        np.testing.assert_array_equal(data.images[..., 0], expected)


def test_splits_share_no_image_and_cover_all():
    parts = [digits(split) for split in PARTS]
    assert [len(part) for part in parts] == [1077, 360, 360]
    assert sorted(np.concatenate([part.indices for part in parts])) == list(range(1797))
    both = digits("train+validation").indices
    np.testing.assert_array_equal(both, np.sort(np.concatenate([parts[0].indices, parts[1].indices])))


def test_held_out_parts_are_balanced():
    for split in ("validation", "test"):
        assert (np.bincount(digits(split).labels) == 36).all()


def test_arrays_have_the_documented_form():
    images, labels = digits("test")
    assert images.shape == (360, 8, 8, 1)
    assert (images.dtype, labels.dtype) == ("uint8", "int32")
    assert (images.min(), images.max()) == (0, 255)


def test_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"split: expected one of .* found 'all'"):
        digits("all")
