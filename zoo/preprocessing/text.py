"""Texts and pairs of texts to the tensors a BERT-style encoder takes: [CLS] a [SEP] or [CLS] a [SEP] b [SEP].

Shapes: B batch, T time (tokens of the longest row, rounded up), N texts, P pieces of all texts.
"""

import pathlib
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from zoo.files import read_json
from zoo.preprocessing.wordpiece import WordPiece

TRUNCATIONS = ("longest_first", "only_first", "only_second")
VOCABULARY = "vocab.txt"
KEYS = ("token_ids", "attention_mask", "segment_ids")


class TokenRows(NamedTuple):
    """N rows ready for the network but for padding: ids and segments int32 [P], and where each row begins."""

    ids: np.ndarray
    segments: np.ndarray
    splits: np.ndarray

    @property
    def lengths(self):
        return np.diff(self.splits)


@keras.saving.register_keras_serializable("zoo")
class TextPreprocessor:
    """WordPiece, [CLS] and [SEP], truncation, and padding to few lengths.

    The same rows come from the host (`rows`, `pad`: by the `tokenizers` library, for `fit` and `predict`) and
    from TensorFlow ops (calling the object: inside a SavedModel). Masks are int32: Keras' distributed
    `fit` does not take bool inputs.

    Args:
        vocabulary, lowercase, strip_accents, split_cjk: see `WordPiece`.
        max_length: of a row, in tokens, [CLS] and [SEP] included.
        pairs: whether an example is two texts.
        truncation: of pairs that are too long: "longest_first" (both end up alike), "only_first" or
            "only_second". The end of a text is cut.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "film", "bad"]
        >>> prepare = TextPreprocessor(vocabulary, max_length=16)
        >>> prepare.pad(prepare.rows(["good film", "bad"]))["token_ids"].tolist()
        [[2, 4, 5, 3, 0, 0, 0, 0], [2, 6, 3, 0, 0, 0, 0, 0]]
    """

    def __init__(
        self,
        vocabulary,
        lowercase=True,
        strip_accents=None,
        split_cjk=True,
        max_length=128,
        pairs=False,
        truncation="longest_first",
    ):
        if truncation not in TRUNCATIONS:
            raise ValueError(f"truncation: expected one of {TRUNCATIONS}, found {truncation!r}")
        self.tokenizer = WordPiece(vocabulary, lowercase, strip_accents, split_cjk)
        self.max_length = int(max_length)
        self.pairs = bool(pairs)
        self.truncation = truncation
        if self.max_length < self._extra + 1 + self.pairs:
            raise ValueError(
                f"max_length: expected at least {self._extra + 1 + self.pairs}, found {max_length}"
            )
        self.pad_id, self.cls_id, self.sep_id = map(self.tokenizer.id_of, ("[PAD]", "[CLS]", "[SEP]"))
        self.buckets = bucket_lengths(self.max_length)

    @property
    def _extra(self):
        """[CLS] and [SEP] of a row."""
        return 3 if self.pairs else 2

    def rows(self, texts, second=None):
        """Texts [N], or with `pairs` the first and the second ones, to `TokenRows`, on the host."""
        self._check_pairs(second)
        return self.assemble(
            self.tokenizer.tokenize(texts), self.tokenizer.tokenize(second) if self.pairs else None
        )

    def _check_pairs(self, second):
        if self.pairs != (second is not None):
            found = "one text" if second is None else "two texts"
            expected = "two texts" if self.pairs else "one text"
            raise ValueError(f"x: expected {expected} an example (pairs={self.pairs}), found {found}")

    def assemble(self, first, second=None):
        """`Pieces` of the texts to `TokenRows`: cut to `max_length`, with [CLS] and [SEP]."""
        parts = [first] if second is None else [first, second]
        kept = self._truncated(*(part.lengths for part in parts), where=np.where)
        splits = np.concatenate([[0], np.cumsum(sum(kept) + 1 + len(parts))])
        ids = np.full(splits[-1], self.sep_id, "int32")
        segments = np.zeros(splits[-1], "int32")
        ids[splits[:-1]] = self.cls_id
        begin = splits[:-1] + 1
        for number, (part, length) in enumerate(zip(parts, kept, strict=True)):
            inner = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
            ids[np.repeat(begin, length) + inner] = part.ids[np.repeat(part.splits[:-1], length) + inner]
            if number:
                ends = np.repeat(begin, length + 1)
                segments[ends + _ranges(length + 1)] = 1
            begin = begin + length + 1
        return TokenRows(ids, segments, splits)

    def pad(self, rows, index=None, length=None):
        """Some of the rows, all without `index`, as int32 [B, T] arrays for the network.

        T is the smallest of `buckets` that holds the longest of them, or `length`.
        """
        index = np.arange(len(rows.lengths)) if index is None else np.asarray(index)
        lengths = rows.lengths[index]
        length = length or self.padded_length(lengths.max(initial=1))
        inside = np.arange(length) < lengths[:, None]  # [B, T]
        places = (rows.splits[index][:, None] + np.arange(length))[inside]
        token_ids = np.full(inside.shape, self.pad_id, "int32")
        segment_ids = np.zeros(inside.shape, "int32")
        token_ids[inside] = rows.ids[places]
        segment_ids[inside] = rows.segments[places]
        return dict(zip(KEYS, (token_ids, inside.astype("int32"), segment_ids), strict=True))

    def padded_length(self, length):
        """The smallest of `buckets` that is at least `length`."""
        return int(self.buckets[np.searchsorted(self.buckets, length)])

    def __call__(self, texts, second=None):
        """Strings [B] (and the second ones [B]) -> int32 [B, T] tensors, by TensorFlow ops."""
        self._check_pairs(second)
        parts = [self.tokenizer.in_graph(texts)]
        if second is not None:
            parts.append(self.tokenizer.in_graph(second))
        return self.assemble_in_graph(*parts)

    def assemble_in_graph(self, *parts):
        """Ragged ids int32 [B, (P)] of the first and maybe the second texts -> int32 [B, T] tensors."""
        kept = self._truncated(*(part.row_lengths() for part in parts), where=tf.where)
        buckets = tf.constant(self.buckets, "int64")
        longest = tf.reduce_max(tf.concat([sum(kept) + 1 + len(parts), [1]], 0))
        place = tf.range(buckets[tf.searchsorted(buckets, longest[None])[0]])  # [T]
        flat = tf.concat([*(part.flat_values for part in parts), [self.cls_id, self.sep_id, self.pad_id]], 0)
        cls, sep, pad = tf.unstack(tf.size(flat, tf.int64) - tf.constant([3, 2, 1], "int64"))
        source = tf.where(place < 1, cls, pad)  # [B, T], an index into `flat`
        begins, offset = (
            [tf.ones((parts[0].nrows(), 1), "int64")],
            0,
        )  # [B, 1] of each part, and where all end
        for part, length in zip(parts, kept, strict=True):
            begin, end = begins[-1], begins[-1] + length[:, None]
            inside = (place >= begin) & (place < end)
            source = tf.where(inside, offset + part.row_starts()[:, None] + place - begin, source)
            source = tf.where(place == end, sep, source)
            begins.append(end + 1)
            offset += tf.size(part.flat_values, tf.int64)
        mask = tf.cast(place < begins[-1], "int32")
        segments = mask * tf.cast(place >= begins[1], "int32")
        return {
            "token_ids": tf.gather(flat, source),
            "attention_mask": mask,
            "segment_ids": segments,
        }

    def _truncated(self, first, second=None, *, where):
        """How many pieces of each text stay; `where` is NumPy's or TensorFlow's, for its kind of numbers."""
        room = self.max_length - self._extra
        if second is None:
            return [where(first > room, room + 0 * first, first)]
        if self.truncation == "only_first":
            left = where(second < room, room - second, 0 * second)
            return [where(first > left, left, first), where(second > room, room + 0 * second, second)]
        if self.truncation == "only_second":
            left = where(first < room, room - first, 0 * first)
            return [where(first > room, room + 0 * first, first), where(second > left, left, second)]
        # The longer text is cut until both are alike, then both; an odd token goes to the longer one.
        small = where(first > second, second, first)
        large = where(first > second, first, second)
        share = 0 * small + room // 2
        cut_small = where(small > share, share, small)
        cut_large = where(small + large > room, room - cut_small, large)
        cut_small = where(small + large > room, cut_small, small)
        return [where(first > second, cut_large, cut_small), where(first > second, cut_small, cut_large)]

    def get_config(self):
        return {
            **self.tokenizer.get_config(),
            "max_length": self.max_length,
            "pairs": self.pairs,
            "truncation": self.truncation,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def save_assets(self, folder):
        """Writes vocab.txt into `folder`; returns the other arguments, for `load_assets`."""
        arguments = self.get_config()
        text = "".join(f"{token}\n" for token in arguments.pop("vocabulary"))
        (pathlib.Path(folder) / VOCABULARY).write_text(text, "utf-8")
        return arguments

    @classmethod
    def load_assets(cls, folder, arguments):
        """The object whose `save_assets(folder)` returned `arguments`."""
        return cls(pathlib.Path(folder) / VOCABULARY, **arguments)

    @classmethod
    def from_hugging_face(cls, folder, **overrides):
        """From vocab.txt (or tokenizer.json) and tokenizer_config.json as Hugging Face's BERT has them."""
        folder = pathlib.Path(folder)
        settings = read_json(folder / "tokenizer_config.json", missing={})
        vocabulary = folder / VOCABULARY
        if not vocabulary.is_file():
            ids = read_json(folder / "tokenizer.json", missing={}).get("model", {}).get("vocab")
            if not isinstance(ids, dict):
                raise ValueError(
                    f"name: expected vocab.txt or a WordPiece tokenizer.json, found none in {folder}"
                )
            vocabulary = sorted(ids, key=ids.get)
        arguments = {
            "lowercase": settings.get("do_lower_case", True),
            "strip_accents": settings.get("strip_accents"),
            "split_cjk": settings.get("tokenize_chinese_chars", True),
        }
        return cls(vocabulary, **{**arguments, **overrides})

    def replace(self, **changes):
        """A copy with other arguments."""
        return type(self)(**{**self.get_config(), **changes})


def bucket_lengths(max_length):
    """Padded lengths up to `max_length`: steps of 8 to 64, of 16 to 128, of 32 to 256 and so on.

    Padding then adds at most an eighth from 64 on, and compiled code sees few shapes.

    Example:
        >>> bucket_lengths(100)
        (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 100)
    """
    lengths, length = [], 0
    while length < max_length:
        step = max(8, 1 << max(0, length.bit_length() - 3) if length >= 64 else 8)
        length = min(length + step, max_length)
        lengths.append(length)
    return tuple(lengths)


def _ranges(lengths):
    """0..n-1 for every n, one after the other."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
