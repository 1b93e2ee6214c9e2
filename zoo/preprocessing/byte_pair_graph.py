"""Byte-level byte-pair encoding as TensorFlow operations: the path that a SavedModel carries.

A text is cut into words by regular expressions. A word that is one token is found in a table; the others are
merged all at once, as one flat array of tokens: every round joins, in each word, the pair of the lowest rank,
and looks up the ranks of the new neighbours alone.

Shapes: B texts, M bytes or tokens of all words that are not one token.
"""

import functools

import numpy as np
import tensorflow as tf

SPACE = r"\t-\r\x{85}\p{Z}"  # Unicode's White_Space, which RE2's \s is not
WORDS = {
    "gpt2": rf"'(?:s|t|re|ve|m|ll|d)| ?\p{{L}}+| ?\p{{N}}+| ?[^{SPACE}\p{{L}}\p{{N}}]+|[{SPACE}]+",
    "llama3": rf"'(?i:s|t|re|ve|m|ll|d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
    rf"| ?[^{SPACE}\p{{L}}\p{{N}}]+[\r\n]*|[{SPACE}]*[\r\n]+|[{SPACE}]+",
}
WORDS["gpt2_digits"] = WORDS["gpt2"]
WORDS["qwen2"] = WORDS["llama3"].replace("{1,3}", "")
CUT = b"\xff"  # no byte of valid UTF-8: it cannot come from the text, and no expression matches it
SPECIAL = b"\xfe"
VALID = r"[\x{00}-\x{d7ff}\x{e000}-\x{10ffff}]*"  # any UTF-8
NEVER = np.int32(2**31 - 1)


class GraphBytePair(tf.Module):
    """Encodes and decodes in graphs; `zoo.preprocessing.BytePair` makes it and is held equal to it.

    Args:
        token_bytes: the bytes of every token, by id.
        merges: pairs of ids (left, right, joined) in order of rank.
        special: ids of the special tokens, which are found in the text before anything else.
        split: how words are cut: a key of `WORDS`, or "whole" for no cut at all.
    """

    def __init__(self, token_bytes, merges, special, split):
        super().__init__(name="byte_pair")
        self.split = split
        self.size = len(token_bytes)
        self.token_bytes = np.array(token_bytes, object)
        self.special = [(token_bytes[i], i) for i in sorted(special, key=lambda i: -len(token_bytes[i]))]
        self.marks = {i: _mark(n) for n, (_, i) in enumerate(self.special)}
        ordinary = {t: i for i, t in enumerate(token_bytes) if i not in set(special)}
        self.byte_ids = np.array([ordinary.get(bytes([b]), 0) for b in range(256)], "int32")
        merges = np.asarray(merges, "int64").reshape(-1, 3)
        keys, ranks = merges[:, 0] * self.size + merges[:, 1], np.arange(len(merges))
        self.joined = np.append(merges[:, 2], 0).astype("int32")
        self.ranks = _table(np.append(keys, -1), np.append(ranks, NEVER), int(NEVER), "ranks")
        pairs = np.int64(self.byte_ids)[:, None] * self.size + self.byte_ids  # [256, 256]
        self.byte_pair_ranks = np.array(self.ranks.lookup(tf.constant(pairs.reshape(-1))))
        self.words = _table([b""], [-1], -1, "no_words")
        self.words = self._whole_words(ordinary)

    def _whole_words(self, ordinary):
        """A table of the words whose encoding is one token; a token may also be unreachable as a word."""
        texts = np.array(list(ordinary), object)
        ids = np.array(list(ordinary.values()), "int32")
        tokens, lengths = (part.numpy() for part in self._merge(tf.constant(texts)))
        first = tokens[np.cumsum(lengths) - lengths]
        whole = (lengths == 1) & (first == ids)
        keys = [*texts[whole], *self.marks.values()]
        return _table(keys, [*ids[whole], *self.marks], -1, "words")

    def encode(self, texts):
        """string [B] -> RaggedTensor int32 [B, tokens]. Invalid UTF-8 becomes U+FFFD first."""
        texts = _valid(texts)
        pieces = self._cut(texts)
        words = pieces.flat_values
        ids = self.words.lookup(words)
        where = tf.where(ids < 0)
        others, index = tf.unique(tf.gather(words, where[:, 0]))
        tokens, lengths = self._merge(others)
        # Where the tokens of each word begin in [ids of words, tokens of the others], and how many they are.
        count = tf.size(words)
        starts = tf.gather(count + tf.cumsum(lengths, exclusive=True), index)
        begins = tf.tensor_scatter_nd_update(tf.range(count), where, starts)
        counts = tf.tensor_scatter_nd_update(tf.ones_like(ids), where, tf.gather(lengths, index))
        places = tf.ragged.range(begins, begins + counts).flat_values
        flat = tf.gather(tf.concat([ids, tokens], 0), places)
        per_text = tf.math.unsorted_segment_sum(counts, pieces.value_rowids(), pieces.nrows())
        return tf.RaggedTensor.from_row_lengths(flat, tf.cast(per_text, "int64"), validate=False)

    def _cut(self, texts):
        """string [B] -> RaggedTensor of words, some empty; special tokens are words of their own."""
        for text, i in self.special:
            texts = tf.strings.regex_replace(texts, _quoted(text), CUT + self.marks[i] + CUT)
        if self.split == "whole":
            return tf.strings.split(texts, CUT)
        if self.split == "gpt2_digits":
            texts = tf.strings.regex_replace(texts, r"\p{N}", CUT + rb"\0" + CUT)
        # RE2 has no lookahead: a run of white space before a word leaves its last character to that word.
        last = SPACE if self.split.startswith("gpt2") else r"\t\x{0b}\x{0c}\x{85}\p{Z}"
        texts = tf.strings.regex_replace(texts, rf"([{SPACE}])([{last}][^{SPACE}])", rb"\1" + CUT + rb"\2")
        # "\0", the match itself: where a group is asked for RE2 takes a way that is nine times slower.
        texts = tf.strings.regex_replace(texts, WORDS[self.split], rb"\0" + CUT)
        return tf.strings.split(texts, CUT)

    def _merge(self, words):
        """string [W] -> (tokens [M], lengths [W]) by the merges, whatever the table of whole words says."""
        lengths, count = tf.strings.length(words), tf.size(words)
        data = tf.cast(tf.io.decode_raw(tf.strings.reduce_join(words), "uint8"), "int32")
        tokens = tf.gather(self.byte_ids, data)
        word = tf.repeat(tf.range(count), lengths)
        ranks = tf.gather(self.byte_pair_ranks, 256 * data + _next(data))
        ranks = tf.where(word == _next(word, -1), ranks, NEVER)  # of the pair that begins here

        def body(tokens, word, ranks):
            best = tf.minimum(tf.math.unsorted_segment_min(ranks, word, count), NEVER - 1)  # of a word
            left = _apart(tf.where(ranks == tf.gather(best, word))[:, 0])  # of the pairs that are joined
            joined = tf.gather(self.joined, tf.gather(ranks, left))
            tokens = tf.tensor_scatter_nd_update(tokens, left[:, None], joined)
            gone = tf.zeros(tf.shape(left), "bool")
            kept = tf.tensor_scatter_nd_update(tf.ones(tf.shape(tokens), "bool"), left[:, None] + 1, gone)
            kept = tf.where(kept)[:, 0]
            tokens, word, ranks = (tf.gather(part, kept) for part in (tokens, word, ranks))
            place = left - tf.range(tf.size(left, tf.int64))  # of the new tokens
            changed = tf.concat([place, tf.maximum(place - 1, 0)], 0)
            after = tf.minimum(changed + 1, tf.size(tokens, tf.int64) - 1)
            keys = tf.cast(tf.gather(tokens, changed), "int64") * self.size
            keys += tf.cast(tf.gather(tokens, after), "int64")
            inside = (tf.gather(word, changed) == tf.gather(word, after)) & (changed < after)
            new = self.ranks.lookup(tf.where(inside, keys, -1))
            return tokens, word, tf.tensor_scatter_nd_update(ranks, changed[:, None], new)

        def unfinished(tokens, word, ranks):
            return tf.reduce_any(ranks < NEVER)

        specs = (tf.TensorShape([None]),) * 3
        tokens, word, _ = tf.while_loop(unfinished, body, (tokens, word, ranks), shape_invariants=specs)
        return tokens, tf.math.unsorted_segment_sum(tf.ones_like(word), word, count)

    def decode(self, token_ids, skip_special=True):
        """RaggedTensor or Tensor of ids [B, T] -> string [B]. Ids below 0 are padding and give nothing."""
        pieces = self.token_bytes.copy()
        if skip_special:
            pieces[[i for _, i in self.special]] = b""
        pieces = tf.constant(np.append(pieces, b"").tolist())
        ragged = isinstance(token_ids, tf.RaggedTensor)
        flat = tf.cast(token_ids.flat_values if ragged else token_ids, "int32")
        parts = tf.gather(pieces, tf.where((flat < 0) | (flat >= self.size), self.size, flat))
        texts = tf.strings.reduce_join(token_ids.with_flat_values(parts) if ragged else parts, axis=-1)
        return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")


