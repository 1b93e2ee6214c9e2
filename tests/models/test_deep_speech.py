import numpy as np
import pytest
import tensorflow as tf
from battery import randomize

from zoo import models
from zoo.models import DeepSpeech


def tiny(**options):
    defaults = {"vocabulary_size": 7, "units": 5, "num_layers": 2, "conv_filters": (3, 4), **options}
    model = DeepSpeech(**defaults)
    model.build((None, None, 9))
    randomize(model)
    return model


def frames(batch, time, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, time, 9)).astype("float32")


@pytest.mark.parametrize("piece", [1, 2, 5, 7, 36, 37, 50])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_streamed_equals_offline_at_any_piece_size(cell, piece):
    model, x, state, pieces = tiny(cell=cell, bidirectional=False, lookahead=3), frames(2, 37), None, []
    for begin in range(0, 37, piece):
        final = begin + piece >= 37
        logits, state = model.stream(x[:, begin : begin + piece], state, final=final)
        pieces.append(logits)
    np.testing.assert_allclose(tf.concat(pieces, axis=1), model(x), atol=1e-5)


def test_streaming_ends_well_with_an_empty_piece():
    model, x = tiny(bidirectional=False, lookahead=3), frames(1, 20)
    first, state = model.stream(x)
    last, _ = model.stream(x[:, :0], state, final=True)
    np.testing.assert_allclose(tf.concat([first, last], axis=1), model(x), atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"bidirectional": False, "lookahead": 3}, {"cell": "lstm"}])
def test_a_row_does_not_depend_on_its_padding_or_its_neighbours(options):
    model, x = tiny(**options), frames(3, 41)
    lengths = np.array([41, 22, 1])
    together = model(x, lengths=lengths)
    for row, length in enumerate(lengths):
        alone = model(x[row : row + 1, :length])[0]
        assert len(alone) == model.output_lengths(length)
        np.testing.assert_allclose(together[row, : len(alone)], alone, atol=1e-5)


def test_two_directions_do_not_stream():
    with pytest.raises(ValueError, match="one-way model"):
        tiny().stream(frames(1, 9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "rnn"}, "cell: expected one of"),
        ({"lookahead": 2}, "lookahead: expected 0"),
        ({"conv_filters": (3,)}, "one entry a convolution"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


@pytest.mark.parametrize(
    ("builder", "bins", "parameters"),
    [
        ("deep_speech_tiny", 40, 325_069),
        ("deep_speech_small", 40, 530_701),
        ("deep_speech_medium", 80, 3_774_077),
        ("deep_speech_large", 80, 22_495_357),
        ("deep_speech_streaming", 80, 1_504_893),
    ],
)
def test_builders_have_the_documented_size(builder, bins, parameters):
    model = getattr(models, builder)()
    model.build((None, None, bins))
    assert model.count_params() == parameters
    assert model.stride == 4
