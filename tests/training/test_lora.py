"""Low-rank changes train alone, and merge into the same function."""

import keras
import numpy as np
import pytest

from zoo.models import Bert, BertClassifier
from zoo.training.lora import dense_layers, enable_lora, merge_lora

TOKENS = np.random.default_rng(0).integers(1, 30, (16, 9)).astype("int32")


def make():
    model = BertClassifier(Bert(30, 8, num_layers=2, num_heads=2, dropout=0.0), num_classes=2)
    model.build()
    return model


@pytest.mark.slow
def test_only_the_changes_and_the_head_train_and_merging_keeps_the_function():
    model = make()
    names = [variable.path for variable in model.variables]
    before = {v.path: np.array(v.value) for v in model.bert.variables}
    plain = model.predict(TOKENS, verbose=0)
    assert enable_lora(model.bert, rank=2) == 9
    np.testing.assert_allclose(model.predict(TOKENS, verbose=0), plain, atol=1e-6)  # B is zero
    assert len(model.trainable_variables) == 2 * 9 + 2
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss)
    y = TOKENS[:, 0] % 2
    losses = model.fit(TOKENS, y, epochs=8, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    changed = [
        v.path
        for v in model.bert.variables
        if v.path in before and (np.array(v.value) != before[v.path]).any()
    ]
    assert not changed
    trained = model.predict(TOKENS, verbose=0)
    assert merge_lora(model.bert) == 9
    model.compile(keras.optimizers.Adam(1e-2), loss)
    np.testing.assert_allclose(model.predict(TOKENS, verbose=0), trained, atol=1e-5)
    assert [variable.path for variable in model.variables] == names
    assert len(model.trainable_variables) == len(names)


def test_wrong_ranks_and_second_changes_are_refused():
    model = make()
    with pytest.raises(ValueError, match="lora: expected a rank of at least 1, found 0"):
        enable_lora(model, 0)
    enable_lora(model.bert, 2)
    with pytest.raises(ValueError, match="merge them first"):
        enable_lora(model.bert, 2)
    assert len(dense_layers(model)) == 10
