"""A recognizer that goes one way, piece by piece: in Python, and as signatures with explicit state.

Shapes: B batch, N samples of a piece, S steps it completes (0 or more), V characters with the blank.
"""

import numpy as np
import tensorflow as tf

from zoo.decoding.ctc_greedy import greedy_path, transcript_of

STATE = "state_{}"


def streams(app):
    """Whether the application can hear sound piece by piece."""
    return not app.model.bidirectional and app.preprocessor.normalize != "utterance"


def log_probs(app, audio, state=None, final=False):
    """float32 [B, N] -> log-probabilities float32 [B, S, V] of the steps that it completes; the state.

    All pieces together give what the whole gives. `final`: nothing comes after this piece.
    """
    heard, network = (None, None) if state is None else state
    features, heard = app.preprocessor.stream(audio, heard, final=final)
    logits, network = app.model.stream(features, network, final=final)
    return tf.nn.log_softmax(tf.cast(logits, "float32")), (heard, network)


class GreedyText:
    """Greedy decoding that goes on: keeps the characters found so far, not the probabilities."""

    def __init__(self):
        self.path, self.steps, self.last = [], 0, 0

    def add(self, log_probs):
        """Takes in the next steps, float [S, V]."""
        if not len(log_probs):
            return
        path = greedy_path(log_probs)
        if path and path[0][1] == 0 and path[0][0] == self.last:  # goes on from the piece before
            path = path[1:]
        self.path += [(character, step + self.steps, p) for character, step, p in path]
        self.steps += len(log_probs)
        self.last = int(np.argmax(log_probs[-1]))

    def transcript(self, alphabet, step_seconds):
        return transcript_of(self.path, alphabet, step_seconds)


def signatures(app):
    """Three signatures for a recognizer that streams.

    "stream_begin" takes `audio` float32 [B, N], any N; "stream" takes the next `audio` and `state_0`,
    `state_1`, ... as they came out before; "stream_end" takes `state_...` alone. All give `text` [B], the
    characters that are new, and `log_probs` [B, S, V] of the steps that are; the first two also the state.
    """
    _, structure = log_probs(app, tf.zeros((1, 1)))

    def answer(audio, inner, last, final=False):
        found, inner = log_probs(app, audio, inner, final)
        text, last = _new_text(found, last, app.preprocessor.alphabet)
        state = [] if final else [*_tensors(inner), last]
        named = {STATE.format(i): tensor for i, tensor in enumerate(state)}
        return {"text": text, "log_probs": found, **named}

    def begin(audio):
        return answer(audio, None, tf.zeros(tf.shape(audio)[:1], "int32"))

    def go_on(audio, *state):
        return answer(audio, _packed(structure, state[:-1]), state[-1])

    def end(*state):
        nothing = tf.zeros((tf.shape(state[-1])[0], 0))
        return answer(nothing, _packed(structure, state[:-1]), state[-1], final=True)

    audio = tf.TensorSpec((None, None), "float32", name="audio")
    traced = tf.function(begin).get_concrete_function(audio).structured_outputs
    names = sorted((name for name in traced if name.startswith("state")), key=lambda name: int(name[6:]))
    state = [tf.TensorSpec(traced[name].shape, traced[name].dtype, name=name) for name in names]
    return {
        "stream_begin": (begin, [audio]),
        "stream": (go_on, [audio, *state]),
        "stream_end": (end, state),
    }


def example(app):
    """Noise in three pieces, for `export` to compare."""
    rng, rate = np.random.default_rng(1), app.preprocessor.sample_rate
    pieces = [rng.normal(0, 0.1, (2, n)).astype("float32") for n in (rate // 2, rate // 3)]
    functions = {name: function for name, (function, _) in signatures(app).items()}
    examples, state = {}, {}
    for name, piece in zip(("stream_begin", "stream", "stream_end"), (*pieces, None), strict=True):
        inputs = {**({} if piece is None else {"audio": piece}), **state}
        outputs = {key: value.numpy() for key, value in functions[name](*inputs.values()).items()}
        examples[name] = (inputs, {"log_probs": outputs["log_probs"]})
        state = {key: value for key, value in outputs.items() if key.startswith("state")}
    return examples


def _new_text(log_probs, last, alphabet):
    """The characters of best classes, repeats merged, blanks dropped, as strings [B]; the last classes [B].

    last: int32 [B], the best class of the step before the first.
    """
    best = tf.argmax(log_probs, axis=-1, output_type="int32")  # [B, S]
    best = tf.concat([last[:, None], best], axis=1)
    kept = (best[:, 1:] > 0) & (best[:, 1:] != best[:, :-1])
    letters = tf.ragged.boolean_mask(best[:, 1:], kept)
    characters = tf.gather(tf.constant(["", *alphabet]), letters)
    return tf.strings.reduce_join(characters, axis=-1), best[:, -1]


def _tensors(state):
    """The tensors of a nested state, in order; running normalization may keep none."""
    return [tensor for tensor in tf.nest.flatten(state) if tensor is not None]


def _packed(structure, tensors):
    """`_tensors`, the way back."""
    rest = iter(tensors)
    leaves = [None if leaf is None else next(rest) for leaf in tf.nest.flatten(structure)]
    return tf.nest.pack_sequence_as(structure, leaves)
