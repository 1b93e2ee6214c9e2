"""Text classification: strings, or pairs of them, in; labels, several labels or numbers out.

Shapes: N examples, B batch, T time, K classes.
"""

import json

import keras
import numpy as np
import tensorflow as tf
from zoo.applications.text_application import TextApplication

from zoo.hub.foreign_bert import hf_labels, read_hf_bert
from zoo.metrics.classification import classification_report
from zoo.models import Bert, BertClassifier
from zoo.preprocessing.labels import check_label_names, one_hot_labels

TASKS = ("single", "multi", "regression")


@keras.saving.register_keras_serializable("zoo")
class TextClassifier(TextApplication):
    """A label for a text or a pair of texts, several labels, or numbers.

    Args:
        model: a `zoo.models.BertClassifier` with K outputs.
        preprocessor: a `zoo.preprocessing.TextPreprocessor`.
        labels: names of the K classes; of the K numbers in regression.
        task: "single" (one label a text), "multi" (any number of labels) or "regression" (K numbers).
        **kwargs: `name`, `dtype`.

    Raw data x, everywhere: a list, array or tf.data.Dataset of strings; with `pairs` of the preprocessor,
    of pairs of strings. Labels y: class numbers or names [N], or probabilities [N, K]; with "multi" lists of
    names, or 0 and 1 [N, K]; with "regression" numbers [N] or [N, K].

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad"]
        >>> model = zoo.models.BertClassifier(zoo.models.bert_tiny(vocabulary_size=6), num_classes=2)
        >>> prepare = zoo.preprocessing.TextPreprocessor(vocabulary)
        >>> app = TextClassifier(model, prepare, labels=["negative", "positive"])
        >>> app.predict(["good", "by no means bad"]).shape
        (2, 2)
        >>> sorted(app.classify(["good"])[0])
        ['label', 'score']
    """

    overrides = ("labels", "precision", "task", "pairs", "max_length", "lora")

    def __init__(self, model, preprocessor, labels, task="single", **kwargs):
        if task not in TASKS:
            raise ValueError(f"task: expected one of {TASKS}, found {task!r}")
        super().__init__(model, preprocessor, **kwargs)
        self.task = task
        self.labels = _names(labels, task)
        if model.num_classes != len(self.labels):
            raise ValueError(
                f"labels: expected {model.num_classes} names, one for each output of the model, "
                f"found {len(self.labels)}"
            )
        self.build()

    @classmethod
    def from_recipe(cls, recipe, examples):
        """What `recipe` begins with, for the classes (or numbers) of `examples`."""
        labels, task = examples.label_names, "single"
        if not labels:
            labels, task = ("value",), "regression"
        elif isinstance(examples.labels[0], list):
            task = "multi"
        pairs = not isinstance(examples.examples[0], str)
        options = {**recipe.preprocessor, "labels": labels, "task": task, "precision": recipe.precision}
        return cls.from_pretrained(recipe.start, **options, **({"pairs": True} if pairs else {}))

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """A folder of Hugging Face's BERT family: with its head, or with a fresh one for 2 classes."""
        labels = hf_labels(config) or ("LABEL_0", "LABEL_1")
        has_head = any("SequenceClassification" in name for name in config.get("architectures") or ())
        kind = config.get("problem_type") or ("regression" if len(labels) == 1 else "single")
        task = {"multi_label_classification": "multi", "regression": "regression"}.get(kind, "single")
        options = {} if has_head else {"num_classes": len(labels)}
        model = read_hf_bert(folder, Bert, {"dtype": precision}, BertClassifier, options)
        if not has_head:
            print(f"New head: {str(folder)!r} has none; pass labels=[...] for your classes")
        return cls(model, cls._preprocessor(folder, model.bert), labels, task)

    @classmethod
    def from_application(cls, application):
        """The encoder of another text application under a fresh head for 2 classes."""
        if not isinstance(application, TextApplication):
            return super().from_application(application)
        print(
            f"New head: {type(application).__name__} has none for texts; pass labels=[...] for your classes"
        )
        model = BertClassifier(application.bert_with_pooler(), 2)
        model.build()
        return cls(model, application.preprocessor.replace(pairs=False), ("LABEL_0", "LABEL_1"))

    def adapt(self, labels=None, task=None, **shared):
        """Other labels or another task (a fresh head, and it says so); `pairs`, `max_length`.

        Everything below the head keeps its weights.
        """
        self.adapt_shared(**shared)
        task = task or self.task
        if labels is None:
            labels = ("value",) if task == "regression" != self.task else self.labels
        labels = _names(labels, task)
        if (labels, task) != (self.labels, self.task):
            print(f"New head: {_short(self.labels)} -> {_short(labels)}")
            self.model.replace_head(len(labels))
        self.labels, self.task = labels, task

    def replace_labels(self, labels):
        """Other classes: a fresh head for them. Says so; everything below keeps its weights."""
        self.adapt(labels)

    def loss_and_metrics(self, recipe):
        """Cross-entropy and accuracy, with "multi" class by class; mean squared error of numbers."""
        if self.task == "regression":
            return {
                "loss": keras.losses.MeanSquaredError(),
                "metrics": [keras.metrics.MeanAbsoluteError("mae")],
            }
        smoothing = recipe.label_smoothing
        if self.task == "multi":
            return {
                "loss": keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing),
                "metrics": [keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
            }
        return {
            "loss": keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
            "metrics": [keras.metrics.CategoricalAccuracy("accuracy")],
        }

    def targets(self, y, count):
        """Labels to float32 [N, K]."""
        if self.task == "single":
            return one_hot_labels(y, self.labels, count)
        if len(y) != count:
            raise ValueError(f"y: expected {count} rows, one for each row of x, found {len(y)}")
        if self.task == "multi" and not isinstance(y, np.ndarray):
            y = self._several_hot(y)
        y = np.asarray(y, "float32")
        y = y[:, None] if y.ndim == 1 else y
        if y.shape != (count, len(self.labels)):
            raise ValueError(f"y: expected shape ({count}, {len(self.labels)}), found {y.shape}")
        bad = ~np.isfinite(y).all(axis=1)
        if self.task == "multi":
            bad |= ((y < 0) | (y > 1)).any(axis=1)
        if bad.any():
            row, expected = int(bad.argmax()), "0 and 1" if self.task == "multi" else "finite numbers"
            raise ValueError(f"y: expected {expected}, found {y[row].tolist()} at row {row}")
        return y

    def _several_hot(self, y):
        index = {name: i for i, name in enumerate(self.labels)}
        rows = np.zeros((len(y), len(self.labels)), "float32")
        for row, names in enumerate(y):
            if isinstance(names, (str, bytes)):
                raise ValueError(f"y: expected a list of labels at row {row}, found the string {names!r}")
            names = list(names)
            if len(names) == len(self.labels) and not any(isinstance(name, str) for name in names):
                rows[row] = names
                continue
            for name in names:
                if name not in index:
                    raise ValueError(
                        f"y: expected labels among {_short(self.labels)}, found {name!r} at row {row}"
                    )
                rows[row, index[name]] = 1
        return rows

    def to_answer(self, outputs):
        """Logits [N, K] -> float32 [N, K]: probabilities, or the numbers of a regression."""
        outputs = np.asarray(outputs, "float32")
        if self.task == "regression":
            return outputs
        if self.task == "multi":
            return np.exp(-np.logaddexp(0, -outputs))
        exponents = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return exponents / exponents.sum(axis=-1, keepdims=True)

    def classify(self, x, top_k=None, threshold=0.5, batch_size=None):
        """Raw texts to labels with their scores.

        Args:
            x: see the class.
            top_k: give the k best labels.
            threshold: probability from which on a label counts, with "multi".
            batch_size: the recipe's by default.

        Returns: for each text {"label": name, "score": probability}; with `top_k` a list of k of them; with
        "multi" the list of those from `threshold` on; with "regression" a list of all, scores the numbers.
        """
        if top_k is not None and not 1 <= top_k <= len(self.labels):
            raise ValueError(f"top_k: expected 1..{len(self.labels)}, found {top_k}")
        answers = []
        for row in self.predict(x, batch_size=batch_size):
            order = np.argsort(-row, kind="stable") if self.task != "regression" else np.arange(len(row))
            answer = [{"label": self.labels[i], "score": float(row[i])} for i in order]
            if top_k:
                answer = answer[:top_k]
            elif self.task == "multi":
                answer = [entry for entry in answer if entry["score"] >= threshold]
            elif self.task == "single":
                answer = answer[0]
            answers.append(answer)
        return answers

    def report(self, x, y, batch_size=None):
        """Accuracy, per-class precision, recall and F1, and the confusion matrix, with `.plot(path)`."""
        if self.task != "single":
            raise ValueError(f'report: expected task "single", found {self.task!r}; use evaluate')
        probabilities = self.predict(x, batch_size=batch_size)
        truth = self.targets(y, len(probabilities)).argmax(axis=-1)
        return classification_report(truth, probabilities, self.labels)

    def signatures(self):
        """Name -> (function, input specifications) of the exported SavedModel.

        "serving_default" takes `texts` [B], with pairs also `second_texts` [B], strings; gives `label` [B],
        `score` [B] and `probabilities` [B, K]; with "multi" the likeliest label. Regression: `values` [B, K].
        """
        names = tf.constant(self.labels)

        def answer(*texts):
            logits = tf.cast(self.model(self.preprocessor(*texts), training=False), "float32")
            if self.task == "regression":
                return {"values": logits}
            probabilities = tf.sigmoid(logits) if self.task == "multi" else tf.nn.softmax(logits)
            return {
                "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
                "score": tf.reduce_max(probabilities, axis=-1),
                "probabilities": probabilities,
            }

        return {"serving_default": (answer, self.text_specs())}

    def export_example(self):
        """Raw inputs on which `export` compares the SavedModel with `predict`."""
        raw, x = self.text_example()
        key = "values" if self.task == "regression" else "probabilities"
        return {"serving_default": (raw, {key: self.predict(x)})}

    def card(self):
        example = '("A text.", "Another.")' if self.preprocessor.pairs else '"A text."'
        return {
            "task": "text-classification",
            "example": f"app.classify([{example}])",
            "input": self.input_text(),
            "output": {
                "single": f"one of {len(self.labels)} labels",
                "multi": f"any of {len(self.labels)} labels",
                "regression": f"{len(self.labels)} numbers",
            }[self.task]
            + f": {_short(self.labels)}",
            "limits": "It answers with its labels whatever the text says, and its scores are not calibrated. "
            "Measure it on your own data before relying on it.",
        }

    def lines(self, inputs, top_k=1):
        """For `zoo predict`: texts to (what to print, what to write as JSON) each."""
        for text, answers in zip(inputs, self.classify(self.typed(inputs), top_k=top_k), strict=True):
            printed = "\n".join(f"{text}\t{answer['label']}\t{answer['score']:.4f}" for answer in answers)
            yield printed, {"text": text, "labels": answers}

    def get_config(self):
        return {**super().get_config(), "labels": list(self.labels), "task": self.task}


def _names(labels, task):
    if task == "regression":
        if isinstance(labels, str) or not len(labels):
            raise ValueError(f"labels: expected a list of names of the numbers, found {labels!r}")
        return tuple(str(label) for label in labels)
    return check_label_names(labels)


def _short(labels):
    return json.dumps(list(labels)) if len(labels) < 6 else f'["{labels[0]}", ..., "{labels[-1]}"]'
