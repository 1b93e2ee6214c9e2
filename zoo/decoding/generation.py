"""One generation loop for every decoder: a prefill over the prompt, then a compiled loop of single steps.

The prefill takes any prompt length; the loop is compiled once for a batch size and a length of the cache,
which is rounded up, and takes everything else as inputs. Rows of different lengths are aligned at their ends.
Beam search and speculative decoding are other loops of the same kind.

Shapes: B batch, P prompt, S length of the cache, V vocabulary.
"""

import functools
import weakref

import keras
import numpy as np
from keras import ops

from zoo.decoding.arguments import (
    SAMPLER,
    aligned,
    check_lengths,
    check_ways,
    filled,
    is_array,
    sampler_inputs,
    until,
)
from zoo.decoding.beam import begin_beams, grow_beams
from zoo.decoding.prompts import occurrences, run_prompts
from zoo.decoding.sampling import NEVER, next_token, penalize
from zoo.decoding.speculative import begin_speculation, speculate
from zoo.decoding.step_kernels import kept_kernels, step_cache, step_logits, step_scratch, step_way

_compiled = weakref.WeakKeyDictionary()  # model -> {what is in use: (prefill, loop)}


def generate(
    model,
    token_ids,
    max_new_tokens=64,
    temperature=0.0,
    top_k=None,
    top_p=1.0,
    min_p=0.0,
    repetition_penalty=1.0,
    banned_tokens=(),
    forced_tokens=(),
    end_id=None,
    seed=None,
    stream=False,
    num_beams=1,
    length_penalty=1.0,
    draft=None,
    proposals=4,
    cache_dtype=None,
):
    """Continues prompts with a decoder, greedily by default.

    Args:
        model: a `zoo.models.Gpt`, or another model with its `make_cache` and call arguments.
        token_ids: int [B, P], or a list of B lists of different lengths.
        max_new_tokens: at most so many tokens are added; prompt and answer must fit into `model.max_length`.
        temperature: logits are divided by it before a draw; 0 takes the likeliest token.
        top_k: draw among the k likeliest; None for all.
        top_p: draw among the likeliest whose probabilities sum to p, in (0, 1].
        min_p: draw among tokens at least min_p times as likely as the likeliest, in [0, 1).
        repetition_penalty: above 1, tokens of the prompt and of the answer become less likely again.
        banned_tokens: ids that never come.
        forced_tokens: ids that the answer begins with.
        end_id: the token that ends an answer; what comes after it in a row is filled with it.
        seed: of the draws; the same one gives the same answer. None for another one each time.
        stream: give an iterator of int [B, n] arrays, new tokens as they come, instead.
        num_beams: above 1, the likeliest answer that a search with so many beams finds. It needs a
            temperature of 0, and penalties and bans change the likelihoods.
        length_penalty: of a beam search: an answer of n tokens scores its log-probability / n^length_penalty;
            0 for the log-probability alone, more for longer answers.
        draft: a small model of the same vocabulary that proposes tokens, which `model` then checks several
            at a time: the same greedy answer, or draws of the same distribution, in fewer passes.
        proposals: tokens that the draft proposes at a time.
        cache_dtype: of keys and values kept; the model's compute dtype by default. "bfloat16" halves them.

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
        length_penalty,
    )
    features = {
        "draws": temperature > 0,
        "penalizes": repetition_penalty != 1,
        "bans": len(banned_tokens) > 0,
        "forces": len(forced_tokens) > 0,
        "cache_dtype": cache_dtype,
    }
    check_ways(model, num_beams, draft, proposals, stream, features)
    seed = np.random.default_rng().integers(2**31) if seed is None else seed
    sampler |= {
        "end_id": np.int32(-1 if end_id is None else end_id),
        "seed": np.int32(int(seed) % 2**31),
    }
    if draft is not None:
        check_lengths(draft, lengths, max_new_tokens)
        new = _speculated(model, draft, tokens, lengths, max_new_tokens, sampler, features, proposals)
    elif num_beams > 1:
        new = _searched(model, tokens, lengths, max_new_tokens, sampler, features, num_beams)
    else:
        size = 8 if stream else max_new_tokens
        pieces = _chunks(model, tokens, lengths, max_new_tokens, sampler, features, size)
        if stream:
            return pieces
        new = next(pieces)
    if end_id is not None:
        new = np.pad(new, ((0, 0), (0, max_new_tokens - new.shape[1])), constant_values=end_id)
        new = filled(new, end_id)
    if is_array(token_ids):
        return np.concatenate([tokens, new], axis=1)
    return [
        [*row[len(row) - length :].tolist(), *until(answer.tolist(), end_id)]
        for row, length, answer in zip(tokens, lengths, new, strict=True)
    ]


def _tensors(*parts):
    return keras.tree.map_structure(ops.convert_to_tensor, parts)


def _chunks(model, tokens, lengths, max_new_tokens, sampler, features, size):
    """int32 [B, n] arrays of new tokens, `size` at a time; fewer in all where every row has ended."""
    way = step_way(model, len(tokens), max_new_tokens)
    begin, loop = _functions(
        model, features, (way,), (functools.partial(prefill, way=way), functools.partial(decode, way=way))
    )
    pads = np.int32(tokens.shape[1] - lengths)
    given, wanted = tokens.shape[1], tokens.shape[1] + max_new_tokens
    total = np.int32(rounded_length(wanted, model.max_length))
    pads, tokens, total, sampler = _tensors(pads, tokens, total, sampler)
    state = begin(tokens, pads, total, sampler)
    kernels = kept_kernels(model, way)
    while given < wanted:
        stop = min(wanted, given + size)
        if stop > int(state["place"]):
            state = loop(state, pads, ops.convert_to_tensor(np.int32(stop)), sampler, kernels)
            state.pop("scratch")
        reached = int(state["place"])
        yield ops.convert_to_numpy(state["tokens"])[:, given:reached]
        if reached < stop or bool(ops.all(state["ended"])):
            return
        given = stop


def _searched(model, tokens, lengths, max_new_tokens, sampler, features, num_beams):
    """int32 [B, n], the best answers of a beam search."""
    way = step_way(model, len(tokens) * num_beams, max_new_tokens)
    ways = (
        functools.partial(begin_beams, num_beams=num_beams, way=way),
        functools.partial(grow_beams, way=way),
    )
    begin, loop = _functions(model, features, ("beams", num_beams, way), ways)
    given, wanted = tokens.shape[1], tokens.shape[1] + max_new_tokens
    total = np.int32(rounded_length(wanted, model.max_length))
    inputs = _tensors(tokens, np.int32(given - lengths), total, sampler)
    state, stop = begin(*inputs), ops.convert_to_tensor(np.int32(wanted))
    answers, place, *_ = loop(state, inputs[1], stop, inputs[3], kept_kernels(model, way))
    return ops.convert_to_numpy(answers)[:, given : int(place)]


def _speculated(model, draft, tokens, lengths, max_new_tokens, sampler, features, proposals):
    """int32 [B, n], answers that `draft` proposed and `model` checked."""
    if not draft.built:
        draft.build((None, None))
    ways = begin_speculation, functools.partial(speculate, proposals=proposals)
    begin, loop = _functions(model, features, ("draft", proposals), ways, draft)
    given, wanted = tokens.shape[1], tokens.shape[1] + max_new_tokens
    # A row that has its tokens goes on with the others, up to two rounds beyond.
    total = np.int32(rounded_length(wanted, model.max_length) + 2 * proposals + 2)
    inputs = _tensors(tokens, np.int32(given - lengths), total, sampler)
    state = loop(begin(*inputs), inputs[1], ops.convert_to_tensor(np.int32(wanted)), inputs[3])
    return ops.convert_to_numpy(state["tokens"])[:, given:wanted]


def _functions(model, features, kind=(), ways=None, draft=None):
    """(prefill, loop) for a model, kept with it; new ones where the model's variables are others."""
    models = (model,) if draft is None else (model, draft)
    variables = [id(variable) for each in models for variable in each.variables]
    key = (*kind, *features.values(), *variables, *(each.compute_dtype for each in models))
    known = _compiled.setdefault(model, {})
    if key not in known:
        given = tuple(map(weakref.ref, models))
        get = given[0] if draft is None else lambda: tuple(one() for one in given)
        known[key] = compiled_functions(get, features, *(ways or (prefill, decode)))
    return known[key]


