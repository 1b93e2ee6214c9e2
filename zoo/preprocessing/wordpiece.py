"""WordPiece, BERT's tokenizer (arXiv:1810.04805; Wu et al. 2016, arXiv:1609.08144).

Text is cleaned, split into words at spaces and punctuation, and each word into the longest pieces of the
vocabulary from its left; pieces inside a word begin with "##". A word that cannot be covered is [UNK].

Shapes: N texts, W words, P pieces.
"""

import functools
import itertools
import os
from typing import NamedTuple

import keras
import numpy as np

from zoo.files import read_text
from zoo.preprocessing.character_table import character_table

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PREFIX = "##"
MAX_WORD_CHARACTERS = 100


class Pieces(NamedTuple):
    """Token ids of N texts, one text after the other: int32 [P], and int64 [N + 1] where each begins."""

    ids: np.ndarray
    splits: np.ndarray

    @property
    def lengths(self):
        return np.diff(self.splits)

    def row(self, number):
        """Ids of one text."""
        return self.ids[self.splits[number] : self.splits[number + 1]]


@keras.saving.register_keras_serializable("zoo")
class WordPiece:
    """Text to the ids of pieces, token for token as Hugging Face's BERT tokenizer gives them.

    Two paths give the same ids: `tokenize` runs on the host by the `tokenizers` library, `in_graph` as
    TensorFlow ops with tensorflow-text. Special tokens written out in a text ("[MASK]") count as such.

    Args:
        vocabulary: the pieces in the order of their ids, or the path of a file with one a line.
        lowercase: whether case is dropped (uncased models).
        strip_accents: whether accents are; None for what `lowercase` is.
        split_cjk: whether each CJK ideograph is a word of its own.

    Raises: ValueError for a vocabulary with a piece twice or without [UNK].

    Example:
        >>> tokenizer = WordPiece(["[PAD]", "[UNK]", "un", "##afford", "##able", "!"])
        >>> tokenizer.tokenize(["Unaffordable!", "un-able"]).splits.tolist()
        [0, 4, 7]
        >>> tokenizer.tokens([2, 3, 4, 5])
        ['un', '##afford', '##able', '!']
    """

    def __init__(self, vocabulary, lowercase=True, strip_accents=None, split_cjk=True):
        self.vocabulary = _read(vocabulary)
        self.lowercase = bool(lowercase)
        self.strip_accents = strip_accents
        self.split_cjk = bool(split_cjk)
        self._ids = {token: i for i, token in enumerate(self.vocabulary)}
        if len(self._ids) < len(self.vocabulary):
            seen = set()
            twice = next(token for token in self.vocabulary if token in seen or seen.add(token))
            raise ValueError(f"vocabulary: expected distinct pieces, found {twice!r} more than once")
        if "[UNK]" not in self._ids:
            raise ValueError(
                f"vocabulary: expected [UNK] among its {len(self.vocabulary)} pieces, found none"
            )

    @classmethod
    def train(cls, texts, vocabulary_size=8000, lowercase=True, min_frequency=2, strip_accents=None):
        """A tokenizer whose vocabulary is learnt from `texts`, the five special tokens first.

        Args:
            texts: an iterable of strings.
            vocabulary_size: of the result, special tokens included; less where the texts give less.
            lowercase, strip_accents: as of the class.
            min_frequency: how often a pair must occur to be merged.

        Example:
            >>> WordPiece.train(["low lower lowest"] * 3, 40).vocabulary[:3]
            ('[PAD]', '[UNK]', '[CLS]')
        """
        trainers = _library().trainers
        empty = cls(SPECIAL, lowercase, strip_accents)
        texts = [to_text(text) for text in texts]
        host = empty._host
        split = host.pre_tokenizer.pre_tokenize_str
        words = {word for text in texts for word, _ in split(host.normalizer.normalize_str(text))}
        # The library numbers these in the order of a random hash, and breaks ties by number.
        inner = {PREFIX + letter for word in words for letter in word[1:]}
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocabulary_size,
            min_frequency=min_frequency,
            special_tokens=[*SPECIAL, *sorted(inner)],
            continuing_subword_prefix=PREFIX,
            show_progress=False,
        )
        host.train_from_iterator(texts, trainer)
        ids = host.get_vocab()
        return cls(sorted(ids, key=ids.get), lowercase, strip_accents)

    def __len__(self):
        return len(self.vocabulary)

    def id_of(self, token):
        """The id of a piece; ValueError where the vocabulary lacks it."""
        if token not in self._ids:
            raise ValueError(f"token: expected a piece of the vocabulary, found {token!r}")
        return self._ids[token]

    def tokens(self, ids):
        """Ids to pieces."""
        return [self.vocabulary[int(i)] for i in ids]

    def text(self, ids):
        """Ids to readable text: special tokens left out, pieces joined, spaces between words."""
        words = []
        for token in self.tokens(ids):
            if token in SPECIAL and token != "[UNK]":
                continue
            if token.startswith(PREFIX) and words:
                words[-1] += token.removeprefix(PREFIX)
            else:
                words.append(token)
        return " ".join(words)

    def tokenize(self, texts):
        """Strings (str, or UTF-8 bytes; what is not UTF-8 is dropped) to `Pieces`, on the host."""
        encodings = self._host.encode_batch_fast([to_text(t) for t in texts], add_special_tokens=False)
        rows = [encoding.ids for encoding in encodings]
        return pieces(rows)

    def in_graph(self, texts):
        """Strings [N] -> `tf.RaggedTensor` int32 [N, (P)], by TensorFlow ops."""
        return self._ids_graph(texts)

    def words_in_graph(self, texts):
        """Strings [N] -> ids int32 [N, (W), (P)] with where each word stands in its text."""
        return self._graph(texts)

    @functools.cached_property
    def _ids_graph(self):
        from zoo.preprocessing.wordpiece_ids_graph import WordPieceIdsGraph, can_cut

        return (
            WordPieceIdsGraph(self)
            if can_cut(self)
            else lambda texts: self._graph(texts).ids.merge_dims(1, 2)
        )

    @functools.cached_property
    def _graph(self):
        from zoo.preprocessing.wordpiece_graph import WordPieceGraph

        return WordPieceGraph(self)

    @functools.cached_property
    def _host(self):
        library = _library()
        model = library.models.WordPiece(
            self._ids,
            unk_token="[UNK]",
            max_input_chars_per_word=MAX_WORD_CHARACTERS,
            continuing_subword_prefix=PREFIX,
        )
        tokenizer = library.Tokenizer(model)
        tokenizer.normalizer = library.normalizers.BertNormalizer(
            True, self.split_cjk, self.strip_accents, self.lowercase
        )
        tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
        tokenizer.add_special_tokens(list(self.special))
        return tokenizer

    def character_table(self):
        """What becomes of each character: `zoo.preprocessing.character_table` for these settings."""
        strip = self.lowercase if self.strip_accents is None else self.strip_accents
        return character_table(self.lowercase, strip, self.split_cjk)

    @property
    def special(self):
        """The special tokens that the vocabulary holds."""
        return tuple(token for token in SPECIAL if token in self._ids)

    def get_config(self):
        return {
            "vocabulary": list(self.vocabulary),
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            "split_cjk": self.split_cjk,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __getstate__(self):
        return self.get_config()

    def __setstate__(self, state):
        self.__init__(**state)


def pieces(rows):
    """Lists of ids, one a text, to `Pieces`."""
    lengths = np.fromiter(map(len, rows), "int64", len(rows))
    splits = np.concatenate([[0], np.cumsum(lengths)])
    return Pieces(np.fromiter(itertools.chain.from_iterable(rows), "int32", splits[-1]), splits)


def to_text(text):
    """str or bytes to a str of valid Unicode; what is not becomes U+FFFD, which BERT drops."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    text = str(text)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


def _read(vocabulary):
    if isinstance(vocabulary, (str, os.PathLike)):
        lines = read_text(vocabulary).split("\n")
        return tuple(line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1]))
    return tuple(vocabulary)


def _library():
    try:
        import tokenizers
        import tokenizers.models
        import tokenizers.normalizers
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError as error:
        raise ImportError("Text needs the tokenizers library: pip install keras-zoo[text]") from error
    return tokenizers
