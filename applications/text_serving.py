"""What a SavedModel of `TextGenerator` computes: its three kinds of signatures.

Shapes: B batch, P prompt, T time, S length of a cache, V vocabulary, L layers, K key and value heads, W their
width.
"""

import numpy as np
import tensorflow as tf

from zoo.decoding.generation import decode, prefill
from zoo.preprocessing.text_input import text_list

NUMBERS = {  # of the sampler: dtype and a neutral value
    "temperature": ("float32", 0.0),
    "top_k": ("int32", 0),
    "top_p": ("float32", 1.0),
    "min_p": ("float32", 0.0),
    "repetition_penalty": ("float32", 1.0),
    "seed": ("int32", 0),
}
FEATURES = {"draws": True, "penalizes": True, "bans": False, "forces": False}
ROUNDING = 64  # the cache's length, which the loop is compiled for, is a multiple of it


class TextServing:
    """The part of `TextGenerator` that is exported; needs its `model` and `preprocessor`."""

    def signatures(self):
        """Name -> (function, input specifications) of the exported SavedModel.

        "serving_default": `texts` string [B], `max_new_tokens` and the numbers of the sampler (scalars: see
        `zoo.decoding.generate`) -> `texts` string [B], prompts with answers, and `token_ids` int32 [B, S],
        -1 where nothing is. "logits": `token_ids` int32 [B, T] -> `logits` float32 [B, T, V]. For servers
        that keep the cache: "prefill": `token_ids` [B, P], `cache_length` -> `logits` [B, V], `cache`
        float [L, 2, B, K, S, W]; "step": `token_ids` [B, 1], `place` (tokens before), `cache` -> the same.
        """
        ints = tf.TensorSpec((None, None), "int32", name="token_ids")
        numbers = [tf.TensorSpec((), dtype, name=name) for name, (dtype, _) in NUMBERS.items()]
        count = tf.TensorSpec((), "int32", name="max_new_tokens")
        model = self.model
        heads = model.num_kv_heads or model.num_heads
        shape = (model.num_layers, 2, None, heads, None, model.hidden_dim // model.num_heads)
        cache = tf.TensorSpec(shape, model.compute_dtype, name="cache")
        return {
            "serving_default": (
                self._serve_texts,
                [tf.TensorSpec((None,), tf.string, name="texts"), count, *numbers],
            ),
            "logits": (lambda token_ids: {"logits": self.model(token_ids, training=False)}, [ints]),
            "prefill": (self._serve_prefill, [ints, tf.TensorSpec((), "int32", name="cache_length")]),
            "step": (
                self._serve_step,
                [
                    tf.TensorSpec((None, 1), "int32", name="token_ids"),
                    tf.TensorSpec((), "int32", name="place"),
                    cache,
                ],
            ),
        }

    def export_resources(self):
        """The tokenizer's tables."""
        return [self.preprocessor.graph]

    def export_example(self):
        """Raw inputs on which `export` compares the SavedModel with this object."""
        tokens = np.arange(12, dtype="int32").reshape(2, 6) % self.model.vocabulary_size
        return {"logits": (tokens, {"logits": self.model(tokens, training=False).numpy()})}

    def _serve_texts(self, texts, max_new_tokens, *numbers):
        graph, end_id, longest = self.preprocessor.graph, self.preprocessor.end_id, self.model.max_length
        rows = graph.encode(texts)
        empty = tf.cast(rows.row_lengths() == 0, "int64")  # an empty prompt begins a text
        starts = tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(empty)], np.int32(end_id)), empty)
        rows = tf.concat([rows, starts], axis=1)
        tokens = tf.reverse(tf.reverse(rows, [1]).to_tensor(), [1])  # [B, P], aligned at the ends
        pads = tf.cast(tf.shape(tokens)[1], "int32") - tf.cast(rows.row_lengths(), "int32")
        wanted = tf.shape(tokens)[1] + max_new_tokens
        rule = (
            f"texts: expected prompts that leave room for max_new_tokens in the context of {longest} tokens"
        )
        checks = [
            tf.debugging.assert_less_equal(wanted, longest, rule),
            tf.debugging.assert_positive(max_new_tokens, "max_new_tokens: expected 1 or more"),
        ]
        with tf.control_dependencies(checks):
            total = tf.minimum((wanted + ROUNDING - 1) // ROUNDING * ROUNDING, longest)
        sampler = dict(zip(NUMBERS, numbers, strict=True))
        sampler |= {"end_id": tf.constant(end_id), "banned": tf.zeros((0,), "bool")}
        state = prefill(self.model, tokens, pads, total, sampler, **FEATURES)
        loop = tf.function(
            lambda state, pads, stop, sampler: decode(self.model, state, pads, stop, sampler, **FEATURES),
            jit_compile=True,
            autograph=False,
        )
        state = loop(state, pads, wanted, sampler)
        steps = tf.range(tf.shape(state["tokens"])[1])[None]
        ids = tf.where((steps >= pads[:, None]) & (steps < state["place"]), state["tokens"], -1)
        given = tf.shape(tokens)[1]
        answers = graph.decode(ids[:, given:])
        return {"texts": tf.strings.join([texts, answers]), "token_ids": ids}

    def _serve_prefill(self, token_ids, cache_length):
        batch, length = tf.unstack(tf.shape(token_ids))
        cache = self.model.make_cache(batch, length)
        logits, cache = self.model(token_ids, cache=cache, cache_index=0, last_only=True)
        cache = tf.stack([tf.stack(pair) for pair in cache])  # [L, 2, B, K, P, W]
        room = [[0, 0]] * 4 + [[0, cache_length - length], [0, 0]]
        return {"logits": logits[:, 0], "cache": tf.pad(cache, room)}

    def _serve_step(self, token_ids, place, cache):
        pairs = [tuple(tf.unstack(pair)) for pair in tf.unstack(cache)]
        logits, pairs = self.model(token_ids, cache=pairs, cache_index=place)
        return {"logits": logits[:, 0], "cache": tf.stack([tf.stack(pair) for pair in pairs])}


def raw_inputs(texts, max_new_tokens=64, **sampler):
    """Inputs of the exported "serving_default", by name, from the arguments of `generate`."""
    unknown = sorted(set(sampler) - set(NUMBERS))
    if unknown:
        raise ValueError(f"sampler: expected some of {list(NUMBERS)}, found {unknown}")
    numbers = {name: tf.constant(sampler.get(name, value), dtype) for name, (dtype, value) in NUMBERS.items()}
    return {
        "texts": tf.constant(text_list(texts, "texts")),
        "max_new_tokens": tf.constant(max_new_tokens),
        **numbers,
    }
