"""One generation loop for every decoder: a prefill over the prompt, then a compiled loop of single steps.

The prefill takes any prompt length; the loop is compiled once for a batch size and a length of the cache,
which is rounded up, and takes everything else as inputs. Rows of different lengths are aligned at their ends.

Shapes: B batch, P prompt, S length of the cache, V vocabulary.
"""

import weakref

import keras
import numpy as np
from keras import ops

from zoo.decoding.sampling import NEVER, next_token, penalize

_compiled = weakref.WeakKeyDictionary()  # model -> {features: (prefill, loop)}


def generate(
    model,
    token_ids,
    max_new_tokens=64,
    temperature=0.0,
    top_k=0,
    top_p=1.0,
    min_p=0.0,
    repetition_penalty=1.0,
    banned_tokens=(),
    forced_tokens=(),
    end_id=None,
    seed=0,
    stream=False,
):
    """Continues prompts with a decoder, greedily by default.

    Args:
        model: a `zoo.models.Gpt`, or another model with its `make_cache` and call arguments.
        token_ids: int [B, P], or a list of B lists of different lengths.
        max_new_tokens: at most so many tokens are added; prompt and answer must fit into `model.max_length`.
        temperature: logits are divided by it before a draw; 0 takes the likeliest token.
        top_k: draw among the k likeliest; 0 for all.
        top_p: draw among the likeliest whose probabilities sum to p, in (0, 1].
        min_p: draw among tokens at least min_p times as likely as the likeliest, in [0, 1).
        repetition_penalty: above 1, tokens of the prompt and of the answer become less likely again.
        banned_tokens: ids that never come.
        forced_tokens: ids that the answer begins with.
        end_id: the token that ends an answer; what comes after it in a row is filled with it.
        seed: of the draws; the same one gives the same answer.
        stream: give an iterator of int [B, n] arrays, new tokens as they come, instead.

    Returns: int32 [B, P + max_new_tokens], prompts included; for a list of lists, a list of B lists that end
    where the answer does.

    Raises:
        ValueError: an argument outside its range, an empty prompt, or one that leaves no room.

    Example:
        >>> model = zoo.models.gpt_mini(num_layers=1, vocabulary_size=50)
        >>> generate(model, np.array([[1, 2, 3]]), max_new_tokens=5).shape
        (1, 8)
    """
    if not model.built:
        model.build((None, None))
    tokens, lengths = aligned(token_ids, model.vocabulary_size)
    check_lengths(model, lengths, max_new_tokens)
    sampler = sampler_inputs(
        model.vocabulary_size,
        temperature,
        top_k,
        top_p,
        min_p,
        repetition_penalty,
        banned_tokens,
        forced_tokens,
    )
    features = {
        "draws": temperature > 0,
        "penalizes": repetition_penalty != 1,
        "bans": len(banned_tokens) > 0,
        "forces": len(forced_tokens) > 0,
    }
    sampler |= {"end_id": -1 if end_id is None else int(end_id), "seed": int(seed) % 2**31}
    pieces = _chunks(
        model, tokens, lengths, max_new_tokens, sampler, features, 8 if stream else max_new_tokens
    )
    if stream:
        return pieces
    new = next(pieces)
    if end_id is not None and new.shape[1] < max_new_tokens:
        new = np.pad(new, ((0, 0), (0, max_new_tokens - new.shape[1])), constant_values=end_id)
    if _is_array(token_ids):
        return np.concatenate([tokens, new], axis=1)
    return [
        [*row[len(row) - length :].tolist(), *until(answer.tolist(), end_id)]
        for row, length, answer in zip(tokens, lengths, new, strict=True)
    ]


def _chunks(model, tokens, lengths, max_new_tokens, sampler, features, size):
    """int32 [B, n] arrays of new tokens, `size` at a time; fewer in all where every row has ended."""
    prefill, loop = _functions(model, features)
    pads = np.int32(tokens.shape[1] - lengths)
    total = rounded_length(tokens.shape[1] + max_new_tokens, model.max_length)
    state = prefill(ops.convert_to_tensor(tokens), ops.convert_to_tensor(pads), total, sampler)
    start, end = tokens.shape[1], tokens.shape[1] + max_new_tokens
    while start < end:
        stop = min(end, start + size)
        state = loop(state, ops.convert_to_tensor(pads), np.int32(stop), sampler)
        reached = int(state["place"])
        yield ops.convert_to_numpy(state["tokens"])[:, start:reached]
        if reached < stop or bool(ops.all(state["ended"])):
            return
        start = stop


