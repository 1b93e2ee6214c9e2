"""The suite for an accelerator, in tiny sizes on the processor."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks.gpu_items import transformer_gflops
from benchmarks.gpu_peak import assumed_peak
from benchmarks.items import ITEMS, SUITES
from benchmarks.runner import ROOT

ON_JAX = """
from unittest import mock
from benchmarks import gpu_steps_jax as steps
tiny = {"tiny": {"num_layers": 1, "hidden_dim": 64, "num_heads": 2}}
with mock.patch.object(steps, "SIZES", tiny):
    made = [
        steps.resnet50(batch=2, size=32, builder="resnet20"),
        steps.bert("tiny", batch=2, length=8),
        steps.gpt(batch=2, length=8, width=64, layers=1, vocabulary=100),
    ]
for step in made:
    losses = [step() for _ in range(4)]
    assert losses[-1] < losses[0], losses
print("learned")
"""


@pytest.mark.slow
def test_the_zoo_learns_on_jax():
    pytest.importorskip("jax", reason="JAX is not installed")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith("learned"), done.stderr[-2000:]


@pytest.mark.slow
def test_torch_learns(monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from benchmarks import gpu_steps_torch as steps

    monkeypatch.setattr(steps, "SIZES", {"tiny": {"num_layers": 1, "hidden_dim": 64, "num_heads": 2}})
    for step in (
        steps.resnet50(batch=2, size=32, compiled=False, builder="resnet20"),
        steps.bert("tiny", batch=2, length=8, compiled=False),
        steps.gpt(batch=2, length=8, width=64, layers=1, vocabulary=100, compiled=False),
    ):
        losses = [step() for _ in range(4)]
        assert losses[-1] < losses[0]


def test_other_backends_are_refused():
    from benchmarks.gpu_steps_jax import training

    pytest.importorskip("jax", reason="JAX is not installed")
    with pytest.raises(RuntimeError, match="KERAS_BACKEND: expected jax, found tensorflow"):
        training(None, None, None, None)


def test_operations_are_those_of_the_published_count():
    """6 N a token for training, N without embeddings, and attention (arXiv:2001.08361, table 1)."""
    blocks, head = 12 * 12 * 768**2, 768 * 50257
    attention = 12 * 2 * 1024 * 768 * 2 / 1e9  # a token: 2 products of T x D in a layer
    found = transformer_gflops(12, 768, 1024, 50257)
    assert found == pytest.approx(1024 * (2 * (blocks + head) / 1e9 + attention))
    assert ITEMS["gpu_gpt2_train"].gflops == pytest.approx(3 * 8 * found)


def test_a_suite_has_its_items_alone():
    items = command.chosen((), (), False, "gpu")
    assert {item.name for item in items} == {"gpu_resnet50_train", "gpu_bert_base_train", "gpu_gpt2_train"}
    assert command.chosen((), ("gpt",), False, "gpu") == list(SUITES["gpu"]["gpt"])
    assert not {item.name for item in items} & {item.name for item in command.chosen((), (), False)}


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H200", 989), ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA L4", 121), ("Mine", None)],
)
def test_peaks_are_known_by_name(name, peak):
    assert assumed_peak(name) == peak


def test_the_assumed_peak_is_printed(monkeypatch):
    monkeypatch.setattr(command, "device", lambda: "NVIDIA H200")
    items = list(SUITES["gpu"]["gpt"])
    reach, said = command.reach_of(items, 2, None)
    assert reach == 989_000
    assert said == {"accelerator": "NVIDIA H200", "ceiling": "989000 GFLOP/s, assumed peak in bfloat16"}
    assert command.reach_of(items, 2, 500.0)[0] == 500_000
    monkeypatch.setattr(command, "device", lambda: "Mine")
    assert command.reach_of(items, 2, None) == (
        None,
        {"accelerator": "Mine", "ceiling": "unknown; give it by --peak"},
    )


def test_the_command_line_lists_the_suite():
    shown = CliRunner().invoke(command.main, ["--suite", "gpu", "--list"])
    assert "gpu_gpt2_train: GPT-2 124M" in shown.output
    assert "minilm" not in shown.output
    wrong = CliRunner().invoke(command.main, ["--suite", "gpu", "--family", "speech", "--list"])
    assert wrong.exit_code == 2
    assert "expected an item of the suite gpu, found none in speech" in wrong.output
