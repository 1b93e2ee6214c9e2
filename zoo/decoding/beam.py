"""Beam search over a decoder that keeps finished beams: the likeliest answer, by its length or not.

An answer y of n tokens, its end token counted, scores log p(y | prompt) / n^length_penalty. Those that have
ended wait beside the K that grow, and the search stops when none that grows can overtake the best of them.

Shapes: B batch, K beams, P prompt, S length of the cache, V vocabulary.
"""

import keras
from keras import ops

from zoo.decoding.prompts import occurrences, run_prompts
from zoo.decoding.sampling import NEVER, penalize
from zoo.decoding.step_kernels import step_cache, step_logits, step_scratch


def begin_beams(model, tokens, pads, total, sampler, num_beams, way=None, cache_dtype=None, **features):
    """Runs the prompts and starts K beams in each row.

    Args:
        model, tokens, pads, total, features: see `zoo.decoding.generation.prefill`; what "draws" says is
            ignored.
        sampler: see `sampler_inputs`, and `length_penalty`.
        num_beams: K.
        way: in which `grow_beams` reads the weights, see `zoo.decoding.step_kernels`.
        cache_dtype: of the keys and values kept; the model's own by default.

    Returns: the state of `grow_beams`: a dict of `tokens` int32 [B, K, S] and `scores` [B, K] of what grows
    (log-probabilities), `done_tokens` and `done_scores` of what has ended (scores as above), `place`,
    `begin`, `cache`, and with "penalizes" `seen` bool [B, K, V].
    """
    logits, inside, cache = run_prompts(model, tokens, pads, total, cache_dtype)
    batch, length = ops.shape(tokens)
    rows = ops.pad(tokens, [[0, 0], [0, total - length]])
    rows = ops.repeat(rows[:, None], num_beams, axis=1)  # [B, K, S]
    first = ops.arange(num_beams) == 0  # the beams are all the same: one of them counts
    nothing = ops.full((batch, num_beams), NEVER, "float32")
    cache = keras.tree.map_structure(lambda part: ops.repeat(part, num_beams, axis=0), cache)
    state = {
        "tokens": rows,
        "scores": ops.where(first, 0.0, nothing),
        "done_tokens": ops.zeros_like(rows),
        "done_scores": nothing,
        "place": ops.cast(length, "int32"),
        "begin": ops.cast(length, "int32"),
        "cache": step_cache(model, cache, way),
    }
    if features["penalizes"]:
        seen = occurrences(tokens, inside, model.vocabulary_size)
        state["seen"] = ops.repeat(seen[:, None], num_beams, axis=1)
    return _extend(state, ops.repeat(logits[:, None], num_beams, axis=1), sampler, **features)


def grow_beams(model, state, pads, stop, sampler, kernels=(), way=None, cache_dtype=None, **features):
    """Extends the beams until they hold `stop` tokens or none can overtake the best that has ended.

    `kernels` are copies of the weights that `way` speaks of, see `zoo.decoding.step_kernels`.

    Returns: (tokens int32 [B, S], place, scores float32 [B]) of the best answers, and as in
    `zoo.decoding.generation.decode` scratch of no further use.
    """
    batch, beams, size = ops.shape(state["tokens"])
    pads = ops.repeat(pads, beams)
    visible = ops.arange(size, dtype="int32")[None] >= pads[:, None]  # [B K, S]
    state = {**state, "scratch": step_scratch(model, state["cache"], way)}
    names = sorted(state)

    def unfinished(*parts):
        state = dict(zip(names, parts, strict=True))
        longest = stop - state["begin"]
        shortest = ops.minimum(state["place"] - state["begin"] + 1, longest)
        best = state["scores"][:, 0]
        reach = ops.maximum(_by_length(best, longest, sampler), _by_length(best, shortest, sampler))
        return ops.logical_and(state["place"] < stop, ops.any(state["done_scores"][:, 0] < reach))

    def advance(*parts):
        state = dict(zip(names, parts, strict=True))
        last = state["place"] - 1
        token = ops.slice(state["tokens"], (0, 0, last), (batch, beams, 1))
        logits, state["cache"], state["scratch"] = step_logits(
            model,
            ops.reshape(token, (-1, 1)),
            kernels,
            way,
            attention_mask=visible,
            positions=last - pads[:, None],
            cache=state["cache"],
            cache_index=last,
        )
        state = _extend(state, ops.reshape(logits, (batch, beams, -1)), sampler, **features)
        return tuple(state[name] for name in names)

    parts = ops.while_loop(unfinished, advance, tuple(state[name] for name in names))
    state = dict(zip(names, parts, strict=True))
    # What has not ended is an answer only where there is no room left.
    full = _by_length(state["scores"][:, 0], state["place"] - state["begin"], sampler)
    full = ops.where(state["place"] >= stop, full, NEVER)
    done = state["done_scores"][:, 0]
    tokens = ops.where((done >= full)[:, None], state["done_tokens"][:, 0], state["tokens"][:, 0])
    return tokens, state["place"], ops.maximum(done, full), state["scratch"]


