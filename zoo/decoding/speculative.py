"""Speculative decoding: a draft proposes tokens, the decoder checks them in one pass (arXiv:2211.17192).

A proposal x, drawn from the draft's q, is kept with probability min(1, p(x) / q(x)); in place of the first
that is not, a token is drawn from max(p - q, 0), normalized. What comes out is distributed as the decoder's
own p, filters included; at temperature 0 it is the decoder's greedy answer, token for token.

Shapes: B batch, P prompt, S length of the caches, G proposals of a round, V vocabulary.
"""

from keras import ops

from zoo.decoding.prompts import run_prompts
from zoo.decoding.sampling import NEVER, filter_logits, gumbel, uniform


def begin_speculation(models, tokens, pads, total, sampler, **features):
    """Runs the prompts through the decoder and its draft and chooses the first new tokens.

    Args:
        models: (decoder, draft), of one vocabulary.
        tokens, pads, total, sampler, features: see `zoo.decoding.generation.prefill`; of the features only
            "draws" and "bans" may be set.

    Returns: the state of `speculate`: a dict of `tokens` int32 [B, S], `place` int32 [B] (how many of them
    are there), `ended` bool [B], `count` (rounds), `cache` and `draft_cache`, each without the last token.
    """
    (logits, _, cache), (_, _, draft_cache) = (
        run_prompts(model, tokens, pads, total, features.get("cache_dtype")) for model in models
    )
    first = _choose(_filtered(logits, sampler, **features), sampler, 0, features["draws"])
    batch, length = ops.shape(tokens)
    rest = ops.zeros((batch, total - length - 1), "int32")
    return {
        "tokens": ops.concatenate([tokens, first[:, None], rest], axis=1),
        "place": ops.zeros((batch,), "int32") + length + 1,
        "ended": first == sampler["end_id"],
        "count": ops.ones((), "int32"),
        "cache": cache,
        "draft_cache": draft_cache,
    }


def speculate(models, state, pads, stop, sampler, proposals, **features):
    """Adds tokens in rounds of G proposals until each row has `stop` or has ended.

    A row may pass `stop` by at most G tokens: the caches need room for them.

    Returns: the state; `count` tells how many passes the decoder took.
    """
    size = ops.shape(state["tokens"])[1]
    visible = ops.arange(size, dtype="int32")[None] >= pads[:, None]  # [B, S]
    names = sorted(state)

    def is_done(state):
        return ops.logical_or(state["ended"], state["place"] >= stop)

    def unfinished(*parts):
        return ops.logical_not(ops.all(is_done(dict(zip(names, parts, strict=True)))))

    def advance(*parts):
        state = dict(zip(names, parts, strict=True))
        state = _round(models, state, pads, visible, is_done(state), sampler, proposals, **features)
        return tuple(state[name] for name in names)

    parts = ops.while_loop(unfinished, advance, tuple(state[name] for name in names))
    return dict(zip(names, parts, strict=True))


