import itertools
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.kernels import ctc_loss_and_gradient, ctc_loss_and_gradient_plain
from zoo.losses import CTC, ctc_feasible, ctc_loss


def ragged_batch(batch, time, vocabulary, count, seed=0, blank=0, scale=2.0):
    """Random logits and labels with random lengths, each of which has an alignment."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(batch, time, vocabulary)).astype("float32") * scale
    labels = rng.integers(0, vocabulary - 1, (batch, count)).astype("int32")
    labels += labels >= blank  # every class but the blank
    return {
        "labels": labels,
        "logits": logits,
        "label_lengths": rng.integers(0, count + 1, batch).astype("int32"),
        "logit_lengths": rng.integers(2 * count, time + 1, batch).astype("int32"),
    }


def loss_and_gradient(batch, blank=0):
    logits = tf.constant(batch["logits"])
    weights = np.arange(1, len(batch["labels"]) + 1, dtype="float32")  # each row's gradient, told apart
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = ctc_loss(**{**batch, "logits": logits}, blank=blank)
        total = tf.reduce_sum(loss * weights)
    return loss.numpy(), tape.gradient(total, logits).numpy() / weights[:, None, None]


@pytest.mark.parametrize(
    ("shape", "blank"), [((5, 33, 7, 9), 0), ((3, 40, 30, 11), 29), ((4, 150, 30, 40), 0), ((2, 8, 3, 1), 1)]
)
def test_equals_pytorch_in_double_precision(shape, blank):
    torch = pytest.importorskip("torch")
    batch = ragged_batch(*shape, blank=blank)
    loss, gradient = loss_and_gradient(batch, blank)
    logits = torch.tensor(batch["logits"].astype("float64"), requires_grad=True)
    lengths = [torch.tensor(batch[key]).long() for key in ("logit_lengths", "label_lengths")]
    log_probs = torch.log_softmax(logits, -1).transpose(0, 1)
    theirs = torch.nn.CTCLoss(blank=blank, reduction="none")(
        log_probs, torch.tensor(batch["labels"]).long(), *lengths
    )
    theirs.sum().backward()
    np.testing.assert_allclose(loss, theirs.detach().numpy(), rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(gradient, logits.grad.numpy(), atol=1e-4)


@pytest.mark.slow
def test_equals_tensorflow():
    batch = ragged_batch(6, 37, 9, 8)
    loss, gradient = loss_and_gradient(batch)
    logits = tf.constant(batch["logits"])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        theirs = tf.nn.ctc_loss(
            batch["labels"],
            logits,
            batch["label_lengths"],
            batch["logit_lengths"],
            logits_time_major=False,
            blank_index=0,
        )
    np.testing.assert_allclose(loss, theirs, atol=1e-4)
    np.testing.assert_allclose(gradient, tape.gradient(theirs, logits), atol=1e-4)


def test_equals_the_sum_over_all_alignments():
    batch = ragged_batch(4, 5, 3, 2, seed=3)
    log_probs = keras.ops.convert_to_numpy(keras.ops.log_softmax(batch["logits"]))
    for row, loss in enumerate(ctc_loss(**batch).numpy()):
        frames, count = batch["logit_lengths"][row], batch["label_lengths"][row]
        total = 0.0
        for path in itertools.product(range(3), repeat=frames):
            merged = [c for c, _ in itertools.groupby(path) if c != 0]
            if merged == list(batch["labels"][row, :count]):
                total += np.exp(sum(log_probs[row, t, c] for t, c in enumerate(path)))
        np.testing.assert_allclose(loss, -np.log(total), rtol=1e-5)


def test_padding_twice_as_long_changes_nothing():
    batch = ragged_batch(5, 33, 7, 9)
    loss, gradient = loss_and_gradient(batch)
    rng = np.random.default_rng(9)
    longer = {
        **batch,
        "logits": np.concatenate([batch["logits"], rng.normal(size=(5, 33, 7)).astype("float32")], axis=1),
        "labels": np.concatenate([batch["labels"], rng.integers(1, 7, (5, 9)).astype("int32")], axis=1),
    }
    again, long_gradient = loss_and_gradient(longer)
    np.testing.assert_allclose(again, loss, atol=1e-5)
    np.testing.assert_allclose(long_gradient[:, :33], gradient, atol=1e-6)
    assert not long_gradient[:, 33:].any()


def test_numbers_of_long_rows_keep_their_digits():
    """At log p of -3000 a gradient taken as exp(log a - log p) is off by 5e-3 in float32."""
    torch = pytest.importorskip("torch")
    batch = ragged_batch(2, 700, 30, 60, scale=4.0)
    _, gradient = loss_and_gradient(batch)
    logits = torch.tensor(batch["logits"].astype("float64"), requires_grad=True)
    lengths = [torch.tensor(batch[key]).long() for key in ("logit_lengths", "label_lengths")]
    torch.nn.CTCLoss(reduction="sum")(
        torch.log_softmax(logits, -1).transpose(0, 1), torch.tensor(batch["labels"]).long(), *lengths
    ).backward()
    np.testing.assert_allclose(gradient, logits.grad.numpy(), atol=1e-4)


def test_impossible_rows_are_masked_and_told():
    batch = {
        "labels": np.array([[1, 2, 1], [1, 1, 1], [2, 1, 2], [1, 2, 1]]),
        "logits": np.random.default_rng(0).normal(size=(4, 4, 3)).astype("float32"),
        "label_lengths": np.array([3, 3, 3, 0]),
        "logit_lengths": np.array([4, 4, 2, 0]),
    }
    feasible = ctc_feasible(batch["labels"], batch["label_lengths"], batch["logit_lengths"])
    assert feasible.numpy().tolist() == [True, False, False, True]
    loss, gradient = loss_and_gradient(batch)
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()
    assert loss[0] > 0
    assert loss[1:].tolist() == [0, 0, 0]
    assert not gradient[1:].any()


def test_extreme_logits_stay_finite():
    logits = np.full((2, 6, 4), -1e30, "float32")
    logits[:, :, 1] = 1e4
    logits[1, 2] = -np.inf
    logits[1, 2, 0] = 0
    batch = {"labels": [[1, 2], [1, 1]], "label_lengths": [2, 2], "logit_lengths": [6, 6], "logits": logits}
    loss, gradient = loss_and_gradient(batch)
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()


def test_compiled_path_equals_the_plain_one():
    batch = ragged_batch(3, 19, 5, 4)
    arguments = [batch[key] for key in ("logits", "labels", "label_lengths", "logit_lengths")]
    for fast, plain in zip(
        ctc_loss_and_gradient(*arguments), ctc_loss_and_gradient_plain(*arguments), strict=True
    ):
        np.testing.assert_allclose(fast, plain, atol=2e-5)


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"logits": np.zeros((5, 3), "float32")}, "logits: expected shape"),
        ({"labels": np.zeros(5, "int32")}, "labels: expected shape"),
        ({"label_lengths": np.zeros((5, 1), "int32")}, "label_lengths: expected shape"),
        ({"labels": np.zeros((4, 2), "int32")}, "one batch size"),
        ({"blank": 7}, "blank: expected a class in"),
    ],
)
def test_bad_arguments_are_named(change, argument):
    batch = {**ragged_batch(5, 33, 7, 9), **change}
    with pytest.raises(ValueError, match=argument):
        ctc_loss(**batch)


def test_keras_loss_trains_and_saves():
    batch = ragged_batch(4, 20, 6, 5)
    packed = CTC.pack_labels(batch["labels"], batch["label_lengths"])
    logits = CTC.pack_logits(batch["logits"], batch["logit_lengths"])
    per_label = CTC(per_label=True, reduction="none")
    expected = ctc_loss(**batch) / np.maximum(batch["label_lengths"], 1)
    np.testing.assert_allclose(per_label(packed, logits), expected, rtol=1e-6)
    again = keras.losses.deserialize(keras.losses.serialize(per_label))
    assert again.get_config() == per_label.get_config()


ON_JAX = """
import jax, numpy as np
from zoo.losses import ctc_loss
batch = dict(np.load({path!r}))
logits = batch.pop("logits")
loss = jax.jit(lambda x: ctc_loss(logits=x, **batch))(logits)
gradient = jax.grad(lambda x: ctc_loss(logits=x, **batch).sum())(logits)
np.savez({path!r}, loss=loss, gradient=gradient)
"""


@pytest.mark.slow
def test_jax_gives_the_same_numbers(tmp_path):
    pytest.importorskip("jax")
    batch, path = ragged_batch(3, 19, 5, 4), str(tmp_path / "batch.npz")
    np.savez(path, **batch)
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", ON_JAX.format(path=path)], env=environment, check=True, timeout=120)
    loss, gradient = loss_and_gradient(batch)
    with np.load(path) as theirs:
        np.testing.assert_allclose(theirs["loss"], loss, atol=2e-5)
        np.testing.assert_allclose(theirs["gradient"], gradient, atol=2e-5)
