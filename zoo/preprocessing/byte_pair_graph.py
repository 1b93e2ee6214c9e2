"""Byte-level byte-pair encoding as TensorFlow operations: the path that a SavedModel carries.

A text is cut into words by regular expressions. A word that is one token is found in a table; the others are
merged, all at once.

Shapes: B texts, N words of all texts, W words that are not one token.
"""

import numpy as np
import tensorflow as tf

from zoo.preprocessing.byte_pair_merges import Merges, lookup_table
from zoo.preprocessing.unicode_graph import CUT, valid_unicode

SPACE = r"\t-\r\x{85}\p{Z}"  # Unicode's White_Space, which RE2's \s is not
WORDS = {
    "gpt2": rf"'(?:s|t|re|ve|m|ll|d)| ?\p{{L}}+| ?\p{{N}}+| ?[^{SPACE}\p{{L}}\p{{N}}]+|[{SPACE}]+",
    "llama3": rf"'(?i:s|t|re|ve|m|ll|d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
    rf"| ?[^{SPACE}\p{{L}}\p{{N}}]+[\r\n]*|[{SPACE}]*[\r\n]+|[{SPACE}]+",
}
WORDS["gpt2_digits"] = WORDS["gpt2"]
WORDS["qwen2"] = WORDS["llama3"].replace("{1,3}", "")
SPECIAL = b"\xfe"
OTHER, EMPTY = -1, -2  # in the place of the id of a word: it is several tokens; it is none


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
        byte_ids = [ordinary.get(bytes([b]), 0) for b in range(256)]
        self.merges = Merges(token_bytes, byte_ids, np.array(merges, "int64").reshape(-1, 3))
        self.words = self._whole_words({t: i for t, i in ordinary.items() if CUT not in t})

    def _whole_words(self, ordinary):
        """A table of the words whose encoding is one token; a token may also be unreachable as a word."""
        texts, ids = np.array(list(ordinary), object), np.array(list(ordinary.values()))
        tokens, cuts = (part.numpy() for part in self.merges(tf.constant(texts)))
        whole = (np.diff(cuts) == 2) & (tokens[cuts[:-1] + 1] == ids)
        keys, values = [*texts[whole], *self.marks.values(), b""], [*ids[whole], *self.marks, EMPTY]
        return lookup_table(keys, values, OTHER, "words")

    def encode(self, texts):
        """string [B] -> RaggedTensor int32 [B, tokens]. Invalid UTF-8 becomes U+FFFD first."""
        texts = tf.convert_to_tensor(texts)
        half = tf.size(texts) // 2  # two halves for two cores: an operation on strings has but one thread
        ids, others, splits = zip(self._whole(texts[:half]), self._whole(texts[half:]), strict=True)
        ids, splits = tf.concat(ids, 0), tf.concat([splits[0], splits[0][-1] + splits[1][1:]], 0)
        others, index = tf.unique(tf.concat(others, 0))
        tokens, cuts = self.merges(others)
        # Where the tokens of each word begin and end in [ids of words, tokens of the others].
        where, count = tf.where(ids == OTHER), tf.size(ids, tf.int64)
        begins, ends = tf.range(count), tf.range(count) + tf.cast(ids != EMPTY, tf.int64)
        begins = tf.tensor_scatter_nd_update(begins, where, count + 1 + tf.gather(cuts, index))
        ends = tf.tensor_scatter_nd_update(ends, where, count + tf.gather(cuts, index + 1))
        places = tf.ragged.range(begins, ends)
        flat = tf.gather(tf.concat([ids, tf.cast(tokens, "int32")], 0), places.flat_values)
        return tf.RaggedTensor.from_row_splits(flat, tf.gather(places.row_splits, splits), validate=False)

    def _whole(self, texts):
        """string [B] -> (ids [N] of the words, those words that are `OTHER`, row splits [B + 1])."""
        words, splits = self._cut(valid_unicode(texts))
        ids = self.words.lookup(words)
        return ids, tf.gather_nd(words, tf.where(ids == OTHER)), splits

    def _cut(self, texts):
        """string [B] -> (words [N], row splits [B + 1]); some words are empty, special tokens are words."""
        for text, i in self.special:
            texts = tf.strings.regex_replace(texts, _quoted(text), CUT + self.marks[i] + CUT)
        if self.split == "whole":
            return _split(texts)
        if self.split == "gpt2_digits":
            texts = tf.strings.regex_replace(texts, r"\p{N}", CUT + rb"\0" + CUT)
        # RE2 has no lookahead: a run of white space before a word leaves its last character to that word.
        last = SPACE if self.split.startswith("gpt2") else r"\t\x{0b}\x{0c}\x{85}\p{Z}"
        texts = tf.strings.regex_replace(texts, rf"([{SPACE}])([{last}][^{SPACE}])", rb"\1" + CUT + rb"\2")
        # "\0", the match itself: where a group is asked for RE2 takes a way that is nine times slower.
        texts = tf.strings.regex_replace(texts, WORDS[self.split], rb"\0" + CUT)
        return _split(texts)

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


def _split(texts):
    """string [B] -> (parts between `CUT`s, row splits int64 [B + 1])."""
    parts = tf.raw_ops.StringSplitV2(input=texts, sep=CUT)
    rows = tf.range(tf.size(texts, tf.int64) + 1)
    return parts.values, tf.searchsorted(parts.indices[:, 0], rows, out_type=tf.int64)


def _quoted(text):
    """A regular expression that matches the bytes of `text` and nothing else."""
    return "".join(c if c.isalnum() else f"\\x{{{ord(c):x}}}" for c in text.decode())
