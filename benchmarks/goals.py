"""The ratios that the zoo is to reach, and why a row misses its own or has a peer ahead, for docs/speed.md.

A row without a goal is to be level with its best peer. A reason names what was measured on the machine that
it is for; the page is not drawn where a row of the newest records falls short without one.
"""

import dataclasses

LEVEL = 1.0
BYTE_PAIR = ("plays_32", "plays", "new_words_32", "new_words")
PEERS = {"keras": "Keras", "torch": "PyTorch"}


@dataclasses.dataclass(frozen=True)
class Goal:
    """At most these ratios of time to the best Keras and the best PyTorch peer; None for no say."""

    item: str
    contender: str
    keras: float | None
    torch: float | None


GOALS = (
    Goal("resnet50_train", "zoo float32", None, 0.80),
    Goal("resnet50_train", "zoo float32, v1 strides", 0.80, None),
    Goal("resnet50_train", "zoo mixed_bfloat16", None, LEVEL),
    Goal("resnet50_inference", "zoo float32", 0.95, 0.95),
    Goal("resnet50_inference", "zoo mixed_bfloat16", None, LEVEL),
    Goal("minilm_train_32x128", "zoo", 0.90, 0.50),
    Goal("minilm_inference_32x128", "zoo", 1.0, 0.60),
    Goal("minilm_mixed_lengths", "zoo, like lengths together", 0.65, None),
    Goal("minilm_one_text", "SavedModel, from the string", 1.2, None),
    Goal("gpt2_generate_1x128+64", "zoo", 0.70, 0.55),
    Goal("gpt2_generate_4x128+64", "zoo", 0.45, 0.35),
    Goal("gpt_6x384_train_dropout_0.1", "zoo", 0.92, 0.50),
    Goal("gpt2_token_at_length", "zoo, 1,024 tokens", 1.2, None),
    *(Goal(f"byte_pair_{part}", "zoo, in graph", 0.10, None) for part in BYTE_PAIR),
    Goal("ctc_loss", "zoo", 0.10, 0.80),
    Goal("deep_speech_train", "zoo GRU", 0.35, 0.75),
)


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why rows fall short.

    Attributes:
        cpu: of processors whose name begins so.
        items, contenders: of these; () for all contenders.
        group: against these peers, "" for both groups.
        text: one or two sentences.
    """

    cpu: str
    items: tuple[str, ...]
    contenders: tuple[str, ...]
    group: str
    text: str


ANY, XEON = "", "Intel(R) Xeon(R) Processor (family 6, model 207)"
RESNETS = ("resnet50_train", "resnet50_inference", "resnet20_train", "resnet20_inference")
BERT = ("minilm_train_32x128", "minilm_train_8x128", "base_train_8x128")
BERT_INFERENCE = ("minilm_inference_32x128", "minilm_inference_8x128", "base_inference_8x128")
PREFILL = ("gpt2_generate_1x128+1", "gpt2_generate_4x128+1")
MIXED = ("zoo mixed_bfloat16",)
XLA = ("zoo XLA", "zoo XLA, GELU by tanh")
REASONS = (
    Reason(
        XEON,
        (*RESNETS, *BERT, *BERT_INFERENCE, *PREFILL),
        (*MIXED, "zoo bfloat16"),
        "keras",
        "No Keras peer runs in bfloat16, so this is to its float32; this processor multiplies bfloat16 at "
        "about half the speed of float32.",
    ),
    Reason(
        XEON,
        ("resnet20_train", "resnet20_inference"),
        MIXED,
        "torch",
        "No PyTorch peer runs in bfloat16, so this is to its float32, which is twice as fast here.",
    ),
    Reason(
        XEON,
        (
            "resnet50_inference",
            *BERT_INFERENCE,
            *PREFILL,
            "gpt2_generate_4x128+64",
            "smollm2_generate_1x128+64",
        ),
        (*MIXED, "zoo bfloat16"),
        "torch",
        "This processor multiplies bfloat16 at about half the speed of float32, which is the choice here.",
    ),
    Reason(
        XEON,
        ("resnet50_train",),
        ("zoo float32",),
        "torch",
        "Of 930 ms the products take 654, at 301 GFLOP/s of 288 to 337; batch norm takes 128, sums, ReLU "
        "and their gradients 54, momentum 19, all at the memory's 27 GB/s. 0.80 of PyTorch's time would "
        "leave the latter and layouts 150.",
    ),
    Reason(
        XEON,
        ("jpeg_pipeline",),
        (),
        "keras",
        "`image_dataset_from_directory` does not antialias, which takes 1.1 ms an image (decoding 0.5). "
        "Plain tf.data, antialiased, makes 406 images/s.",
    ),
    Reason(
        XEON,
        ("load_time",),
        ("zoo safetensors",),
        "torch",
        "PyTorch computes with the mapped file as it lies. Keras keeps kernels the other way round, so "
        "that each is turned, its variables have memory of their own, and its layers take 0.35 s to "
        "build.",
    ),
    Reason(
        ANY,
        ("load_time",),
        ("zoo .weights.h5",),
        "",
        "Keras' own file and reader, beside safetensors, which the zoo writes.",
    ),
    Reason(
        ANY,
        ("serving_image", "serving_text"),
        ("zoo classify",),
        "keras",
        "It is `predict` with labels put to the numbers.",
    ),
    Reason(
        XEON,
        ("minilm_train_32x128",),
        ("zoo",),
        "torch",
        "PyTorch reaches 0.48 of the machine's matrix product with Intel's library (0.34 on EPYC): half "
        "of its time would be 0.96. The zoo is at 0.66.",
    ),
    Reason(
        XEON,
        ("minilm_inference_32x128",),
        ("zoo",),
        "torch",
        "PyTorch reaches 0.69 of the machine's matrix product (0.35 on EPYC): 0.60 of its time would be "
        "1.14. The zoo is at 0.76.",
    ),
    Reason(
        XEON,
        ("minilm_inference_8x128",),
        ("zoo",),
        "",
        "Nearly level: 0.72 of the machine's matrix product, keras-hub 0.75, PyTorch 0.73. Products are "
        "69 % of the time.",
    ),
    Reason(
        XEON,
        BERT_INFERENCE,
        XLA,
        "",
        "XLA's own products reach 173 to 188 GFLOP/s, oneDNN's 212 to 223 (1,024 rows): without XLA, the "
        "default, is faster here.",
    ),
    Reason(
        XEON,
        ("strings_to_tensors",),
        ("zoo, host",),
        "keras",
        "87 % of it is the library `tokenizers`, as in transformers. In a graph the zoo is ahead.",
    ),
    Reason(
        XEON,
        ("gpt2_generate_1x128+64",),
        ("zoo",),
        "torch",
        "A token reads all weights, 497 MB, 18 ms at the memory's 27 GB/s. The zoo takes 21 ms, PyTorch 24.",
    ),
    Reason(
        XEON,
        ("gpt2_generate_4x128+64",),
        ("zoo",),
        "torch",
        "A step reads 554 MB of weights and cache, 20.5 ms at the memory's 27 GB/s. The zoo takes 26.5 "
        "ms, PyTorch 46, and 0.35 of that is less than the memory allows.",
    ),
    Reason(
        XEON,
        ("gpt_6x384_train_dropout_0.0",),
        ("zoo",),
        "torch",
        "Level: both reach 0.71 of the machine's matrix product. With dropout the zoo takes 0.69 of the "
        "time.",
    ),
    Reason(
        XEON,
        ("gpt_6x384_train_dropout_0.1",),
        ("zoo",),
        "torch",
        "PyTorch reaches 0.47 of the machine's matrix product (0.29 on EPYC): half of its time would be "
        "0.95. The zoo is at 0.69.",
    ),
    Reason(
        XEON,
        ("deep_speech_train",),
        ("zoo GRU",),
        "torch",
        "Beside PyTorch's GRU it is 0.70; the goal counts its LSTM, one operation of oneDNN a layer. 0.75 of "
        "that is 647 ms: the products outside the loops, 94 GFLOP, take 325 at the machine's speed, 1,200 "
        "steps of both directions 253.",
    ),
    Reason(
        XEON,
        ("deep_speech_train", "deep_speech_inference", "recurrent_train", "recurrent_inference"),
        ("zoo LSTM",),
        "torch",
        "LSTM beside LSTM it is 1.09 in training and 1.06 in inference, of a layer alone 1.00 and 1.24: "
        "PyTorch's is one operation of oneDNN a layer, the zoo's loop takes 127 us a step of a direction.",
    ),
    Reason(
        XEON,
        tuple(f"byte_pair_{part}" for part in BYTE_PAIR),
        ("zoo, in graph",),
        "keras",
        "Two texts take 2.9 ms, of which kernels are 1.4 and the call 0.3; the rest is the dispatch of small "
        "operations. Words that never come again, eight letters of no language, take more rounds of merges. "
        "Batches of real texts meet it.",
    ),
)


def reason(cpu: str, item: str, contender: str, group: str) -> str | None:
    """The text of the first reason that fits."""
    for entry in REASONS:
        fits = cpu.startswith(entry.cpu) and item in entry.items and entry.group in ("", group)
        if fits and (not entry.contenders or contender in entry.contenders):
            return entry.text
    return None
