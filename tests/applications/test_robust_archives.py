"""`.keras` files that somebody has tampered with: refused by name, nothing run, nothing written elsewhere."""

import contextlib
import json
import pickle
import warnings
import zipfile

import pytest
from test_robustness import NAMES, Tiny
from zoo.applications import TextClassifier

LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEAAAA=", "defaults": None, "closure": None}}


@pytest.fixture(scope="module", params=NAMES)
def tiny(request, tmp_path_factory):
    tiny = Tiny(request.param, tmp_path_factory.mktemp("applications"))
    tiny.path = tiny.folder / "whole.keras"
    tiny.app.save(tiny.path)
    return tiny


def tampered(whole, path, change):
    """A copy whose members went through `change`: a dict of names and bytes."""
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def in_config(change):
    def tamper(members):
        config = json.loads(members["config.json"])
        change(config)
        members["config.json"] = json.dumps(config).encode()

    return tamper


def foreign_class(config):
    config.update({"module": "os", "class_name": "system", "registered_name": None})


def foreign_part(config):
    config["config"]["model"] = {"module": "os", "class_name": "system", "config": {"command": "true"}}


def code(config):
    config["config"]["model"] = LAMBDA


TAMPERED = {
    "no config": lambda members: members.pop("config.json"),
    "no weights": lambda members: members.pop("model.weights.h5"),
    "half of the weights": lambda m: m.update({"model.weights.h5": m["model.weights.h5"][:-500]}),
    "a pickle as weights": lambda m: m.update({"model.weights.h5": pickle.dumps({"a": [1]}) * 50}),
    "no JSON": lambda members: members.update({"config.json": b"{"}),
    "a foreign class": in_config(foreign_class),
    "a foreign class within": in_config(foreign_part),
    "code within": in_config(code),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_tampered_files_are_refused(tiny, change, tmp_path):
    path = tampered(tiny.path, tmp_path / "bad.keras", TAMPERED[change])
    with pytest.raises(ValueError, match=r"name: expected .*bad\.keras"):
        type(tiny.app).from_pretrained(path)


@pytest.mark.parametrize("name", ["../evil", "assets/../../evil", "{place}/evil"])
def test_members_that_would_land_elsewhere_are_never_written(tiny, name, tmp_path):
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    name = name.format(place=place)
    path = tampered(tiny.path, place / "bad.keras", lambda members: members.update({name: b"x"}))
    with contextlib.suppress(ValueError), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping invalid path during archive extraction")
        type(tiny.app).from_pretrained(path)
    assert [found.name for found in tmp_path.rglob("*") if found.is_file()] == ["bad.keras"]


def test_a_pickle_called_keras_is_refused(tmp_path):
    (tmp_path / "bad.keras").write_bytes(pickle.dumps(print))
    with pytest.raises(ValueError, match=r"name: expected a whole \.keras file, found .*bad\.keras"):
        TextClassifier.from_pretrained(tmp_path / "bad.keras")