def _by_length(scores, length, sampler):
    return scores / ops.power(ops.cast(length, "float32"), sampler["length_penalty"])


def _extend(state, logits, sampler, penalizes, bans, forces, draws=False):
    """The state with one more token in each beam, from logits [B, K, V]."""
    batch, beams, vocabulary = ops.shape(logits)
    step = state["place"] - state["begin"]
    if penalizes:
        logits = penalize(logits, state["seen"], sampler["repetition_penalty"])
    if bans:
        logits = ops.where(sampler["banned"], NEVER, logits)
    log_probs = ops.log_softmax(logits, axis=-1)
    if forces:
        count = ops.shape(sampler["forced"])[0]
        forced = ops.take(sampler["forced"], ops.minimum(step, count - 1))
        allowed = ops.logical_or(step >= count, ops.arange(vocabulary, dtype="int32") == forced)
        log_probs = ops.where(allowed, log_probs, NEVER)
    total = ops.reshape(state["scores"][..., None] + log_probs, (batch, beams * vocabulary))
    # At most K of the best 2 K end, so K of them grow.
    scores, index = ops.top_k(total, 2 * beams)
    parents, token = index // vocabulary, ops.cast(index % vocabulary, "int32")
    rows = ops.take_along_axis(state["tokens"], parents[..., None], axis=1)  # [B, 2 K, S]
    rows = ops.slice_update(rows, (0, 0, state["place"]), token[..., None])
    ends = token == sampler["end_id"]

    finished = ops.where(ends, _by_length(scores, step + 1, sampler), NEVER)
    done_scores, kept = ops.top_k(ops.concatenate([state["done_scores"], finished], axis=1), beams)
    done_tokens = ops.concatenate([state["done_tokens"], rows], axis=1)
    scores, growing = ops.top_k(ops.where(ends, NEVER, scores), beams)
    parents = ops.take_along_axis(parents, growing, axis=1)  # [B, K]
    flat = ops.reshape(parents + beams * ops.arange(batch, dtype=parents.dtype)[:, None], (-1,))
    more = {
        "tokens": ops.take_along_axis(rows, growing[..., None], axis=1),
        "scores": scores,
        "done_tokens": ops.take_along_axis(done_tokens, kept[..., None], axis=1),
        "done_scores": done_scores,
        "place": state["place"] + 1,
        "cache": keras.tree.map_structure(lambda part: ops.take(part, flat, axis=0), state["cache"]),
    }
    if penalizes:
        seen = ops.take_along_axis(state["seen"], parents[..., None], axis=1)
        token = ops.take_along_axis(token, growing, axis=1)
        more["seen"] = ops.logical_or(seen, ops.one_hot(token, vocabulary, dtype="bool"))
    return {**state, **more}
