"""Image classification: encoded images, paths or pixels in; labels and scores out.

Shapes: B batch, N examples, H and W height and width of a raw image, C channels, K classes.
"""

import contextlib
import os

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm
from zoo.applications.application import Application
from zoo.applications.arguments import made, named
from zoo.applications.recipes.image_fine_tune import RECIPE

from zoo import models
from zoo.datasets import image_folder
from zoo.files import read_json
from zoo.hub import checkpoint, foreign
from zoo.metrics.classification import classification_report
from zoo.preprocessing import (
    ImageAugmentation,
    ImagePreprocessor,
    failed_check,
    find_bad_image,
    image_dataset,
    unreadable_image,
)
from zoo.preprocessing.image_augmentation import random_numbers
from zoo.preprocessing.labels import check_label_names, encode_labels
from zoo.training.progressive_size import ProgressiveSize

READING = (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.PermissionDeniedError)


@keras.saving.register_keras_serializable("zoo")
class ImageClassifier(Application):
    """One label for an image.

    Args:
        model: a network of `zoo.models`, pixels to logits [B, K].
        preprocessor: a `zoo.preprocessing.ImagePreprocessor`.
        labels: names of the K classes.
        **kwargs: `name`, `dtype`.

    Raw data x, everywhere: an array [N, H, W, C] or [N, H, W] of uint8 or floats in 0..255; a list of paths,
    of encoded bytes or of arrays; a tf.data.Dataset; or, with labels in it, a folder of class folders.
    Labels y: class numbers [N], label names [N], or one row of probabilities each [N, K].

    Example:
        >>> app = ImageClassifier.from_pretrained("resnet20.fashion_mnist")
        >>> images, labels = zoo.datasets.fashion_mnist("sample")
        >>> app.classify(images[:1])[0]["label"]
        'Ankle boot'
    """

    default_recipe = RECIPE

    def __init__(self, model, preprocessor, labels, **kwargs):
        super().__init__(model, preprocessor, **kwargs)
        self.labels = check_label_names(labels)
        self._size = ProgressiveSize(())
        if model.num_classes != len(self.labels):
            raise ValueError(
                f"labels: expected {model.num_classes} names, one for each class of the model, "
                f"found {len(self.labels)}"
            )
        self.build(preprocessor.output_shape)

    def example_spec(self):
        return tf.TensorSpec((None, *self.preprocessor.image_size, self.preprocessor.channels), "float32"), 1

    @classmethod
    def from_recipe(cls, recipe, examples):
        """What `recipe` begins with, for the classes of `examples`: untrained, or `recipe.start`."""
        labels = examples.label_names
        if recipe.start:
            return cls.from_pretrained(recipe.start, labels=labels, precision=recipe.precision)
        model = named(models, recipe.model, "model")(num_classes=len(labels), dtype=recipe.precision)
        return cls(model, made(ImagePreprocessor, recipe.preprocessor, "preprocessor"), labels=labels)

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """A Hugging Face ResNet: `folder` with its config.json (`config`) and model.safetensors."""
        if config["model_type"] != "resnet":
            raise ValueError(f"name: expected the folder of a resnet, found a {config['model_type']}")
        arguments = foreign.hf_resnet_arguments(config)
        headless = arguments["num_classes"] is None
        arguments["num_classes"] = arguments["num_classes"] or 2
        names = config.get("id2label", {})
        labels = [names.get(str(i), f"LABEL_{i}") for i in range(arguments["num_classes"])]
        settings = read_json(folder / "preprocessor_config.json", missing={})
        preprocessor = ImagePreprocessor(
            **foreign.hf_image_arguments(settings, config.get("num_channels", 3))
        )
        with checkpoint.zero_initialized():
            model = models.ResNet(**arguments, dtype=precision)
            application = cls(model, preprocessor, labels=labels)
        skip = ("head.",) if headless else ()
        foreign.load_hf_resnet(model, folder / "model.safetensors", config, skip=skip)
        if headless:
            print(f"{str(folder)!r} has no head: a new one for 2 classes; pass labels=[...] for yours")
            model.replace_head(2)
        return application

    def build(self, input_shape):
        if not self.model.built:
            self.model.build(input_shape)
        self.built = True

    def call(self, images, training=None):
        """float [B, h, w, C] as the preprocessor gives them -> logits, float32 [B, K]."""
        return self.model(images, training=training)

    def replace_labels(self, labels):
        """Other classes: a fresh head for them. Says so; everything below keeps its weights."""
        labels = check_label_names(labels)
        if labels == self.labels:
            return
        print(f"New head: {len(self.labels)} classes {_short(self.labels)} -> {len(labels)} {_short(labels)}")
        self.model.replace_head(len(labels))
        self.labels = labels

    def loss_and_metrics(self, recipe):
        """Cross-entropy on one-hot targets, accuracy and, with more than 5 classes, top-5 accuracy."""
        metrics = [keras.metrics.CategoricalAccuracy(name="accuracy")]
        if len(self.labels) > 5:
            metrics.append(keras.metrics.TopKCategoricalAccuracy(5, name="top5"))
        smoothing = recipe.label_smoothing
        return {
            "loss": keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
            "metrics": metrics,
        }

    def fit(self, x, y=None, *rest, callbacks=None, **arguments):
        sizes = self.recipe.train_sizes
        if sizes and not getattr(self.model, "takes_any_size", True):
            raise ValueError(
                f"train_sizes: expected none for a {type(self.model).__name__}, whose images keep one size, "
                f"found {sizes}; set it to ()"
            )
        self._size = ProgressiveSize(sizes)
        return super().fit(x, y, *rest, callbacks=[self._size, *(callbacks or [])], **arguments)

    def training_data(self, x, y=None, sample_weight=None, batch_size=32, shuffle=True):
        """Raw examples -> shuffled, augmented batches (images [B, h, w, C], targets [B, K][, weights])."""
        augment = made(ImageAugmentation, self.recipe.augment, "augment")
        if augment.mixes_labels and self._sparse:
            raise ValueError("augment: expected no mixup or cutmix with a sparse loss, found both")
        data, count = self._examples(x, y, sample_weight)
        if not isinstance(data.element_spec, tuple):
            raise ValueError("y: expected labels, one for each image of x, found None")
        if shuffle:
            data = data.shuffle(min(count or 10_000, 100_000))
        size, resize = self.preprocessor.image_size, self._size.resize
        if augment.resized_crop:
            data = data.map(lambda image, *rest: (augment.crop_raw(self._pixels(image), size), *rest))
        data = self._batched(data, batch_size, drop_remainder=count is None or count >= batch_size)

        def prepare(batch, seed):
            images, targets, *weights = batch
            images, targets = augment(images, targets, seed)
            return self.preprocessor.normalize(resize(images)), targets, *weights

        data = tf.data.Dataset.zip((data, random_numbers()))
        return data.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=32, labelled=True):
        """Raw examples in order -> batches, as in training but neither shuffled nor augmented.

        With `labelled` False only images come back, also from a folder or a dataset that holds labels.
        """
        data, _ = self._examples(x, y, sample_weight, labelled=labelled)
        data = self._batched(data, batch_size, drop_remainder=False)
        return data.map(
            lambda images, *rest: (
                (self.preprocessor.normalize(images), *rest) if rest else self.preprocessor.normalize(images)
            )
        ).prefetch(2)

    def _batched(self, data, batch_size, drop_remainder):
        """Resized batches in 0..255: resized together where all images share one size, else one by one."""
        spec = data.element_spec[0] if isinstance(data.element_spec, tuple) else data.element_spec
        uniform = spec.dtype != tf.string and spec.shape.is_fully_defined()
        resize = self.preprocessor.resize

        def one(image, *rest):
            image = resize(self._pixels(image))
            return (image, *rest) if rest else image

        def batch(images, *rest):
            return (resize(images), *rest) if rest else resize(images)

        if not uniform:
            data = data.map(one, num_parallel_calls=tf.data.AUTOTUNE)
        return data.batch(batch_size, drop_remainder=drop_remainder).map(batch)

    def _pixels(self, image):
        return self.preprocessor.decode(image) if image.dtype == tf.string else image

    def _examples(self, x, y=None, sample_weight=None, labelled=True):
        """(dataset of image or, where there are labels, (image, target[, weight]); count)."""
        parts = []
        if isinstance(x, tf.data.Dataset) and isinstance(x.element_spec, tuple):
            if y is not None:
                raise ValueError("y: expected None, since x is a dataset that holds the labels, found labels")
            x, y, *parts = [x.map(lambda *row, i=i: row[i]) for i in range(len(x.element_spec))]
        elif y is None and isinstance(x, (str, os.PathLike)) and not os.path.isfile(x):
            folder = image_folder(x)
            x, y = list(folder.paths), [folder.label_names[i] for i in folder.labels]
        images, count = image_dataset(x)
        known = tf.data.experimental.assert_cardinality(
            tf.data.INFINITE_CARDINALITY if count is None else count
        )
        if y is None or not labelled:
            return images.apply(known), count
        parts.insert(0, encode_labels(y, self.labels, count, one_hot=not self._sparse))
        if sample_weight is not None:
            weights = np.asarray(sample_weight, "float32")
            if count is not None and weights.shape != (count,):
                raise ValueError(f"sample_weight: expected shape ({count},), found {weights.shape}")
            parts.append(tf.data.Dataset.from_tensor_slices(weights))
        return tf.data.Dataset.zip((images, *parts)).apply(known), count

    @property
    def _sparse(self):
        """Whether the compiled loss takes class numbers instead of rows of probabilities."""
        loss = getattr(self, "loss", None)
        name = loss if isinstance(loss, str) else getattr(loss, "name", "") or type(loss).__name__
        return "sparse" in name.lower()

    def to_answer(self, outputs):
        """Logits [N, K] -> probabilities, float32 [N, K]: what `predict` returns."""
        outputs = np.asarray(outputs, "float32")
        exponents = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return exponents / exponents.sum(axis=-1, keepdims=True)

    def classify(self, x, top_k=None, batch_size=None):
        """Raw images to labels with their scores.

        Returns: for each image {"label": name, "score": probability}; with `top_k` the list of the k best.
        """
        if top_k is not None and not 1 <= top_k <= len(self.labels):
            raise ValueError(f"top_k: expected 1..{len(self.labels)}, found {top_k}")
        answers = []
        for row in self.predict(x, batch_size=batch_size):
            order = np.argsort(-row, kind="stable")[: top_k or 1]
            answer = [{"label": self.labels[i], "score": float(row[i])} for i in order]
            answers.append(answer if top_k else answer[0])
        return answers

    def report(self, x, y=None, batch_size=None):
        """Accuracy, per-class precision, recall and F1, and the confusion matrix, with `.plot(path)`."""
        data = self.inference_data(x, y, batch_size=self.checked_batch_size(batch_size))
        if not isinstance(data.element_spec, tuple):
            raise ValueError("y: expected labels, one for each image of x, found None")
        total = int(data.cardinality())
        truth, outputs = [], []
        with self._explained(x):
            for images, targets, *_ in tqdm(data, total=total if total > 0 else None, disable=None):
                truth.append(targets.numpy() if self._sparse else targets.numpy().argmax(axis=-1))
                outputs.append(self.predict_on_batch(images))
        probabilities = self.to_answer(np.concatenate(outputs))
        return classification_report(np.concatenate(truth), probabilities, self.labels)

    def signatures(self):
        """Name -> (function, input specifications) of the exported SavedModel.

        "serving_default" takes `images`, encoded images as strings [B]; "pixels" takes `pixels`, uint8
        [B, H, W, C]. Both give `label` [B], `score` [B] and `probabilities` [B, K].
        """
        names = tf.constant(self.labels)

        def answer(images):
            probabilities = tf.nn.softmax(tf.cast(self.model(images, training=False), "float32"))
            best = tf.argmax(probabilities, axis=-1)
            return {
                "label": tf.gather(names, best),
                "score": tf.reduce_max(probabilities, axis=-1),
                "probabilities": probabilities,
            }

        channels = self.preprocessor.channels
        return {
            "serving_default": (
                lambda images: answer(self.preprocessor.from_bytes(images)),
                [tf.TensorSpec((None,), "string", name="images")],
            ),
            "pixels": (
                lambda pixels: answer(self.preprocessor(pixels)),
                [tf.TensorSpec((None, None, None, channels), "uint8", name="pixels")],
            ),
        }

    def export_example(self):
        """Raw inputs of each signature on which `export` compares the SavedModel with `predict`."""
        height, width = self.preprocessor.image_size
        shape = (2, height + 5, width + 3, self.preprocessor.channels)
        pixels = np.random.default_rng(0).integers(0, 256, shape, "uint8")
        encoded = [tf.io.encode_png(image).numpy() for image in pixels]
        expected = {"probabilities": self.predict(pixels)}
        return {"serving_default": (np.array(encoded), expected), "pixels": (pixels, expected)}

    def card(self):
        p = self.preprocessor
        height, width = p.image_size
        names = ", ".join(self.labels[:20]) + (", ..." if len(self.labels) > 20 else ".")
        return {
            "task": "image-classification",
            "example": 'app.classify(["photo.png"])',
            "input": f"{height}x{width} px, {p.channels} channel(s), {p.interpolation} resize, crop ratio "
            f"{p.crop_ratio:g}, mean {p.mean}, std {p.std}.",
            "output": f"{len(self.labels)} classes: {names}",
            "limits": "It answers with one of its classes whatever the image shows, and its scores are not "
            "calibrated. Measure it on your own data before relying on it.",
        }

    def lines(self, inputs, top_k=1):
        """For `zoo predict`: image files to (what to print, what to write as JSON) each."""
        for path, answers in zip(inputs, self.classify(list(inputs), top_k=top_k), strict=True):
            text = "\n".join(f"{path}\t{answer['label']}\t{answer['score']:.4f}" for answer in answers)
            yield text, {"file": path, "labels": answers}

    @contextlib.contextmanager
    def _explained(self, x):
        """Turns an error from inside the tf.data pipeline into one that names the image or the label."""
        try:
            yield
        except READING as error:
            is_folder = isinstance(x, (str, os.PathLike)) and os.path.isdir(x)
            found = (
                failed_check(error)
                or find_bad_image(list(image_folder(x).paths) if is_folder else x, self.preprocessor)
                or unreadable_image(error)
            )
            if found is None:
                raise
            raise found from error

    def get_config(self):
        return {**super().get_config(), "labels": list(self.labels)}


def _short(labels):
    return str(list(labels)) if len(labels) < 4 else f"[{labels[0]!r}, ..., {labels[-1]!r}]"
