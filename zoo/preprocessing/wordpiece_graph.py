"""WordPiece as TensorFlow ops, for SavedModels that take strings.

Shapes: N texts, C characters of all texts, W words, P pieces of a word.
"""

import re
from typing import NamedTuple

import tensorflow as tf

from zoo.preprocessing.character_table import NONE, PAGE, SAME, SPACE, character_table

# Special tokens travel through the cleaning as private characters, which no cleaned text holds.
_FIRST_STAND_IN = 0xE000
_DROPPED = "\ue0ff"


class Words(NamedTuple):
    """Words of N texts: `ids` int32 [N, (W), (P)] and, in characters of the raw text, `begins` and `ends`,
    int32 [N, (W)]."""

    ids: tf.RaggedTensor
    begins: tf.RaggedTensor
    ends: tf.RaggedTensor


class WordPieceGraph(tf.Module):
    """Strings [N] -> `Words`, with the ids that `WordPiece.tokenize` gives.

    tensorflow-text cuts words into pieces; cleaning and word splitting go by `character_table`.
    """

    def __init__(self, tokenizer, max_characters=100):
        super().__init__()
        text = _tensorflow_text()
        strip = tokenizer.lowercase if tokenizer.strip_accents is None else tokenizer.strip_accents
        self._pages, self._entries = character_table(tokenizer.lowercase, strip, tokenizer.split_cjk)
        self._special = tokenizer.special
        self._max_characters = max_characters
        with tf.init_scope():  # its constants outlive the graph that first uses them
            self._cut = text.FastWordpieceTokenizer(
                list(tokenizer.vocabulary),
                suffix_indicator="##",
                max_bytes_per_word=4 * self._max_characters,
                token_out_type=tf.int32,
                unknown_token="[UNK]",
                no_pretokenization=True,
            )

    def __call__(self, texts):
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        characters = tf.strings.unicode_decode(self._mark_special(texts), "UTF-8")  # [N, (C)]
        codes = self._replace(characters.flat_values)  # [C, K]
        kept = tf.where(codes != NONE)[:, 0]
        codes = tf.boolean_mask(codes, codes != NONE)  # [C'], with spaces between words
        rows = tf.gather(characters.value_rowids(), kept)
        places = tf.cast(kept - tf.gather(characters.row_starts(), rows), "int32")

        inside = codes != SPACE
        before = tf.concat([[False], inside[:-1] & (rows[1:] == rows[:-1])], 0)[: tf.size(codes)]
        begin = inside & ~before
        word = tf.cumsum(tf.cast(begin, "int64")) - 1
        codes, word, places = (tf.boolean_mask(values, inside) for values in (codes, word, places))
        count = tf.math.count_nonzero(begin)
        words = tf.RaggedTensor.from_value_rowids(codes, word, count)  # [W, (C)]
        rows = tf.boolean_mask(rows, begin)

        def by_text(values):
            return tf.RaggedTensor.from_value_rowids(values, rows, tf.size(texts, tf.int64))

        ids = self._cut.tokenize(self._readable(words))
        begins, ends = tf.math.segment_min(places, word), tf.math.segment_max(places, word) + 1
        return Words(by_text(ids), by_text(begins), by_text(ends))

    def _mark_special(self, texts):
        """Special tokens in raw text become stand-ins, as long as they were."""
        texts = tf.strings.regex_replace(texts, "[\ue000-\ue00f]", _DROPPED)
        for i, token in enumerate(self._special):
            stand_in = chr(_FIRST_STAND_IN + i) + _DROPPED * (len(token) - 1)
            texts = tf.strings.regex_replace(texts, re.escape(token), stand_in)
        return texts

    def _replace(self, characters):
        """int32 [C] -> [C, K], what the table puts in the place of each."""
        entries = tf.constant(self._entries)
        rows = tf.gather(tf.constant(self._pages), characters // PAGE) * PAGE + characters % PAGE
        codes = tf.gather(entries, rows)
        codes = tf.where(codes == SAME, characters[:, None], codes)
        special = (characters >= _FIRST_STAND_IN) & (characters < _FIRST_STAND_IN + len(self._special))
        alone = tf.stack([SPACE * tf.ones_like(characters), characters, SPACE * tf.ones_like(characters)], 1)
        alone = tf.pad(alone, [[0, 0], [0, self._entries.shape[1] - 3]], constant_values=NONE)
        return tf.where(special[:, None], alone, codes)

    def _readable(self, words):
        """Code points [W, (C)] -> strings [W]; stand-ins and words that are too long as their tokens."""
        texts = tf.strings.unicode_encode(words, "UTF-8")
        for i, token in enumerate(self._special):
            texts = tf.where(texts == chr(_FIRST_STAND_IN + i), token, texts)
        return tf.where(words.row_lengths() > self._max_characters, "[UNK]", texts)


def _tensorflow_text():
    try:
        import tensorflow_text
    except ImportError as error:
        raise ImportError("Strings in a graph need tensorflow-text: pip install keras-zoo[text]") from error
    return tensorflow_text
