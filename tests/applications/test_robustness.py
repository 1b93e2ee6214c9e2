"""One table of what users get wrong, over all applications and the whole command line.

Each row ends in one clear error that names the argument; at the command line in one line and exit code 2.
"""

import json
import os
import pathlib
import pickle
import re
import shutil

import numpy as np
import pytest
import replica_table
import soundfile
import tensorflow as tf
from click.testing import CliRunner
from zoo.applications.cli import main

from zoo.datasets import fashion_mnist

NAMES = [name for name in replica_table.APPLICATIONS if name != "image_classifier_batch_norm"]
WITHOUT_LABELS = ("text_generator", "text_encoder", "masked_lm", "bert_pretraining")  # y None is right there


class Tiny:
    """An application, six examples of its raw data, and the folder of its `save_pretrained`."""

    def __init__(self, name, folder):
        make, x, y = replica_table.APPLICATIONS[name]()
        self.app, self.x, self.y = make(), x[:6], None if y is None else y[:6]
        self.folder = folder / name
        self.app.save_pretrained(self.folder)

    def fit(self, x=None, y=None, **arguments):
        y = self.y if x is None and y is None else y
        return self.app.fit(self.x if x is None else x, y, **{"epochs": 1, "verbose": 0, **arguments})

    def load(self, **overrides):
        return type(self.app).from_pretrained(self.folder, **overrides)

    def load_damaged(self, folder, damage):
        bad = shutil.copytree(self.folder, folder / "bad")
        damage(bad)
        return type(self.app).from_pretrained(bad)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("applications")


@pytest.fixture(scope="module", params=NAMES)
def tiny(request, folder):
    return Tiny(request.param, folder)


@pytest.fixture(scope="module")
def saved(folder):
    """Name -> folder of an application."""
    return lambda name: folder / name if (folder / name).is_dir() else Tiny(name, folder).folder


RAW = [
    None,
    5,
    2.5,
    True,
    [],
    [None],
    [1.5],
    [{}],
    [object()],
    {"a": 1},
    np.zeros(0),
    np.zeros((2, 2), complex),
]


@pytest.mark.parametrize("x", RAW, ids=lambda x: f"{x!r:.12}")
def test_what_is_no_raw_data_is_named(tiny, x):
    with pytest.raises(ValueError, match=r"^x(, row \d+)?: expected"):
        tiny.app.predict(x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size: expected an integer of at least 1, found 0"),
        ({"batch_size": -1}, "batch_size: expected an integer of at least 1, found -1"),
        ({"batch_size": "a"}, "batch_size: expected an integer of at least 1, found 'a'"),
        ({"batch_size": 2.5}, "batch_size: expected an integer of at least 1, found 2.5"),
        ({"epochs": 0}, "epochs: expected an integer of at least 1, found 0"),
        ({"epochs": 1.5}, "epochs: expected an integer of at least 1, found 1.5"),
        ({"sample_weight": [1.0]}, r"sample_weight: expected (shape \(6,\)|None)"),
        ({"sample_weight": [np.nan] * 6}, "sample_weight: expected (finite numbers|None)"),
        ({"sample_weight": [-1.0] * 6}, "sample_weight: expected (finite numbers|None)"),
        ({"sample_weight": ["a"] * 6}, r"sample_weight: expected (numbers \[N\]|None)"),
        ({"validation_data": 3}, "x: expected raw data"),
        ({"validation_data": ([], [])}, "[xy]: expected"),
        ({"y": 3}, "y: expected"),
    ],
    ids=str,
)
def test_wrong_arguments_of_fit_are_named(tiny, arguments, message):
    with pytest.raises(ValueError, match="^" + message):
        tiny.fit(tiny.x, **{"y": tiny.y, **arguments})


