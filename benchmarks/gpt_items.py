"""Work items of the GPT family."""

from benchmarks.work import Contender, WorkItem

ROW = 6.09  # 10^9 operations for a row of 256 tokens, forward, the causal half of attention not spared


def _generation(batch: int, new: int, about: str) -> WorkItem:
    shape = {"batch": batch, "prompt": 128, "new": new}

    def contender(name: str, group: str, function: str, needs: tuple[str, ...] = (), **options) -> Contender:
        return Contender(name, group, f"benchmarks.gpt_steps:{function}", {**shape, **options}, needs)

    return WorkItem(
        f"gpt2_generate_{batch}x128+{new}",
        f"GPT-2 124M, random weights, greedy, {batch} prompts of 128 tokens, {about}",
        "ms",
        (
            contender("zoo", "zoo", "zoo"),
            contender("zoo bfloat16", "zoo", "zoo", dtype="bfloat16"),
            contender("zoo int8", "zoo", "zoo", dtype="int8"),
            contender("keras-hub", "keras", "keras_hub", ("keras_hub",)),
            contender("transformers", "torch", "transformers", ("torch", "transformers")),
            contender(
                "transformers bfloat16", "torch", "transformers", ("torch", "transformers"), dtype="bfloat16"
            ),
        ),
    )


def _training(dropout: float) -> WorkItem:
    shape = {"batch": 16, "length": 256, "dropout": dropout}

    def contender(name: str, group: str, function: str, needs: tuple[str, ...] = (), **options) -> Contender:
        return Contender(name, group, f"benchmarks.gpt_train_steps:{function}", {**shape, **options}, needs)

    return WorkItem(
        f"gpt_6x384_train_dropout_{dropout}",
        f"GPT of 6 layers, 384 wide, 16 rows of 256 tokens, dropout {dropout}, AdamW",
        "ms",
        (
            contender("zoo", "zoo", "zoo"),
            contender("keras-hub", "keras", "keras_hub", ("keras_hub",), jit=False),
            contender("keras-hub XLA", "keras", "keras_hub", ("keras_hub",), jit=True),
            contender("transformers", "torch", "transformers", ("torch", "transformers")),
        ),
        gflops=3 * 16 * ROW,
    )


def _byte_pair(name: str, about: str, made_up: bool, count: int = 2) -> WorkItem:
    def contender(label: str, group: str, function: str, needs: tuple[str, ...] = (), **options) -> Contender:
        options = {"made_up": made_up, "count": count, **options}
        return Contender(label, group, f"benchmarks.gpt_texts:{function}", options, needs)

    return WorkItem(
        name,
        f"{count} texts of 10,000 characters, GPT-2's vocabulary, {about}",
        "us a token",
        (
            contender("zoo, in graph", "zoo", "zoo_tokens", in_graph=True),
            contender("zoo, host, one thread", "zoo", "zoo_tokens", in_graph=False),
            contender("keras-hub, in graph", "keras", "keras_hub_tokens", ("keras_hub",)),
            contender("transformers", "torch", "transformers_tokens", ("transformers",)),
        ),
    )


def _tokens_of_length(name: str, group: str, length: int) -> Contender:
    return Contender(name, group, "benchmarks.gpt_steps:zoo_token", {"length": length, "new": 48})


def _smollm2() -> WorkItem:
    shape = {"prompt": 128, "new": 64}
    where = "benchmarks.gpt_texts:smollm2"
    return WorkItem(
        "smollm2_generate_1x128+64",
        "SmolLM2-135M-Instruct from its GGUF file, float32, greedy, a prompt of 128 tokens, 64 new ones",
        "ms",
        (
            Contender("zoo", "zoo", where, shape, ("gguf",)),
            Contender("zoo bfloat16", "zoo", where, {**shape, "dtype": "bfloat16"}, ("gguf",)),
            Contender(
                "transformers", "torch", f"{where}_transformers", shape, ("torch", "transformers", "gguf")
            ),
        ),
    )


GPT_ITEMS = (
    _generation(1, 64, "64 new ones"),
    _generation(4, 64, "64 new ones"),
    _generation(1, 1, "prefill and one new one"),
    _generation(4, 1, "prefill and one new one"),
    WorkItem(
        "gpt2_token_at_length",
        "GPT-2 124M, random weights, a prompt and 48 new tokens: a token, by their length together",
        "ms a token",
        (
            _tokens_of_length("zoo, 1,024 tokens", "zoo", 1024),
            _tokens_of_length("zoo, 64 tokens", "keras", 64),
        ),
    ),
    _smollm2(),
    _training(0.0),
    _training(0.1),
    _byte_pair("byte_pair_plays", "of Shakespeare's plays", made_up=False),
    _byte_pair("byte_pair_plays_32", "of Shakespeare's plays", made_up=False, count=32),
    _byte_pair("byte_pair_new_words", "of words that never come again", made_up=True),
    _byte_pair("byte_pair_new_words_32", "of words that never come again", made_up=True, count=32),
)
