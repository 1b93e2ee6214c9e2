"""Checks of what a caller of the decoding functions passes.

Shapes: B batch, P prompt, V vocabulary.
"""

import numpy as np

# Shapes and dtypes of the sampler's numbers.
SAMPLER = {
    "temperature": ((), "float32"),
    "top_k": ((), "int32"),
    "top_p": ((), "float32"),
    "min_p": ((), "float32"),
    "repetition_penalty": ((), "float32"),
    "length_penalty": ((), "float32"),
    "banned": ((None,), "bool"),
    "forced": ((None,), "int32"),
    "end_id": ((), "int32"),
    "seed": ((), "int32"),
}


def sampler_inputs(
    vocabulary_size,
    temperature,
    top_k,
    top_p,
    min_p,
    repetition_penalty,
    banned_tokens=(),
    forced_tokens=(),
    length_penalty=1.0,
):
    """The sampler's numbers as a dict of arrays; ValueError where one is outside its range."""
    checks = (
        ("temperature", temperature, temperature >= 0, "a number of 0 or more"),
        ("top_k", top_k or 0, top_k is None or top_k >= 1, "1 or more, or None for all"),
        ("top_p", top_p, 0 < top_p <= 1, "a number in (0, 1]"),
        ("min_p", min_p, 0 <= min_p < 1, "a number in [0, 1)"),
        ("repetition_penalty", repetition_penalty, repetition_penalty > 0, "a number above 0"),
        ("length_penalty", length_penalty, True, "a number"),
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
        "top_k": np.int32(top_k or 0),
        "top_p": np.float32(top_p),
        "min_p": np.float32(min_p),
        "repetition_penalty": np.float32(repetition_penalty),
        "length_penalty": np.float32(length_penalty),
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
    if not isinstance(max_new_tokens, (int, np.integer)) or isinstance(max_new_tokens, bool):
        raise ValueError(f"max_new_tokens: expected an integer, found {max_new_tokens!r}")
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens: expected 1 or more, found {max_new_tokens}")
    longest = int(np.max(lengths))
    if longest >= model.max_length:
        raise ValueError(
            f"token_ids: expected prompts of at most {model.max_length - 1} tokens, which leaves room for an "
            f"answer in the context of {model.max_length}, found {longest}"
        )
    if longest + max_new_tokens > model.max_length:
        raise ValueError(
            f"max_new_tokens: expected at most {model.max_length - longest}, what a prompt of {longest} "
            f"tokens leaves of the context of {model.max_length}, found {max_new_tokens}"
        )


def check_ways(model, num_beams, draft, proposals, stream, features):
    """Which of sampling, beams and a draft go together; ValueError where they do not."""
    if num_beams < 1:
        raise ValueError(f"num_beams: expected 1 or more, found {num_beams}")
    ways = {"num_beams": num_beams > 1, "draft": draft is not None}
    used = [name for name, is_used in ways.items() if is_used]
    if used and stream:
        raise ValueError(f"stream: expected False together with {used[0]}, found {stream!r}")
    if len(used) > 1:
        raise ValueError("draft: expected None together with num_beams, found a model")
    if ways["num_beams"]:
        if features["draws"]:
            raise ValueError("temperature: expected 0 together with num_beams, found more")
        if num_beams > model.vocabulary_size // 2:
            raise ValueError(
                f"num_beams: expected at most {model.vocabulary_size // 2}, half of the vocabulary, found "
                f"{num_beams}"
            )
    if ways["draft"]:
        if draft.vocabulary_size != model.vocabulary_size:
            raise ValueError(
                f"draft: expected a model of {model.vocabulary_size} tokens, found one of "
                f"{draft.vocabulary_size}"
            )
        if features["penalizes"] or features["forces"]:
            raise ValueError("draft: expected no repetition_penalty and no forced_tokens, found some")
        if proposals < 1:
            raise ValueError(f"proposals: expected 1 or more, found {proposals}")


def filled(new, end_id):
    """`new` [B, n] with `end_id` in every place after a row's first one."""
    ended = new == end_id
    return np.where(np.cumsum(ended, axis=1) > ended, end_id, new).astype("int32")


def until(tokens, end_id):
    """The tokens before the first `end_id`."""
    return tokens[: tokens.index(end_id)] if end_id in tokens else tokens


def is_array(token_ids):
    return not isinstance(token_ids, (list, tuple))
