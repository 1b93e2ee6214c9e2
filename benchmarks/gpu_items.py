"""Work items for an accelerator: the zoo on JAX beside torch, both in bfloat16.

The share of the ceiling is the model's FLOPs utilisation: products of the step / time / the peak that is
assumed of the device (`benchmarks.gpu_peak`).
"""

from benchmarks.bert_steps import SIZES
from benchmarks.work import Contender, WorkItem

BERT = {"batch": 64, "length": 128}
GPT = {"batch": 8, "length": 1024}
GPT_LAYERS, GPT_WIDTH, GPT_VOCABULARY = 12, 768, 50257  # GPT-2 124M
IMAGES, RESNET50 = 128, 8.19  # images a step; 10^9 operations for one, forward


def _contenders(work: str, **shape) -> tuple[Contender, ...]:
    def contender(name: str, group: str, module: str, *needs: str, **options) -> Contender:
        return Contender(name, group, f"benchmarks.{module}:{work}", {**shape, **options}, needs)

    return (
        contender("zoo on JAX", "zoo", "gpu_steps_jax", "jax"),
        contender("torch", "torch", "gpu_steps_torch", "torch", "transformers", compiled=False),
        contender("torch.compile", "torch", "gpu_steps_torch", "torch", "transformers", compiled=True),
    )


def transformer_gflops(layers: int, width: int, length: int, head: int = 0) -> float:
    """10^9 operations of one row, forward: 24 D^2 + 4 T D a token and layer, and 2 D V of a head."""
    return length * (layers * (24 * width**2 + 4 * length * width) + 2 * width * head) / 1e9


_BASE = SIZES["base"]
_BERT_ROW = transformer_gflops(_BASE["num_layers"], _BASE["hidden_dim"], BERT["length"])
_GPT_ROW = transformer_gflops(GPT_LAYERS, GPT_WIDTH, GPT["length"], GPT_VOCABULARY)
GPU_FAMILIES = {
    "images": (
        WorkItem(
            "gpu_resnet50_train",
            "ResNet-50, 224 px, batch 128, SGD momentum, bfloat16",
            "images/s",
            _contenders("resnet50", batch=IMAGES, size=224),
            work=IMAGES,
            gflops=3 * IMAGES * RESNET50,
            suite="gpu",
        ),
    ),
    "bert": (
        WorkItem(
            "gpu_bert_base_train",
            "BERT-base, 64 sequences of 128 tokens, AdamW, bfloat16",
            "sequences/s",
            _contenders("bert", size="base", **BERT),
            work=BERT["batch"],
            gflops=3 * BERT["batch"] * _BERT_ROW,
            suite="gpu",
        ),
    ),
    "gpt": (
        WorkItem(
            "gpu_gpt2_train",
            "GPT-2 124M, 8 rows of 1,024 tokens, AdamW, bfloat16",
            "tokens/s",
            _contenders("gpt", **GPT, width=GPT_WIDTH, layers=GPT_LAYERS, vocabulary=GPT_VOCABULARY),
            work=GPT["batch"] * GPT["length"],
            gflops=3 * GPT["batch"] * _GPT_ROW,
            suite="gpu",
        ),
    ),
}