def compiled_functions(model, features, prefill, decode):
    """The prefill as a graph for any shape and the loop by XLA; on other backends as they are.

    Args:
        model: a function that gives the decoder, and with it the draft where there is one.
        features: see `prefill`.
        prefill, decode: the two functions of that name below, or others with their arguments.
    """

    def begin(tokens, pads, total, sampler):
        return prefill(model(), tokens, pads, total, sampler, **features)

    def go_on(state, pads, stop, sampler, *kernels):
        return decode(model(), state, pads, stop, sampler, *kernels, **features)

    if keras.backend.backend() != "tensorflow":
        return begin, go_on
    import tensorflow as tf

    # The prefill is large matrix products, which oneDNN does faster than XLA; so it takes any shape, too.
    scalar, row, matrix = ((None,) * rank for rank in range(3))
    sampler = {name: tf.TensorSpec(shape, dtype) for name, (shape, dtype) in SAMPLER.items()}
    specs = (
        tf.TensorSpec(matrix, "int32"),
        tf.TensorSpec(row, "int32"),
        tf.TensorSpec(scalar, "int32"),
        sampler,
    )
    return tf.function(begin, specs, autograph=False), tf.function(go_on, jit_compile=True, autograph=False)


def prefill(model, tokens, pads, total, sampler, way=None, cache_dtype=None, **features):
    """Runs the prompts and chooses the first new tokens.

    Args:
        model: the decoder.
        tokens: int32 [B, P], rows aligned at their ends.
        pads: int32 [B], how many positions lie before each row.
        total: S, int scalar, more than P.
        sampler: see `sampler_inputs`.
        way: in which `decode` reads the weights, see `zoo.decoding.step_kernels`.
        cache_dtype: of the keys and values kept; the model's own by default.
        **features: "draws", "penalizes", "bans", "forces": which parts of the sampler are in use.

    Returns: the state of `decode`: a dict of `tokens` int32 [B, S], `place` (how many of them are there),
    `ended` bool [B], `begin` (P), `cache`, and with "penalizes" `seen` bool [B, V].
    """
    logits, inside, cache = run_prompts(model, tokens, pads, total, cache_dtype)
    batch, length = ops.shape(tokens)
    state = {
        "tokens": ops.pad(tokens, [[0, 0], [0, total - length]]),
        "place": ops.cast(length, "int32"),
        "ended": ops.zeros((batch,), "bool"),
        "begin": ops.cast(length, "int32"),
        "cache": step_cache(model, cache, way),
    }
    if features["penalizes"]:
        state["seen"] = occurrences(tokens, inside, model.vocabulary_size)
    return _add_token(state, logits, sampler, **features)


