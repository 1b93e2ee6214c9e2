"""Other projects' ResNet checkpoints in our `ResNet`, by declarative name maps: no torch, no transformers.

A map is a dict from our names (`zoo.hub.checkpoint.weight_names`) to `Source(name, axes, minus, flip)`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from zoo.hub.checkpoint import Source, TensorFile, load_mapped, weight_names
from zoo.hub.sources import offline

if TYPE_CHECKING:
    from zoo.models import ResNet

OIHW_TO_HWIO = (2, 3, 1, 0)
HF_DEFAULTS = {
    "num_channels": 3,
    "embedding_size": 64,
    "hidden_sizes": (256, 512, 1024, 2048),
    "depths": (3, 4, 6, 3),
    "layer_type": "bottleneck",
    "hidden_act": "relu",
    "downsample_in_first_stage": False,
    "downsample_in_bottleneck": False,
}
HF_WITHOUT_HEAD = ("ResNetModel", "ResNetBackbone")
HF_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
KERAS_EPSILON = 1.001e-5
HF_RESAMPLE = {0: "nearest", 1: "lanczos3", 2: "bilinear", 3: "bicubic"}


def hf_resnet_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `zoo.models.ResNet` for the `config.json` of a Hugging Face ResNet.

    Args:
        config: the parsed file; what it leaves out has transformers' default. `num_channels` is not among the
            results: our model takes it from the shape it is built on.

    Returns: keyword arguments. `num_classes` is None for a checkpoint without a head (`ResNetModel`).

    Raises:
        ValueError: not a ResNet, or a setting that our model does not have.

    Example:
        >>> hf_resnet_arguments({"model_type": "resnet", "layer_type": "basic", "hidden_sizes": [64, 128],
        ...                      "depths": [2, 2]})["stage_filters"]
        (64, 128)
    """
    if config.get("model_type") != "resnet":
        raise ValueError(f"model_type: expected 'resnet', found {config.get('model_type')!r}")
    settings = {**HF_DEFAULTS, **{key: config[key] for key in HF_DEFAULTS if config.get(key) is not None}}
    block, widths = settings["layer_type"], tuple(settings["hidden_sizes"])
    if block not in ("basic", "bottleneck"):
        raise ValueError(f"layer_type: expected 'basic' or 'bottleneck', found {block!r}")
    if settings["hidden_act"] != "relu":
        raise ValueError(f"hidden_act: expected 'relu', found {settings['hidden_act']!r}")
    if settings["downsample_in_first_stage"]:
        raise ValueError(
            "downsample_in_first_stage: expected False, found True; the first stage of zoo.models.ResNet "
            "keeps the stem's resolution"
        )
    if len(settings["depths"]) != len(widths):
        raise ValueError(
            f"depths: expected one for each of the {len(widths)} hidden_sizes, found {settings['depths']}"
        )
    if block == "bottleneck" and any(width % 4 for width in widths):
        raise ValueError(f"hidden_sizes: expected multiples of 4 for bottlenecks, found {widths}")
    options = {"epsilon": 1e-5}
    if block == "bottleneck":
        options["stride_first"] = bool(settings["downsample_in_bottleneck"])
    return {
        "stage_blocks": tuple(settings["depths"]),
        "stage_filters": tuple(width // 4 for width in widths) if block == "bottleneck" else widths,
        "num_classes": _hf_classes(config),
        "block": block,
        "stem": "conv7",
        "stem_filters": settings["embedding_size"],
        "block_options": options,
    }


def _hf_classes(config: Mapping[str, Any]) -> int | None:
    if (config.get("architectures") or [""])[0] in HF_WITHOUT_HEAD:
        return None
    labels = config.get("id2label")
    return len(labels) if labels else config.get("num_labels", 2)  # a config of two labels leaves them out


def hf_resnet_names(config: Mapping[str, Any], prefix: str = "resnet.") -> dict[str, Source]:
    """From our names to those in the `model.safetensors` of a Hugging Face ResNet, head included.

    Args:
        config: the parsed `config.json`.
        prefix: of the foreign names; "" for a checkpoint of `ResNetModel`.

    Example:
        >>> hf_resnet_names({"model_type": "resnet"})["stage1_block1.conv2.kernel"].name
        'resnet.encoder.stages.0.layers.0.layer.1.convolution.weight'
    """
    arguments = hf_resnet_arguments(config)
    names = _hf_pair("stem_conv1", "stem_norm1", f"{prefix}embedder.embedder")
    for stage, count in enumerate(arguments["stage_blocks"]):
        for block in range(count):
            ours = f"stage{stage + 1}_block{block + 1}"
            theirs = f"{prefix}encoder.stages.{stage}.layers.{block}"
            for i in range(2 if arguments["block"] == "basic" else 3):
                names |= _hf_pair(f"{ours}.conv{i + 1}", f"{ours}.norm{i + 1}", f"{theirs}.layer.{i}")
            names |= _hf_pair(f"{ours}.shortcut_conv", f"{ours}.shortcut_norm", f"{theirs}.shortcut")
    names["head.kernel"] = Source("classifier.1.weight", (1, 0))
    names["head.bias"] = Source("classifier.1.bias")
    return names


def _hf_pair(conv: str, norm: str, theirs: str) -> dict[str, Source]:
    """A convolution and the norm after it."""
    names = {f"{conv}.kernel": Source(f"{theirs}.convolution.weight", OIHW_TO_HWIO)}
    return names | {f"{norm}.{o}": Source(f"{theirs}.normalization.{t}") for o, t in HF_NORM.items()}


def hf_image_arguments(settings: Mapping[str, Any], channels: int = 3) -> dict[str, Any]:
    """Arguments of `zoo.preprocessing.ImagePreprocessor` for a `preprocessor_config.json`.

    Args:
        settings: the parsed file; {} gives ImageNet's usual numbers at 224 px.
        channels: of the network.

    Example:
        >>> hf_image_arguments({"size": {"shortest_edge": 256}, "resample": 2})["image_size"]
        (256, 256)
    """
    size = settings.get("size", 224)
    if isinstance(size, Mapping):
        edge = size.get("shortest_edge", 224)
        size = (size.get("height", edge), size.get("width", edge))
    size = (size, size) if isinstance(size, int) else tuple(size)
    normalize = settings.get("do_normalize", True)
    mean = settings.get("image_mean", (0.485, 0.456, 0.406)) if normalize else (0.0,)
    std = settings.get("image_std", (0.229, 0.224, 0.225)) if normalize else (1.0,)
    ratio = settings.get("crop_pct") or 0.875
    return {
        "image_size": size,
        "channels": channels,
        "mean": tuple(mean) if len(mean) in (1, channels) else (sum(mean) / len(mean),),
        "std": tuple(std) if len(std) in (1, channels) else (sum(std) / len(std),),
        "interpolation": HF_RESAMPLE.get(settings.get("resample", 3), "bicubic"),
        "crop_ratio": ratio if min(size) < 384 else 1.0,  # the larger sizes are resized without a crop
    }


def load_hf_resnet(
    model: ResNet, path: str | os.PathLike, config: Mapping[str, Any], skip: Iterable[str] = ()
) -> None:
    """Reads the `model.safetensors` of a Hugging Face ResNet into our model.

    Args:
        model: a built `ResNet(**hf_resnet_arguments(config))`; its `num_classes` may differ where `skip` has
            "head.".
        path: the file.
        config: the parsed `config.json` beside it.
        skip: prefixes of our names that stay as they are; the tensors mapped to them are not read.

    Raises:
        ValueError: the model has another architecture, or names or shapes differ; it is then as it was.
    """
    expected = hf_resnet_arguments(config)
    _require(model, expected["block"], expected["block_options"])
    with TensorFile(path) as tensors:
        prefix = "resnet." if any(name.startswith("resnet.") for name in tensors) else ""
        load_mapped(model, tensors, hf_resnet_names(config, prefix), skip, ignore=(".num_batches_tracked",))


def keras_applications_names(model: ResNet, rgb: bool = False) -> dict[str, Source]:
    """From our names to those of keras.applications' ResNet50, ResNet101 and ResNet152.

    Their convolutions have a bias, ours have none. The norm after it takes it up, exactly at inference:
    (conv + bias - mean) / s = (conv - (mean - bias)) / s. Training mode subtracts the batch's mean, bias
    included, so nothing changes there either.

    Args:
        model: ours, for the number of blocks.
        rgb: reverse the input channels of the stem, so that it takes RGB where keras.applications takes BGR.
    """
    names = _keras_pair("stem_conv1", "stem_norm1", "conv1", flip=2 if rgb else None)
    for stage, count in enumerate(model.stage_blocks):
        for block in range(count):
            ours, theirs = f"stage{stage + 1}_block{block + 1}", f"conv{stage + 2}_block{block + 1}"
            for i in (1, 2, 3):
                names |= _keras_pair(f"{ours}.conv{i}", f"{ours}.norm{i}", f"{theirs}_{i}")
            if block == 0:
                names |= _keras_pair(f"{ours}.shortcut_conv", f"{ours}.shortcut_norm", f"{theirs}_0")
    names["head.kernel"] = Source("predictions.kernel")
    names["head.bias"] = Source("predictions.bias")
    return names


def _keras_pair(conv: str, norm: str, theirs: str, flip: int | None = None) -> dict[str, Source]:
    names = {f"{norm}.{part}": Source(f"{theirs}_bn.{part}") for part in NORM}
    names[f"{norm}.moving_mean"] = Source(f"{theirs}_bn.moving_mean", minus=f"{theirs}_conv.bias")
    return {f"{conv}.kernel": Source(f"{theirs}_conv.kernel", flip=flip), **names}


def load_keras_applications(
    model: ResNet, keras_model: keras.Model, skip: Iterable[str] = (), rgb: bool = False
) -> None:
    """Copies the weights of a keras.applications ResNet50, ResNet101 or ResNet152 into ours.

    Args:
        model: built, `resnet50(block_options={"stride_first": True, "epsilon": 1.001e-5})` or its siblings.
        keras_model: `keras.applications.ResNet50(...)`, with or without its top.
        skip: prefixes of our names that stay as they are: `("head.",)`.
        rgb: see `keras_applications_names`.

    Raises:
        ValueError: the model has another architecture, or names or shapes differ; it is then as it was.
    """
    _require(model, "bottleneck", {"stride_first": True, "epsilon": KERAS_EPSILON})
    load_mapped(model, _Variables(keras_model), keras_applications_names(model, rgb), skip)


def keras_applications_model(source: str) -> keras.Model:
    """The pretrained model behind `keras-applications:ResNet50`; Keras downloads it to `~/.keras`."""
    name = source.removeprefix("keras-applications:")
    if name == source or name not in ("ResNet50", "ResNet101", "ResNet152"):
        raise ValueError(f"source: expected keras-applications:ResNet50 (or 101, 152), found {source!r}")
    make = getattr(keras.applications, name)
    file = f"{name.lower()}_weights_tf_dim_ordering_tf_kernels.h5"
    return from_keras(file, lambda: make(weights="imagenet", classifier_activation=None))


def from_keras(file: str, fetch: Callable[[], Any]) -> Any:
    """`fetch()`, which has Keras download `file` to its cache, with its failures told in our words.

    Raises:
        ValueError: ZOO_OFFLINE is set and the file is not in the cache.
        ConnectionError: Keras could not download it.
    """
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    if offline() and not (home / "models" / file).is_file():
        raise ValueError(
            f"source: expected {home / 'models' / file} because ZOO_OFFLINE is set, found none; unset "
            "ZOO_OFFLINE, or put the file there"
        )
    try:
        return fetch()
    except Exception as error:
        if "URL fetch failure" not in str(error):  # Keras raises a bare Exception
            raise
        raise ConnectionError(f"{file}: expected a download by Keras, found a failure: {error}") from error


class _Variables:
    """The variables of a Keras model as tensors for `load_mapped`."""

    def __init__(self, model: keras.Model):
        self.model = model
        self.variables = weight_names(model)

    def __str__(self):
        return f"keras_model {self.model.name!r}"

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.variables[name].shape)

    def read(self, name: str) -> np.ndarray:
        return np.asarray(self.variables[name])


def _require(model: ResNet, block: str, options: Mapping[str, Any]) -> None:
    """ValueError where the model would take the weights but compute something else with them."""
    found = {"block": model.block, "stem": model.stem, "epsilon": model.epsilon}
    expected = {"block": block, "stem": "conv7", "epsilon": options["epsilon"]}
    for key, default in (("stride_first", False), ("shortcut", "conv"), ("antialias", False)):
        found[key], expected[key] = model.block_options.get(key, default), options.get(key, default)
    wrong = [key for key in expected if found[key] != expected[key]]
    if wrong:
        want, have = (", ".join(f"{key}={of[key]!r}" for key in wrong) for of in (expected, found))
        raise ValueError(f"model: expected {want} for these weights, found {have} in {model.name!r}")
