"""Work items of the GPT family."""

from benchmarks.work import Contender, WorkItem

ROW = 6.09  # 10^9 operations for a row of 256 tokens, forward, the causal half of attention not spared


def _generation(batch: int) -> WorkItem:
    shape = {"batch": batch, "prompt": 128, "new": 64}

    def contender(name: str, group: str, function: str, needs: tuple[str, ...] = (), **options) -> Contender:
        return Contender(name, group, f"benchmarks.gpt_steps:{function}", {**shape, **options}, needs)

    return WorkItem(
        f"gpt2_generate_{batch}x128+64",
        f"GPT-2 124M, random weights, greedy, {batch} prompts of 128 tokens, 64 new ones",
        "ms",
        (
            contender("zoo", "zoo", "zoo"),
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


GPT_ITEMS = (_generation(1), _generation(4), _training(0.0), _training(0.1))
