"""How likely a language model finds texts: log-probabilities, perplexity, bits per byte.

Shapes: N texts, T tokens of a text.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from zoo.applications.graphs import graph

from zoo.losses.chunked_cross_entropy import target_log_probs
from zoo.preprocessing.text_input import text_list
from zoo.preprocessing.token_file import TokenFile

BATCH_TOKENS = 4096  # that are scored at once


class TextScoring:
    """The part of `TextGenerator` that measures texts; needs its `model`, `preprocessor` and `row_length`."""

    def score(self, texts, stride=None):
        """Log-probability of each text and its end, in windows of `row_length` tokens.

        Args:
            texts: a string or a list of strings.
            stride: how far a window moves, in tokens; what two windows share is scored by the first of them,
                so every token but those of the first window has `row_length - stride` tokens before it or
                more. None for half of `row_length`.

        Returns: for each text a dict: "log_prob" (of the whole, in nats), "token_log_probs" float32 [T] (of
        its tokens and the end of text), "tokens" (T), "bytes", "perplexity" (a token), "bits_per_byte".
        """
        single = isinstance(texts, (str, bytes))
        texts = text_list(texts, "texts")
        rows = self.preprocessor.encode(texts)
        scores = [self._measures(text, row, stride) for text, row in zip(texts, rows, strict=True)]
        return scores[0] if single else scores

    def _measures(self, text, row, stride):
        log_probs = self._token_log_probs([self.preprocessor.end_id, *row, self.preprocessor.end_id], stride)
        size = len(text if isinstance(text, bytes) else text.encode())
        total = float(log_probs.sum(dtype="float64"))
        return {
            "log_prob": total,
            "token_log_probs": log_probs,
            "tokens": len(log_probs),
            "bytes": size,
            "perplexity": math.exp(-total / len(log_probs)),
            "bits_per_byte": -total / math.log(2) / max(1, size),
        }

    def _token_log_probs(self, ids, stride):
        """float32 [T], of ids[1:] given what is before them."""
        ids, length = np.array(ids, "int32"), self.row_length
        stride = min(stride or max(1, length // 2), length)
        targets = len(ids) - 1
        begins = np.arange(0, max(1, targets - length + stride), stride)  # the last one reaches the end
        windows = np.minimum(begins[:, None] + np.arange(length + 1), targets)
        found, filled, size = np.zeros(targets, "float32"), 0, max(1, BATCH_TOKENS // length)
        for first in range(0, len(windows), size):
            part = windows[first : first + size]
            values = keras.ops.convert_to_numpy(self._score_windows(ids[part]))
            for begin, row in zip(part[:, 0], values, strict=True):
                end = min(begin + length, targets)
                found[filled:end] = row[filled - begin : end - begin]
                filled = end
        return found

    def _score_windows(self, tokens):
        if getattr(self, "_score_function", None) is None:
            spec = tf.TensorSpec((None, self.row_length + 1), "int32")
            self._score_function = graph(self._log_probs, [spec])
        return self._score_function(tokens)

    def _log_probs(self, tokens):
        hidden = self.model.hidden(tokens[:, :-1], training=False)
        return target_log_probs(hidden, self.model.head_kernel(), tokens[:, 1:])

    def predict(self, x, batch_size=None, verbose=0, **arguments):
        """Mean log-probability of a token of each text, in nats, float32 [N]; see `score` for more."""
        scores = self.score(text_list(x, "x"))
        return np.array([entry["log_prob"] / entry["tokens"] for entry in scores], "float32")

    def evaluate(self, x, y=None, batch_size=None, sample_weight=None, return_dict=False, **arguments):
        """Loss (nats a token), perplexity and bits per byte of raw documents, each token scored once.

        With answers y the loss over the answers, in packed rows, as `fit` reports it for validation data;
        with a `TokenFile` the loss over its rows.
        """
        if y is not None or isinstance(x, (tf.data.Dataset, TokenFile)):
            if arguments.pop("_use_cached_eval_dataset", False):  # within fit: x is prepared already
                arguments["_use_cached_eval_dataset"] = True
                return keras.Model.evaluate(self, x, return_dict=return_dict, **arguments)
            return super().evaluate(x, y, batch_size, sample_weight, return_dict=return_dict, **arguments)
        scores = self.score(text_list(x, "x"))
        tokens, total = sum(s["tokens"] for s in scores), -sum(s["log_prob"] for s in scores)
        size = max(1, sum(s["bytes"] for s in scores))
        results = {
            "loss": total / tokens,
            "perplexity": math.exp(total / tokens),
            "bits_per_byte": total / math.log(2) / size,
        }
        return results if return_dict else list(results.values())