@pytest.mark.parametrize(
    "y", [None, [None] * 6, [float("nan")] * 6, np.zeros((6, 3, 3))], ids=lambda y: f"{y!r:.9}"
)
def test_labels_that_are_missing_or_none_are_named(tiny, y, request):
    if y is None and any(name in request.node.name for name in WITHOUT_LABELS):
        pytest.skip("it learns without labels")
    with pytest.raises(ValueError, match=r"^(y|labels): expected"):
        tiny.fit(tiny.x, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "sgdd"}, "optimizer: expected one of"),
        ({"optimizer": 5}, "optimizer: expected one of"),
        ({"learning_rate": "x"}, "learning_rate: expected a number of at least 0, found 'x'"),
        ({"learning_rate": -1.0}, "learning_rate: expected a number of at least 0, found -1.0"),
        ({"learning_rate": np.nan}, "learning_rate: expected a number of at least 0, found nan"),
        ({"schedule": "cosinus"}, "schedule: expected one of"),
        ({"warmup": -1}, "warmup: expected a number of at least 0"),
        ({"accumulate": 0}, "accumulate: expected an integer of at least 1"),
        ({"ema": 2.0}, r"ema: expected a number in \[0, 1\] or None"),
        ({"clip_norm": -1}, "clip_norm: expected"),
        ({"label_smoothing": 2}, r"label_smoothing: expected a number in \[0, 1\]"),
        ({"precision": "float7"}, "precision: expected a Keras dtype policy"),
        ({"augment": 3}, "augment: expected a dict"),
        ({"steps_per_execution": 0}, "steps_per_execution: expected an integer of at least 1"),
        ({"recipe": "resnet20"}, "recipe: expected a zoo.training.Recipe, found 'resnet20'"),
    ],
    ids=str,
)
def test_wrong_arguments_of_compile_are_named_and_change_nothing(tiny, arguments, message):
    before = tiny.app.recipe
    with pytest.raises(ValueError, match="^" + message):
        tiny.app.compile(**arguments)
    assert tiny.app.recipe == before


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"precision": "float7"}, "precision: expected a Keras dtype policy"),
        ({"banana": 1}, r"from_pretrained: expected overrides among .* found \['banana'\]"),
        ({"labels": "abc"}, "labels: expected a list of names, found 'abc'"),
        ({"labels": ["a", ""]}, "labels: expected names, found an empty one at 1"),
        ({"labels": 5}, "labels: expected a list of names, found 5"),
        ({"max_length": "a"}, "max_length: expected an integer in"),
        ({"max_length": 0}, "max_length: expected an integer in"),
        ({"max_length": 10**9}, "max_length: expected an integer in"),
    ],
    ids=str,
)
def test_wrong_overrides_are_named(tiny, overrides, message):
    if "banana" not in overrides and not set(overrides) <= set(tiny.app.overrides):
        message = "from_pretrained: expected overrides among"
    with pytest.raises(ValueError, match="^" + message):
        tiny.load(**overrides)


@pytest.mark.parametrize(
    "name", [5, None, "", "hf://", "hf://a/b/c", "../..", "no/where", "x.keras", "/etc/passwd"], ids=repr
)
def test_wrong_names_are_named(tiny, name):
    with pytest.raises((ValueError, FileNotFoundError), match=r"^(name|source): expected"):
        type(tiny.app).from_pretrained(name)


def in_config(change):
    def damage(folder):
        config = json.loads((folder / "config.json").read_text())
        change(config)
        (folder / "config.json").write_text(json.dumps(config))

    return damage


def in_file(name, change):
    def damage(folder):
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


