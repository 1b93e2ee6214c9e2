"""Work items of the speech family."""

from benchmarks.work import Contender, WorkItem

_STEPS = "benchmarks.speech_steps"


def _ctc() -> tuple[Contender, ...]:
    shape = {"batch": 8, "steps": 200}

    def tensorflow(name: str, group: str, kind: str) -> Contender:
        return Contender(name, group, f"{_STEPS}:ctc_tensorflow", {"kind": kind, **shape})

    return (
        tensorflow("zoo", "zoo", "zoo"),
        tensorflow("keras.losses.CTC", "keras", "keras"),
        tensorflow("tf.nn.ctc_loss", "keras", "tensorflow"),
        Contender("torch", "torch", f"{_STEPS}:ctc_torch", shape, ("torch",)),
    )


def _by_cell(prefix: str, mode: str, shape: dict) -> tuple[Contender, ...]:
    """The zoo's GRU and LSTM, then those of Keras and torch."""
    shape = {"mode": mode, **shape}

    def keras(kind: str, cell: str) -> Contender:
        name = f"{'zoo' if kind == 'zoo' else 'plain Keras'} {cell}"
        options = {"kind": kind, "cell": cell, **shape}
        return Contender(name, kind, f"{_STEPS}:{prefix}_keras", options)

    def torch(cell: str) -> Contender:
        return Contender(
            f"torch {cell}", "torch", f"{_STEPS}:{prefix}_torch", {"cell": cell, **shape}, ("torch",)
        )

    cells = ("GRU", "LSTM")
    return (
        *(keras("zoo", cell) for cell in cells),
        *(keras("keras", cell) for cell in cells),
        *(torch(cell) for cell in cells),
    )


def _transcription(title: str, function: str, *needs: str, **options) -> Contender:
    group = "zoo" if function == "zoo" else "keras"
    options |= {"count": 8}
    return Contender(title, group, f"benchmarks.transcription:{function}", options, needs, ("flite",))


def _word_errors(group: str, function: str, *needs: str) -> Contender:
    return Contender(function, group, f"benchmarks.word_errors:{function}", {"pairs": 1000}, needs)


_LAYER = {"batch": 8, "steps": 200}
_NETWORK = {"batch": 8, "frames": 800}
SPEECH_ITEMS = (
    WorkItem(
        "ctc_loss",
        "loss and gradient, batch 8, 200 steps, 29 classes",
        "ms",
        _ctc(),
        guard=True,
        steps=50,  # of 2 ms: with a few the second core is not always awake
    ),
    WorkItem(
        "recurrent_train",
        "one bidirectional layer of 512, batch 8, 200 steps",
        "ms",
        _by_cell("recurrent", "train", _LAYER),
    ),
    WorkItem("recurrent_inference", "the same", "ms", _by_cell("recurrent", "inference", _LAYER)),
    WorkItem(
        "deep_speech_train",
        "two convolutions, 3 x 512 bidirectional, CTC, batch 8, 800 frames of 80 mels",
        "ms",
        _by_cell("network", "train", _NETWORK),
    ),
    WorkItem(
        "deep_speech_inference", "the same without CTC", "ms", _by_cell("network", "inference", _NETWORK)
    ),
    WorkItem(
        "transcription",
        "eight recordings of 5 to 10 spoken digits, 16 kHz, on one core: time of work / of sound",
        "s a second",
        (
            _transcription("zoo digits.fsdd, one by one", "zoo", name="digits.fsdd", together=False),
            _transcription("zoo digits.fsdd, together", "zoo", name="digits.fsdd", together=True),
            _transcription("pocketsphinx, digits", "pocketsphinx", "pocketsphinx", grammar=True),
            _transcription("pocketsphinx, all words", "pocketsphinx", "pocketsphinx", grammar=False),
        ),
        steps=2,
        warmup=1,
    ),
    WorkItem(
        "word_error_rate",
        "1,000 transcripts of 4 to 24 words",
        "ms",
        (_word_errors("zoo", "zoo"), _word_errors("keras", "jiwer", "jiwer")),
    ),
)