def _round(models, state, pads, visible, done, sampler, proposals, **features):
    decoder, draft = models
    draws, place = features["draws"], state["place"]
    step = state["count"] * (2 * proposals + 2)  # every draw has a number of its own

    def run(model, tokens, first, cache):
        """Logits of `tokens` [B, T] at the places from `first` [B] on."""
        places = first[:, None] + ops.arange(tokens.shape[1], dtype="int32")
        positions = ops.clip(places - pads[:, None], 0, model.max_length - 1)
        logits, cache = model(
            tokens, attention_mask=visible, positions=positions, cache=cache, cache_index=first
        )
        return _filtered(logits, sampler, **features), cache

    # The draft has not seen the last two tokens where all its proposals were kept.
    places = place[:, None] + ops.arange(-2, 0, dtype="int32")
    given = ops.take_along_axis(state["tokens"], places, axis=1)  # [B, 2]
    feed, first, draft_cache = given, place - 2, state["draft_cache"]
    proposed, draft_logits = [], []
    for i in range(proposals):
        logits, draft_cache = run(draft, feed, first, draft_cache)
        draft_logits.append(logits[:, -1])
        proposed.append(_choose(logits[:, -1], sampler, step + i, draws))
        feed, first = proposed[-1][:, None], place + i
    proposed = ops.stack(proposed, axis=1)  # [B, G]

    whole = ops.concatenate([given[:, 1:], proposed], axis=1)  # [B, G + 1]
    logits, cache = run(decoder, whole, place - 1, state["cache"])
    if draws:
        p, q = ops.softmax(logits, axis=-1), ops.softmax(ops.stack(draft_logits, axis=1), axis=-1)
        likely, proposed_by = (
            ops.take_along_axis(part[:, :proposals], proposed[..., None], axis=2)[..., 0] for part in (p, q)
        )
        chance = uniform(sampler["seed"], step + proposals, ops.shape(proposed))
        keep = chance * proposed_by < likely
    else:
        keep = proposed == ops.cast(ops.argmax(logits[:, :proposals], axis=-1), "int32")
    kept = ops.sum(ops.cumprod(ops.cast(keep, "int32"), axis=1), axis=1)  # [B], 0 ... G

    final = ops.take_along_axis(logits, kept[:, None, None], axis=1)[:, 0]  # [B, V]
    if draws:
        none = ops.zeros_like(q[:, :1])  # after G kept proposals the next token is drawn from p itself
        minus = ops.take_along_axis(ops.concatenate([q, none], axis=1), kept[:, None, None], axis=1)[:, 0]
        rest = ops.softmax(final, axis=-1) - minus
        rest = ops.where(ops.any(rest > 0, axis=-1, keepdims=True), rest, rest + minus)  # rounding left none
        final = ops.where(rest > 0, ops.log(ops.maximum(rest, 1e-37)), NEVER)
    last = _choose(final, sampler, step + proposals + 1, draws)

    order = ops.arange(proposals + 1, dtype="int32")[None]
    new = ops.concatenate([proposed, last[:, None]], axis=1)
    new = ops.where(order == kept[:, None], last[:, None], new)  # [B, G + 1], kept + 1 of them count
    counts = ops.where(done, 0, kept + 1)
    ends = ops.any(ops.logical_and(new == sampler["end_id"], order < counts[:, None]), axis=1)
    return {
        "tokens": _written(state["tokens"], new, place, counts),
        "place": place + counts,
        "ended": ops.logical_or(state["ended"], ends),
        "count": state["count"] + 1,
        "cache": cache,
        "draft_cache": draft_cache,
    }


def _filtered(logits, sampler, draws, bans, **others):
    """Logits [..., V] of the distribution that is drawn from."""
    if bans:
        logits = ops.where(sampler["banned"], NEVER, logits)
    if not draws:
        return logits
    shape = ops.shape(logits)
    rows = ops.reshape(logits, (-1, shape[-1])) / sampler["temperature"]
    return ops.reshape(filter_logits(rows, sampler["top_k"], sampler["top_p"], sampler["min_p"]), shape)


def _choose(logits, sampler, step, draws):
    """int32 [B], from logits [B, V]."""
    if draws:
        logits = logits + gumbel(sampler["seed"], step, ops.shape(logits))
    return ops.cast(ops.argmax(logits, axis=-1), "int32")


def _written(tokens, new, place, counts):
    """`tokens` [B, S] with the first `counts` [B] of `new` [B, G + 1] from `place` [B] on."""
    offset = ops.arange(ops.shape(tokens)[1], dtype="int32")[None] - place[:, None]  # [B, S]
    source = ops.take_along_axis(new, ops.clip(offset, 0, new.shape[1] - 1), axis=1)
    return ops.where(ops.logical_and(offset >= 0, offset < counts[:, None]), source, tokens)