def decode(model, state, pads, stop, sampler, kernels=(), way=None, cache_dtype=None, **features):
    """Adds tokens to `state` until each row has `stop` or every row has ended; see `prefill`.

    What is returned with it as `scratch` is of no use afterwards. `kernels` are copies of the weights that
    `way` speaks of, see `zoo.decoding.step_kernels`.
    """
    visible = ops.arange(ops.shape(state["tokens"])[1], dtype="int32")[None] >= pads[:, None]  # [B, S]
    state = {**state, "scratch": step_scratch(model, state["cache"], way)}
    one = state["tokens"].shape[0] == 1
    if one:
        state = {**state, "cache": _squeezed(state["cache"])}
    names = sorted(state)

    def unfinished(*parts):
        state = dict(zip(names, parts, strict=True))
        return ops.logical_and(state["place"] < stop, ops.logical_not(ops.all(state["ended"])))

    def advance(*parts):
        state = dict(zip(names, parts, strict=True))
        last = state["place"] - 1
        token = ops.slice(state["tokens"], (0, last), (ops.shape(state["tokens"])[0], 1))  # [B, 1]
        logits, state["cache"], state["scratch"] = step_logits(
            model,
            token,
            kernels,
            way,
            attention_mask=visible,
            positions=last - pads[:, None],
            cache=_expanded(state["cache"]) if one else state["cache"],
            cache_index=last,
        )
        if one:
            state["cache"] = _squeezed(state["cache"])
        state = _add_token(state, logits[:, 0], sampler, **features)
        return tuple(state[name] for name in names)

    parts = ops.while_loop(unfinished, advance, tuple(state[name] for name in names))
    state = dict(zip(names, parts, strict=True))
    return {**state, "cache": _expanded(state["cache"])} if one else state


def _squeezed(cache):
    """[1, K, S, W] -> [K, S, W]: with an axis of 1 XLA copies the cache of a loop in order to update it."""
    return [tuple(part[0] for part in pair) for pair in cache]


def _expanded(cache):
    """The inverse of `_squeezed`."""
    return [tuple(part[None] for part in pair) for pair in cache]


def _add_token(state, logits, sampler, draws, penalizes, bans, forces):
    """The state with one more token in each row, chosen by logits [B, V]."""
    step = state["place"] - state["begin"]
    if penalizes:
        logits = penalize(logits, state["seen"], sampler["repetition_penalty"])
    if bans:
        logits = ops.where(sampler["banned"], NEVER, logits)
    if draws:
        token = next_token(logits, sampler, sampler["seed"], step)
    else:
        token = ops.cast(ops.argmax(logits, axis=-1), "int32")
    if forces:
        count = ops.shape(sampler["forced"])[0]
        token = ops.where(step < count, ops.take(sampler["forced"], ops.minimum(step, count - 1)), token)
    token = ops.where(state["ended"], sampler["end_id"], token)
    more = {
        "tokens": ops.slice_update(state["tokens"], (0, state["place"]), token[:, None]),
        "place": state["place"] + 1,
        "ended": ops.logical_or(state["ended"], token == sampler["end_id"]),
    }
    if penalizes:
        new = ops.one_hot(token, logits.shape[-1], dtype="bool")
        more["seen"] = ops.logical_or(state["seen"], new)
    return {**state, **more}


def rounded_length(length, longest):
    """`length` up to 64, 96, 128, 192, 256, 384, ...: few lengths to compile for, at most half too long."""
    size = 64
    while size < length:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return max(length, min(size, longest))
