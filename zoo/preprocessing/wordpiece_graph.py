"""WordPiece as TensorFlow ops, for SavedModels that take strings, with the places of words.

Shapes: N texts, C characters of all texts, W words, P pieces of a word.
"""

import re
from typing import NamedTuple

import tensorflow as tf

from zoo.preprocessing.character_table import NONE, PAGE, SAME, SPACE
from zoo.preprocessing.unicode_graph import valid_unicode
from zoo.preprocessing.wordpiece import MAX_WORD_CHARACTERS, PREFIX

# Special tokens travel through the cleaning as private characters, which no cleaned text holds.
STAND_IN = 0xE000  # of the first one
STAND_INS = "\ue000-\ue00f"
DROPPED = "\ue0ff"  # no cleaned text holds it


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

    def __init__(self, tokenizer):
        super().__init__()
        self._pages, self._entries = tokenizer.character_table()
        self._special = tokenizer.special
        self._cut = word_cutter(tokenizer.vocabulary, "[UNK]", no_pretokenization=True)

    def __call__(self, texts):
        texts = mark_special(valid_unicode(texts), self._special)
        characters = tf.strings.unicode_decode(texts, "UTF-8")  # [N, (C)]
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

    def _replace(self, characters):
        """int32 [C] -> [C, K], what the table puts in the place of each."""
        entries = tf.constant(self._entries)
        rows = tf.gather(tf.constant(self._pages), characters // PAGE) * PAGE + characters % PAGE
        codes = tf.gather(entries, rows)
        codes = tf.where(codes == SAME, characters[:, None], codes)
        special = (characters >= STAND_IN) & (characters < STAND_IN + len(self._special))
        alone = tf.stack([SPACE * tf.ones_like(characters), characters, SPACE * tf.ones_like(characters)], 1)
        alone = tf.pad(alone, [[0, 0], [0, self._entries.shape[1] - 3]], constant_values=NONE)
        return tf.where(special[:, None], alone, codes)

    def _readable(self, words):
        """Code points [W, (C)] -> strings [W]; stand-ins and words that are too long as their tokens."""
        texts = tf.strings.unicode_encode(words, "UTF-8")
        for i, token in enumerate(self._special):
            texts = tf.where(texts == chr(STAND_IN + i), token, texts)
        return tf.where(words.row_lengths() > MAX_WORD_CHARACTERS, "[UNK]", texts)


def mark_special(texts, special):
    """Special tokens in raw texts become stand-ins, as long as they were."""
    texts = tf.strings.regex_replace(texts, f"[{STAND_INS}]", DROPPED)
    for i, token in enumerate(special):
        stand_in = chr(STAND_IN + i) + DROPPED * (len(token) - 1)
        texts = tf.strings.regex_replace(texts, re.escape(token), stand_in)
    return texts


def word_cutter(vocabulary, unknown, no_pretokenization):
    """tensorflow-text's WordPiece: strings [N] -> ids int32 [N, (P)]."""
    with tf.init_scope():  # its constants outlive the graph that first uses them
        return _tensorflow_text().FastWordpieceTokenizer(
            list(vocabulary),
            suffix_indicator=PREFIX,
            max_bytes_per_word=4 * MAX_WORD_CHARACTERS,
            token_out_type=tf.int32,
            unknown_token=unknown,
            no_pretokenization=no_pretokenization,
        )


def _tensorflow_text():
    try:
        import tensorflow_text
    except ImportError as error:
        raise ImportError("Strings in a graph need tensorflow-text: pip install keras-zoo[text]") from error
    return tensorflow_text
