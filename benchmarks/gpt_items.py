"""Work items of the GPT family."""

from benchmarks.work import Contender, WorkItem


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


GPT_ITEMS = (_generation(1), _generation(4))