def _functions(model, features):
    """(prefill, loop) for a model, kept with it; new ones where the model's variables are others."""
    key = (*features.values(), *(id(variable) for variable in model.variables), model.compute_dtype)
    known = _compiled.setdefault(model, {})
    if key not in known:
        reference = weakref.ref(model)

        def prefill(tokens, pads, total, sampler):
            return prefill_step(reference(), tokens, pads, total, sampler, **features)

        def loop(state, pads, stop, sampler):
            return decode_loop(reference(), state, pads, stop, sampler, **features)

        known[key] = compile_functions(prefill, loop)
    return known[key]


def compile_functions(prefill, loop):
    """The prefill as a graph for any shape, the loop by XLA; on other backends as they are."""
    if keras.backend.backend() != "tensorflow":
        return prefill, loop
    import tensorflow as tf

    # The prefill is large matrix products, which oneDNN does faster than XLA, and takes any shape so.
    prefill_graph = tf.function(prefill, reduce_retracing=True)
    loop_graph = tf.function(loop, jit_compile=True)

    def start(tokens, pads, total, sampler):
        return prefill_graph(tokens, pads, tf.constant(total), _tensors(sampler))

    def go(state, pads, stop, sampler):
        return loop_graph(state, pads, tf.constant(stop), _tensors(sampler))

    return start, go


def _tensors(sampler):
    return {name: ops.convert_to_tensor(value) for name, value in sampler.items()}


def prefill_step(model, tokens, pads, total, sampler, draws, penalizes, bans, forces):
    """Runs the prompt and draws the first token.

    Args:
        model: the decoder.
        tokens: int32 [B, P], rows aligned at their ends.
        pads: int32 [B], what lies before each row.
        total: S, int scalar.
        sampler: see `sampler_inputs`.
        draws, penalizes, bans, forces: which parts of the sampler are in use.

    Returns: the state of `decode_loop`.
    """
    batch, length = ops.shape(tokens)
    seen = ops.arange(length, dtype="int32")[None] >= pads[:, None]  # [B, P]
    positions = ops.maximum(ops.arange(length, dtype="int32")[None] - pads[:, None], 0)
    cache = model.make_cache(batch, length)
    logits, cache = model(
        tokens, attention_mask=seen, positions=positions, cache=cache, cache_index=0, last_only=True
    )
    room = [[0, 0], [0, 0], [0, total - length], [0, 0]]
    cache = [tuple(ops.pad(part, room) for part in pair) for pair in cache]
    state = {
        "tokens": ops.pad(tokens, [[0, 0], [0, total - length]]),
        "place": ops.cast(length, "int32"),
        "ended": ops.zeros((batch,), "bool"),
        "logits": logits[:, 0],
        "cache": cache,
        "begin": ops.cast(length, "int32"),
    }
    if penalizes:
        state["seen"] = _occurrences(tokens, seen, model.vocabulary_size)
    return state


def decode_loop(model, state, pads, stop, sampler, draws, penalizes, bans, forces):
    """Adds tokens until `stop` tokens are in each row or every row has ended.

    Args:
        state: of `prefill_step` or of an earlier call: a dict of tokens int32 [B, S], place (where the next
            token goes), ended bool [B], logits [B, V] for that place, cache, and begin (P).
        stop: int scalar, at most S.
    """
    batch, total = state["tokens"].shape
    visible = ops.arange(total, dtype="int32")[None] >= pads[:, None]  # [B, S]

    def choose(logits, state):
        if penalizes:
            logits = penalize(logits, state["seen"], sampler["repetition_penalty"])
        if bans:
            logits = ops.where(sampler["banned"], NEVER, logits)
        step = state["place"] - state["begin"]
        if draws:
            token = next_token(logits, sampler, sampler["seed"], step)
        else:
            token = ops.cast(ops.argmax(logits, axis=-1), "int32")
        if forces:
            forced = ops.shape(sampler["forced"])[0]
            token = ops.where(step < forced, sampler["forced"][ops.minimum(step, forced - 1)], token)
        return ops.where(state["ended"], sampler["end_id"], token)

    def advance(place, tokens, ended, logits, cache, seen):
        state_now = {"place": place, "begin": state["begin"], "ended": ended, "seen": seen}
        token = choose(logits, state_now)[:, None]  # [B, 1]
        tokens = ops.slice_update(tokens, (0, place), token)
        ended = ops.logical_or(ended, token[:, 0] == sampler["end_id"])
        if penalizes:
            seen = ops.logical_or(seen, ops.one_hot(token[:, 0], model.vocabulary_size, dtype="bool"))
        logits, cache = model(
            token,
            attention_mask=visible,
            positions=place - pads[:, None],
            cache=cache,
            cache_index=place,
        )
        return place + 1, tokens, ended, logits[:, 0], cache, seen

    def unfinished(place, tokens, ended, logits, cache, seen):
        return ops.logical_and(place < stop, ops.logical_not(ops.all(ended)))

    names = ("place", "tokens", "ended", "logits", "cache")
    parts = (*(state[name] for name in names), state["seen"] if penalizes else state["ended"])
    parts = ops.while_loop(unfinished, advance, parts)
    after = dict(zip((*names, "seen"), parts, strict=True))
    return {**state, **{name: after[name] for name in state if name in after}}


