"""SavedModels of the text applications: strings in, answers out, where zoo cannot be imported."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

import numpy as np
from text_cases import preprocessor, tiny_bert
from zoo.applications import MaskedLM, QuestionAnswerer, TextClassifier, TextEncoder, TokenClassifier

from zoo.models import BertClassifier, BertMaskedLM, BertSpanFinder, BertTokenClassifier

MAKE = {
    "single": lambda: TextClassifier(BertClassifier(tiny_bert(), 2), preprocessor(), ["no", "yes"]),
    "pairs": lambda: TextClassifier(
        BertClassifier(tiny_bert(), 2), preprocessor(pairs=True), ["no", "yes"], "multi"
    ),
    "numbers": lambda: TextClassifier(BertClassifier(tiny_bert(), 1), preprocessor(), ["x"], "regression"),
    "vectors": lambda: TextEncoder(tiny_bert(pooler=None), preprocessor()),
    "words": lambda: TokenClassifier(
        BertTokenClassifier(tiny_bert(pooler=None), 2), preprocessor(), ["A", "B"]
    ),
    "masks": lambda: MaskedLM(BertMaskedLM(tiny_bert(pooler=None)), preprocessor()),
    "answers": lambda: QuestionAnswerer(
        BertSpanFinder(tiny_bert(pooler=None)), preprocessor(pairs=True), stride=8
    ),
}
SERVE = """
import json, sys
sys.modules["zoo"] = None
import numpy as np, tensorflow as tf, tensorflow_text
for name, inputs in json.load(open(sys.argv[1] + "/inputs.json")).items():
    model = tf.saved_model.load(sys.argv[1] + "/" + name)
    outputs = model.signatures["serving_default"](**{k: tf.constant(v) for k, v in inputs.items()})
    np.savez(sys.argv[1] + "/" + name + ".npz", **{
        k: v.numpy().astype("S") if v.dtype == tf.string else v.numpy() for k, v in outputs.items()
    })
"""


@pytest.mark.slow
def test_savedmodels_equal_predict_where_zoo_cannot_be_imported(tmp_path):
    inputs, expected = {}, {}
    for name, make in MAKE.items():
        app = make()
        app.export(tmp_path / name)
        raw, expected[name] = app.export_example()["serving_default"]
        inputs[name] = {key: value.tolist() for key, value in raw.items()}
    (tmp_path / "inputs.json").write_text(json.dumps(inputs))
    done = subprocess.run(
        [sys.executable, "-c", SERVE, tmp_path], capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr
    for name, outputs in expected.items():
        found = np.load(tmp_path / f"{name}.npz")
        for key, values in outputs.items():
            np.testing.assert_allclose(found[key], values, atol=1e-5, err_msg=f"{name} {key}")
    words = np.load(tmp_path / "words.npz")["words"]
    assert words[0].tolist() == "Alice , 30 , lives in São Paulo !".encode().split()
    assert np.load(tmp_path / "single.npz")["label"][0] in (b"no", b"yes")