def _mark(n):
    """A word for special token n that no text has: stray bytes, which no expression matches."""
    return SPECIAL + bytes(128 + digit for digit in (n // 4096, n // 64 % 64, n % 64))


def _table(keys, values, default, name):
    keys = tf.constant(keys)
    values = tf.constant(np.asarray(values, "int32"))
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default, name=name)


def _next(values, last=0):
    """[N] -> [N]: what comes after each, and `last` after the last."""
    return tf.concat([values[1:], tf.constant([last], values.dtype)[: tf.size(values)]], 0)


def _apart(places):
    """Of a run of neighbours in sorted int64 [N] the first, third, ...: they share a token, as in "aaaa"."""

    def every_other():
        first = tf.concat([[True], places[1:] != places[:-1] + 1], 0)
        starts = tf.gather(tf.boolean_mask(places, first), tf.cumsum(tf.cast(first, "int64")) - 1)
        return tf.boolean_mask(places, (places - starts) % 2 == 0)

    return tf.cond(tf.reduce_any(places[1:] == places[:-1] + 1), every_other, lambda: places)


def _valid(texts):
    """The texts with U+FFFD in the place of invalid UTF-8, which few have."""
    good = tf.reduce_all(tf.strings.regex_full_match(texts, VALID))
    mend = functools.partial(tf.strings.unicode_transcode, texts, "UTF-8", "UTF-8", errors="replace")
    return tf.cond(good, lambda: texts, mend)


def _quoted(text):
    """A regular expression that matches the bytes of `text` and nothing else."""
    return "".join(c if c.isalnum() else f"\\x{{{ord(c):x}}}" for c in text.decode())
