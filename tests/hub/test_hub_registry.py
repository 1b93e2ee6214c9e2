import dataclasses
import subprocess
import sys

import pytest

from zoo import hub, models


def test_unknown_name_suggests_near_ones():
    with pytest.raises(ValueError, match=r"did you mean .*'resnet50\.keras_imagenet'") as error:
        hub.find("ResNet-50.imagenet")
    assert "list_pretrained" in str(error.value)
    with pytest.raises(ValueError, match="expected the name of registered weights, found 'zzz'"):
        hub.find("zzz")


def test_list_matches_a_pattern():
    assert "resnet101.keras_imagenet" in hub.list_pretrained()
    assert hub.list_pretrained("resnet1*.keras_imagenet") == [
        "resnet101.keras_imagenet",
        "resnet152.keras_imagenet",
    ]
    assert hub.list_pretrained("nothing*") == []


@pytest.mark.parametrize("name", hub.list_pretrained())
def test_entries_are_complete(name):
    entry = hub.find(name)
    assert entry.name == name
    assert hasattr(models, entry.model)
    fields = ("application", "source", "licence", "data", "recipe", "metric", "parameters", "use", "limits")
    for field in fields:
        assert getattr(entry, field), field


def test_parameters_are_those_of_the_builder():
    entry = hub.find("resnet50.keras_imagenet")
    model = getattr(models, entry.model)(**entry.config["builder"])
    model.build((None, 224, 224, 3))
    assert model.count_params() == entry.parameters


def test_a_name_is_registered_once():
    entry = hub.find("resnet50.keras_imagenet")
    assert hub.register(entry) is entry
    with pytest.raises(ValueError, match="registered already"):
        hub.register(dataclasses.replace(entry, metric="better"))


def test_an_entry_needs_a_tag_and_a_digest():
    entry = hub.find("resnet50.keras_imagenet")
    with pytest.raises(ValueError, match=r"expected 'family\.tag', found 'resnet'"):
        dataclasses.replace(entry, name="resnet")
    with pytest.raises(ValueError, match="expected the digest"):
        dataclasses.replace(entry, source="https://example.org/w.safetensors")


def test_import_loads_no_tensorflow_and_no_keras():
    code = "import sys, zoo.hub; assert not {'tensorflow', 'keras', 'huggingface_hub'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_family_with_one_entry_names_it():
    assert hub.find("resnet20") is hub.find("resnet20.fashion_mnist")