def _occurrences(tokens, seen, vocabulary_size):
    """bool [B, V], the tokens that occur in each row of [B, P]."""
    found = ops.one_hot(ops.where(seen, tokens, -1), vocabulary_size, dtype="bool")
    return ops.any(found, axis=1)


def sampler_inputs(
    vocabulary_size, temperature, top_k, top_p, min_p, repetition_penalty, banned_tokens=(), forced_tokens=()
):
    """The sampler's numbers as a dict of arrays; ValueError where one is outside its range."""
    checks = (
        ("temperature", temperature, temperature >= 0, "a number of 0 or more"),
        ("top_k", top_k, top_k is not None and top_k >= 0, "0 (off) or more"),
        ("top_p", top_p, 0 < top_p <= 1, "a number in (0, 1]"),
        ("min_p", min_p, 0 <= min_p < 1, "a number in [0, 1)"),
        ("repetition_penalty", repetition_penalty, repetition_penalty > 0, "a number above 0"),
    )
    for name, value, good, expected in checks:
        if not good or not np.isfinite(value):
            raise ValueError(f"{name}: expected {expected}, found {value!r}")
    for name, ids in (("banned_tokens", banned_tokens), ("forced_tokens", forced_tokens)):
        if wrong := [i for i in ids if not 0 <= i < vocabulary_size]:
            raise ValueError(f"{name}: expected ids in [0, {vocabulary_size}), found {wrong[0]}")
    banned = np.zeros(vocabulary_size, bool)
    banned[list(banned_tokens)] = True
    if banned.all():
        raise ValueError(f"banned_tokens: expected some token to remain, found all {vocabulary_size} banned")
    return {
        "temperature": np.float32(temperature),
        "top_k": np.int32(top_k),
        "top_p": np.float32(top_p),
        "min_p": np.float32(min_p),
        "repetition_penalty": np.float32(repetition_penalty),
        "banned": banned,
        "forced": np.array(forced_tokens, "int32"),
    }


def aligned(token_ids, vocabulary_size):
    """Prompts as (int32 [B, P] with rows aligned at their ends, lengths [B]); checks them."""
    rows = [np.asarray(row) for row in token_ids]
    if not rows:
        raise ValueError("token_ids: expected at least one prompt, found none")
    for i, row in enumerate(rows):
        if row.ndim != 1 or not len(row):
            raise ValueError(
                f"token_ids: expected prompts of one token or more, found shape {row.shape} at {i}"
            )
        if row.dtype.kind not in "iu" or row.min() < 0 or row.max() >= vocabulary_size:
            raise ValueError(
                f"token_ids: expected integers in [0, {vocabulary_size}), found {row.min()} to {row.max()} "
                f"({row.dtype}) in prompt {i}"
            )
    lengths = np.array([len(row) for row in rows], "int32")
    tokens = np.zeros((len(rows), lengths.max()), "int32")
    for target, row in zip(tokens, rows, strict=True):
        target[len(target) - len(row) :] = row
    return tokens, lengths


def check_lengths(model, lengths, max_new_tokens):
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens: expected 1 or more, found {max_new_tokens}")
    longest = int(np.max(lengths))
    if longest + max_new_tokens > model.max_length:
        raise ValueError(
            f"max_new_tokens: expected at most {model.max_length - longest}, what a prompt of {longest} tokens "
            f"leaves of the context of {model.max_length}, found {max_new_tokens}"
        )


def rounded_length(length, longest):
    """`length` up to 64, 96, 128, 192, 256, 384, ...: few lengths to compile for, at most half too long."""
    size = 64
    while size < length:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return max(length, min(size, longest))


def until(tokens, end_id):
    """The tokens before the first `end_id`."""
    return tokens[: tokens.index(end_id)] if end_id in tokens else tokens


def _is_array(token_ids):
    return not isinstance(token_ids, (list, tuple))