WEIGHTS = "model.safetensors"
DAMAGES = {
    "no config": (
        lambda folder: (folder / "config.json").unlink(),
        "name: expected a folder with config.json",
    ),
    "no JSON": (in_file("config.json", lambda old: b"{"), "config.json: expected JSON"),
    "a list": (
        in_file("config.json", lambda old: b"[]"),
        "config.json: expected a JSON object, found a list",
    ),
    "no UTF-8": (in_file("config.json", lambda old: b"\xff\xfe"), "config.json: expected UTF-8"),
    "no model": (in_config(lambda config: config.pop("model")), r"config.json: expected \['model'\]"),
    "an unknown argument": (
        in_config(lambda config: config["model"]["arguments"].update(banana=3)),
        "config.json: expected arguments of",
    ),
    "a foreign class": (
        in_config(lambda config: config["model"].update({"class": "os.system"})),
        "config.json: expected a class of zoo.models, found 'os.system'",
    ),
    "an unknown application": (
        in_config(lambda config: config.update(application="Banana")),
        "application: expected a name of zoo.applications, found 'Banana'",
    ),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "path: expected a safetensors file"),
    "empty weights": (in_file(WEIGHTS, lambda old: b""), "expected a whole safetensors file, found 0 bytes"),
    "half of the weights": (in_file(WEIGHTS, lambda old: old[:-100]), "expected a whole safetensors file"),
    "a pickle": (
        in_file(WEIGHTS, lambda old: pickle.dumps({"a": 1}) * 20),
        "expected a whole safetensors file",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folders_are_refused(tiny, damage, tmp_path):
    change, message = DAMAGES[damage]
    with pytest.raises(ValueError, match=message):
        tiny.load_damaged(tmp_path, change)


def test_nothing_is_lost_where_it_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.keras").mkdir()
    for act, path in (
        (tiny.app.save, tmp_path / "x.h5"),
        (tiny.app.save, tmp_path / "no" / "x.keras"),
        (tiny.app.save, tmp_path / "folder.keras"),
        (tiny.app.save_pretrained, tmp_path / "file"),
        (tiny.app.save_pretrained, "/proc/x"),
        (tiny.app.export, tmp_path / "file"),
        (tiny.app.export, "/proc/x"),
        (tiny.app.export, None),
    ):
        with pytest.raises((ValueError, OSError), match="(filepath|path|folder): expected"):
            act(path)
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.keras"]


FILES = {
    "empty": b"",
    "empty.csv": b"",
    "empty.jsonl": b"",
    "empty.conll": b"",
    "empty.json": b"",
    "header.csv": b"text,label\n",
    "one.csv": b"text,label\nfilm,good\n",
    "latin.csv": "text,label\ncafé,a\nno,b\n".encode("latin-1"),
    "utf16.csv": "text,label\ncafé,a\nno,b\n".encode("utf-16"),
    "unlabelled.csv": b"text,label\nfilm,good\nother,\n",
    "columns.csv": b"a,b\nfilm,good\n",
    "ragged.csv": b"text,label\nfilm,good,very\n",
    "null.jsonl": b'{"text": "a", "label": null}\n',
    "number.jsonl": b'{"text": 5, "label": "y"}\n',
    "list.jsonl": b"[1, 2]\n",
    "ragged.conll": b"Alice NNP\nlives\n",
    "squad.json": b'{"data": 5}',
    "data.xyz": b"x",
    "text.png": b"a letter, no picture",
    "text.wav": b"a letter, no sound",
    "zip.keras": b"PK\x03\x04abc",
    "latin.txt": b"caf\xe9\n",
    "manifest.csv": b"audio,text\nnowhere.wav,hello\n",
    "good.csv": b"text,label\n"
    + b"".join(b"film %d,%s\n" % (i, b"good" if i % 2 else b"bad") for i in range(30)),
    "run/log.jsonl": b"half a li",
    "full/mine": b"x",
    "one_class/a/1.png": b"x",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of files that are not what they seem, and a few that are."""
    place = tmp_path_factory.mktemp("files")
    for name, content in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    (place / "nothing").mkdir()
    soundfile.write(place / "good.wav", np.zeros(8000, "float32"), 8000)
    images, _ = fashion_mnist("sample")
    for i, image in enumerate(images[:24]):
        path = place / "pictures" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_png(image).numpy())
    return place


IMAGES = "fit resnet20.fashion_mnist --out run1 --data pictures"
TEXTS = "fit text_fine_tune --out run2 --set start={text_classifier}"
TUNE = "tune text_fine_tune --out run3 --data good.csv --set start={text_classifier} --trials 1 --epochs 1"

# Command -> what its one line must say. {name} stands for the folder of that tiny application.
COMMANDS = {
    "nothing": "No such command 'nothing'",
    "list vgg*": "pattern: expected a pattern that matches some name",
    "fit": "Missing argument 'RECIPE'",
    "fit resnet20": "recipe: expected one of .* did you mean resnet20.fashion_mnist",
    f"{IMAGES} --set epochs": "--set: expected FIELD=VALUE, found 'epochs'",
    f"{IMAGES} --set epoch=3": r"recipe: expected fields among .* found \['epoch'\]",
    f"{IMAGES} --set epochs=0": "epochs: expected an integer of at least 1, found 0",
    f"{IMAGES} --set epochs=1.5": "epochs: expected an integer of at least 1, found 1.5",
    f"{IMAGES} --set batch_size=-4": "batch_size: expected an integer of at least 1",
    f"{IMAGES} --set learning_rate=nan": "learning_rate: expected a number of at least 0, found 'nan'",
    f"{IMAGES} --set schedule=cosinus": "schedule: expected one of",
    f"{IMAGES} --set optimizer=sgdd": "optimizer: expected one of",
    f"{IMAGES} --set precision=float7": "precision: expected a Keras dtype policy",
    f"{IMAGES} --set augment=3": "augment: expected a dict",
    f"{IMAGES} --set augment.flop=1": r"augment: expected keys among .* found \['flop'\]",
    f"{IMAGES} --set augment.flip=maybe": "flip: expected True or False, found 'maybe'",
    f"{IMAGES} --set preprocessor.image_size=0": "image_size: expected two integers of at least 1, found 0",
    f"{IMAGES} --set model=resnet21": "model: expected a name of zoo.models, found 'resnet21'; did you mean",
    f"{IMAGES} --set model=os.system": "model: expected a name of zoo.models, found 'os.system'",
    f"{IMAGES} --set application=Banana": "application: expected a name of zoo.applications",
    f"{IMAGES} --set start=nope": "name: expected the name of registered weights",
    f"{IMAGES} --set seed=-1": "seed: expected an integer of at least 0",
    f"{IMAGES} --set train_sizes=[[0]]": "train_sizes: expected pairs of integers",
    f"{IMAGES} --set lora=4": "lora: expected 0 for a ImageClassifier, found 4",
    f"{IMAGES} --every-seconds -1": "Invalid value for '--every-seconds'",
    f"{IMAGES} --strategy banana": "strategy: expected one of",
    "fit image_fine_tune --out run1": "data: expected a data set, file or folder, since recipe 'image_fine_",
    "fit image_fine_tune --out run1 --data no/where": "path: expected a folder of class folders",
    "fit image_fine_tune --out run1 --data nothing": "path: expected at least two class folders",
    "fit image_fine_tune --out run1 --data one_class": "path: expected at least two class folders",
    "fit image_fine_tune --out run1 --data data.xyz": "name_or_path: expected a folder, or a file that",
    "fit speech_fine_tune --out run4 --data manifest.csv": "manifest.csv: expected a recording in line 2",
    f"{TEXTS} --data rated_movie": "name_or_path: expected one of .* Did you mean 'rated_movies'",
    **{
        f"{TEXTS} --data {name}": message
        for name, message in {
            "empty.csv": r"text: expected a column called one of .* found \[\]",
            "empty.jsonl": "text: expected a column called one of",
            "empty.conll": "empty.conll: expected at least one sentence, found none",
            "empty.json": "empty.json: expected JSON",
            "header.csv": "header.csv: expected at least one example, found none",
            "one.csv": "split: 'train' of one.csv is empty",
            "latin.csv": "latin.csv: expected UTF-8, found byte .* in line 2",
            "utf16.csv": "utf16.csv: expected UTF-8",
            "unlabelled.csv": "unlabelled.csv: expected a label as 'label' in line 3, found an empty one",
            "columns.csv": "text: expected a column called one of",
            "ragged.csv": "ragged.csv: expected 2 cells as in its header, found another number in line 2",
            "null.jsonl": "null.jsonl: expected a label as 'label' in line 1",
            "number.jsonl": "number.jsonl: expected a string as 'text' in line 1, found 5",
            "list.jsonl": "list.jsonl: expected an object in line 1",
            "ragged.conll": "ragged.conll: expected 2 columns in line 2, found 1",
            "squad.json": "squad.json: expected SQuAD's JSON",
            "text.png": "name_or_path: expected a folder, or a file that",
        }.items()
    },
    f"{TEXTS} --data good.csv --set start={{image_classifier}}": "name: expected weights of TextClassifier",
    "fit text_fine_tune --data good.csv --out empty": "out: expected a folder, or that one can be",
    "fit text_fine_tune --data good.csv --out /proc/x": "out: expected a folder, or that one can be made",
    "evaluate nope --data good.csv": "name: expected the name of registered weights",
    "evaluate zip.keras --data good.csv": "name: expected a whole .keras file, found 'zip.keras'",
    "evaluate nothing --data good.csv": "or one .gguf file, found none in 'nothing'",
    "evaluate {text_classifier}": "--data: expected a data set, file or folder",
    "evaluate {text_classifier} --data good.csv": "labels: expected known names, found 'bad' at row 0",
    "evaluate {text_classifier} --data good.csv --batch-size 0": "Invalid value for '--batch-size'",
    "evaluate {text_classifier} --data good.csv --split nope": "split: expected None",
    "evaluate {text_generator} --data good.csv --picture p.png": "--picture: expected a classifier",
    "predict text.png --weights {image_classifier}": "x: expected a JPEG, PNG, BMP or GIF in row 0",
    "predict nowhere.png --weights {image_classifier}": "x: expected a file in row 0, found none",
    "predict nothing --weights {image_classifier}": "x: expected a file in row 0",
    "predict empty --weights {image_classifier}": "x: expected a JPEG, PNG, BMP or GIF in row 0",
    "predict text.wav --weights {speech_recognizer}": "x, row 0: expected WAV, FLAC, OGG or MP3",
    "predict untabbed --weights {question_answerer}": "x: expected two strings in row 0",
    "predict unmasked --weights {masked_lm}": r"x: expected \[MASK\] within the first",
    "predict film --weights {text_classifier} --top-k 99": r"top_k: expected 1..2, found 99",
    "embed nowhere.txt --weights {text_encoder}": "No such file or directory",
    "embed empty --weights {text_encoder}": "file: expected at least one line",
    "embed latin.txt --weights {text_encoder}": "latin.txt: expected UTF-8, found byte .* in line 1",
    "embed good.csv --weights {text_encoder} --out no/x.npy": "path: expected a file in an existing folder",
    "embed good.csv --weights {image_classifier}": "name: expected weights of TextEncoder",
    "generate {text_generator} be --max-new-tokens 100000": "^Error: max_new_tokens: expected at most",
    "generate {text_generator} be --max-new-tokens 9 --temperature -1": "^Error: temperature: expected",
    "generate {text_generator} be --max-new-tokens 9 --temperature nan": "^Error: temperature: expected",
    "generate {text_generator} be --max-new-tokens 9 --top-p 2": "^Error: top_p: expected",
    "generate {text_classifier} be": "^Error: name: expected weights of TextGenerator",
    "chat {text_generator}": "chat: expected a vocabulary with a chat_template",
    "score {text_generator} latin.txt": "latin.txt: expected UTF-8",
    "score {text_generator} nowhere": "File 'nowhere' does not exist",
    "transcribe": "files: expected audio files, or --stream",
    "transcribe text.wav --weights {speech_recognizer}": "x, row 0: expected WAV, FLAC, OGG or MP3",
    "transcribe good.wav --weights {text_classifier}": "name: expected weights of SpeechRecognizer",
    "transcribe good.wav --weights {speech_recognizer} --picture no/p.png": "path: expected a file in",
    "transcribe --stream good.wav --weights {speech_recognizer}": "--stream: expected no files",
    "speak empty --out spoken": "texts: expected at least one text, found none",
    "speak latin.txt --out spoken": "latin.txt: expected UTF-8",
    "speak one.csv --out spoken --voices nope:x": "voices: expected PROGRAM:VOICE",
    "export {text_classifier} full": "folder: expected a new or empty folder",
    "export {text_classifier} empty": "folder: expected a new or empty folder",
    "report nothing": "folder: expected a run with a log.jsonl",
    "report run": "folder: expected lines of JSON in run/log.jsonl, found none",
    f"{TUNE} --space epochs=a": "space: expected LOW:HIGH",
    f"{TUNE} --space learning_rate=2:1": "space: expected a range",
    f"{TUNE} --space nope=1:2": "recipe: expected fields among",
    "quickstart --out empty": "out: expected a folder, or that one can be",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_mistakes_at_the_command_line_end_with_one_line_and_code_2(command, place, saved, monkeypatch):
    monkeypatch.chdir(place)
    words = command
    for name in NAMES:
        if f"{{{name}}}" in words:
            words = words.replace(f"{{{name}}}", str(saved(name)))
    result = CliRunner().invoke(main, words.split(), input="hello\n")
    shutil.rmtree(place / "run1", ignore_errors=True)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, result.output
    assert "Traceback" not in result.output
    assert re.search(COMMANDS[command], errors[0]), errors[0]


def test_a_run_that_ended_with_a_mistake_can_be_started_again_without_it(place, monkeypatch):
    monkeypatch.chdir(place)
    words = ["fit", "resnet20.fashion_mnist", "--data", "pictures", "--out", "again"]
    changes = ("epochs=1", "epoch_steps=1", "batch_size=4", "model=mlp", "train_sizes=[]")
    small = [word for change in changes for word in ("--set", change)]
    wrong = CliRunner().invoke(main, [*words, *small, "--set", "optimizer=sgdd"])
    assert wrong.exit_code == 2
    right = CliRunner().invoke(main, [*words, *small])
    assert right.exit_code == 0, right.output


def test_the_table_is_as_long_as_it_should_be():
    """So that no change of its building leaves most of it out."""
    assert len(COMMANDS) >= 95
    assert len(NAMES) == 9
    assert pathlib.Path(__file__).name == "test_robustness.py"
