"""Work items of the BERT family."""

from benchmarks.bert_steps import SIZES
from benchmarks.work import Contender, WorkItem

EPOCH = {"texts": 640, "batch": 32}
TOKENS = 36_490  # of the 2,000 tweets, [CLS] and [SEP] included


def _contenders(size: str, mode: str, batch: int, dropout: float) -> tuple[Contender, ...]:
    shape = {"size": size, "mode": mode, "batch": batch, "length": 128, "dropout": dropout}

    def contender(name: str, group: str, function: str, needs: tuple[str, ...] = (), **options) -> Contender:
        options = {"dtype": "float32", **options, **shape}
        return Contender(name, group, f"benchmarks.bert_steps:{function}", options, needs)

    hub, torch = ("keras_hub",), ("torch", "transformers")
    compiled = ()
    if mode == "inference":
        # BERT's GELU is by the error function, as the zoo's and transformers'; keras-hub's is by tanh.
        compiled = (
            contender("zoo XLA", "zoo", "zoo", jit=True),
            contender("zoo XLA, GELU by tanh", "zoo", "zoo", jit=True, activation="gelu_tanh"),
        )
    return (
        contender("zoo", "zoo", "zoo", jit=False),
        *compiled,
        contender("zoo mixed_bfloat16", "zoo", "zoo", dtype="mixed_bfloat16", jit=False),
        contender("keras-hub", "keras", "keras_hub", hub, jit=False),
        contender("keras-hub XLA", "keras", "keras_hub", hub, jit=True),
        contender("transformers", "torch", "transformers", torch),
        contender("transformers bfloat16", "torch", "transformers", torch, dtype="mixed_bfloat16"),
    )


def _item(size: str, mode: str, batch: int) -> WorkItem:
    dropout = 0.1 if mode == "train" else 0.0
    about = f"{batch} texts of 128 tokens" + (", AdamW, dropout 0.1" if mode == "train" else "")
    name = f"{size}_{mode}_{batch}x128"
    contenders = _contenders(size, mode, batch, dropout)
    return WorkItem(name, about, "ms", contenders, gflops=_gflops(size, mode, batch, length=128))


def _gflops(size: str, mode: str, batch: int, length: int) -> float:
    """A layer takes 24 D^2 + 4 T D a token: its matrices, and attention (D width, T length)."""
    layers, width = SIZES[size]["num_layers"], SIZES[size]["hidden_dim"]
    forward = layers * batch * length * (24 * width**2 + 4 * length * width)
    return (3 if mode == "train" else 1) * forward / 1e9


def _both(function: str, ours: tuple[str, dict], theirs: tuple[str, dict], **shared) -> tuple[Contender, ...]:
    """Two ways of ours; what the first is compared with stands in the column of Keras' peers."""
    return tuple(
        Contender(name, group, f"benchmarks.bert_texts:{function}", {"size": "minilm", **shared, **options})
        for group, (name, options) in (("zoo", ours), ("keras", theirs))
    )


BERT_ITEMS = (
    _item("minilm", "train", 32),
    _item("minilm", "train", 8),
    _item("base", "train", 32),
    _item("base", "train", 8),
    _item("minilm", "inference", 32),
    _item("minilm", "inference", 8),
    _item("base", "inference", 8),
    WorkItem(
        "minilm_mixed_lengths",
        "128 texts of 8 to 128 tokens in batches of 32, inference",
        "ms",
        _both(
            "mixed_lengths",
            ("zoo, like lengths together", {"padded": False}),
            ("zoo, all padded to 128", {"padded": True}),
            texts=128,
            batch=32,
        ),
    ),
    WorkItem(
        "minilm_fine_tuning",
        "an epoch of 640 film snippets, 5 to 60 tokens, in batches of 32: fit on strings",
        "s",
        (
            Contender("zoo", "zoo", "benchmarks.bert_texts:zoo_epoch", EPOCH),
            Contender(
                "transformers",
                "torch",
                "benchmarks.bert_texts:transformers_epoch",
                EPOCH,
                ("torch", "transformers"),
            ),
        ),
        steps=1,
        warmup=0,
    ),
    WorkItem(
        "strings_to_tensors",
        "2,000 tweets to padded batches of 32, MiniLM's vocabulary, one thread",
        "tokens/s",
        tuple(
            Contender(name, group, f"benchmarks.bert_texts:{function}", {"tokens": TOKENS}, needs)
            for name, group, function, needs in (
                ("zoo, host", "zoo", "zoo_host_tokens", ()),
                ("zoo, in graph", "zoo", "zoo_graph_tokens", ()),
                ("keras-hub", "keras", "keras_hub_tokens", ("keras_hub",)),
                ("transformers", "torch", "transformers_tokens", ("transformers",)),
            )
        ),
        work=TOKENS,
    ),
    WorkItem(
        "minilm_one_text",
        "one text of 32 tokens",
        "ms",
        _both(
            "one_text",
            ("SavedModel, from the string", {"exported": True}),
            ("bare network, from its tokens", {"exported": False}),
        ),
        steps=30,
        guard=True,
    ),
)
