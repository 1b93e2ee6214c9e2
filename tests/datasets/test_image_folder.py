import numpy as np
import pytest

from zoo.datasets import image_folder


def make(folder, *files):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"")
    return folder


@pytest.fixture
def photos(tmp_path):
    cats = [f"cat/{i}.jpg" for i in range(13)]
    dogs = [f"dog/day {i % 3}/{i}.PNG" for i in range(27)]
    return make(tmp_path / "photos", *cats, *dogs, "owl/only.bmp")


def test_finds_images_at_any_depth_sorted_and_skips_the_rest(tmp_path):
    make(tmp_path, "b/2.JPEG", "b/x/1.gif", "b/.hidden.png", "b/.cache/3.png", "b/Thumbs.db")
    make(tmp_path, "a/ü.Bmp", ".git/4.png", "loose.png")
    paths, labels = image_folder(tmp_path)
    assert paths == [str(tmp_path / file) for file in ("a/ü.Bmp", "b/2.JPEG", "b/x/1.gif")]
    assert labels.tolist() == [0, 1, 1]
    assert labels.dtype == "int32"
    assert image_folder(str(tmp_path)).label_names == ("a", "b")


def test_splits_are_stratified_disjoint_and_complete(photos):
    whole = image_folder(photos)
    train = image_folder(photos, "train", validation_fraction=0.2)
    validation = image_folder(photos, "validation", validation_fraction=0.2)
    assert np.bincount(validation.labels, minlength=3).tolist() == [3, 5, 0]
    assert sorted(train.paths + validation.paths) == sorted(whole.paths)
    assert train.label_names == validation.label_names == ("cat", "dog", "owl")
    truth = dict(zip(*whole, strict=True))
    assert all(
        truth[path] == label for part in (train, validation) for path, label in zip(*part, strict=True)
    )


def test_split_depends_on_the_seed_and_not_on_where_the_folder_lies(photos, tmp_path):
    def held_out(folder, seed):
        data = image_folder(folder, "validation", validation_fraction=0.2, seed=seed)
        return [path.removeprefix(str(folder)) for path in data.paths]

    moved = photos.rename(tmp_path / "moved")
    first = held_out(moved, 0)
    assert held_out(moved.rename(photos), 0) == first
    assert held_out(photos, 1) != first


@pytest.mark.slow
def test_a_tiny_fraction_still_holds_out_one_image_a_class(photos):
    validation = image_folder(photos, "validation", validation_fraction=0.001)
    assert validation.labels.tolist() == [0, 1]


def test_split_train_without_a_fraction_is_everything(photos):
    assert image_folder(photos, "train").paths == image_folder(photos).paths


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "expected at least two class folders in .* found none"),
        (["1.jpg", "2.png"], "found no folder and 2 images.*Put the images of each class in a folder"),
        (["cat/1.jpg"], "found only 'cat'"),
        (["cat/1.jpg", "dog/notes.txt", "owl/2.jpg"], "found none in 'dog'"),
        (["cat/notes.txt", "dog/notes.txt"], "found none in any of its class folders"),
        (["train/cat/1.jpg", "val/cat/2.jpg"], "found the splits 'train', 'val'"),
    ],
)
def test_a_folder_that_cannot_be_a_data_set_is_refused(tmp_path, files, message):
    with pytest.raises(ValueError, match=f"path: .*{message}"):
        image_folder(make(tmp_path, *files))


def test_a_missing_folder_and_a_file_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path: expected a folder .* found nothing at .*photos"):
        image_folder(tmp_path / "photos")
    with pytest.raises(ValueError, match=r"path: expected a folder .* found a file"):
        image_folder(make(tmp_path, "cat.jpg") / "cat.jpg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "test"}, "split: expected None, 'train' or 'validation', found 'test'"),
        ({"split": "train", "validation_fraction": 1.0}, r"validation_fraction: .* \[0, 1\), found 1.0"),
        ({"split": "train", "validation_fraction": float("nan")}, "validation_fraction: .* found nan"),
        (
            {"validation_fraction": 0.1},
            "split: expected 'train' or 'validation' with validation_fraction=0.1",
        ),
        ({"split": "validation"}, "validation_fraction: .* with split='validation', found 0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(photos, arguments, message):
    with pytest.raises(ValueError, match=message):
        image_folder(photos, **arguments)


def test_nothing_to_hold_out_is_refused(tmp_path):
    make(tmp_path, "cat/1.jpg", "dog/1.jpg")
    with pytest.raises(ValueError, match=r"'validation' of .* is empty: every class has a single image"):
        image_folder(tmp_path, "validation", validation_fraction=0.5)
