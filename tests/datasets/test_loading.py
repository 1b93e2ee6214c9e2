import doctest
import importlib

import pytest

from zoo.datasets import load


def test_a_name_gives_the_data_set():
    assert len(load("fashion_mnist", "sample")) == 500
    assert len(load("digits")) == len(load("digits", "train"))


def test_a_path_gives_the_folder(tmp_path, monkeypatch):
    for name in ("digits/cat/1.jpg", "digits/cat/2.jpg", "digits/dog/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path / "digits").label_names == ("cat", "dog")
    assert load("./digits").label_names == ("cat", "dog")
    assert load("digits").name == "digits"
    assert len(load("./digits/", "validation", validation_fraction=0.3)) == 1


@pytest.mark.parametrize("near", ["fashion-mnist", "Fashion_MNIST", "fashon_mnist", "mnist"])
def test_an_unknown_name_suggests_near_ones(near):
    with pytest.raises(ValueError, match=f"found '{near}'. Did you mean 'fashion_mnist'"):
        load(near)


def test_an_unknown_name_without_near_ones_lists_all():
    with pytest.raises(ValueError, match=r"one of .*'digits', .* or a folder .* found 'xyz'\.$"):
        load("xyz")


def test_a_missing_folder_is_told_from_an_unknown_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="found nothing at"):
        load(tmp_path / "photos")


@pytest.mark.parametrize("module", ["array_dataset", "digits", "fashion_mnist", "image_folder", "loading"])
def test_examples_in_docstrings_run(module, tmp_path, monkeypatch):
    for name in ("photos/cat/1.jpg", "photos/dog/a/7.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(f"zoo.datasets.{module}"))
    assert result.failed == 0
    assert result.attempted > 0
