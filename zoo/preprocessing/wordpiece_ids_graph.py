"""WordPiece ids as TensorFlow ops, for SavedModels that take strings: the fast way, without places of words.

What is not plain ASCII is cut out, cleaned by a table, and put back; tensorflow-text splits the texts into
words and cuts these into pieces in one operation (arXiv:2012.15524).

Shapes: N texts, S stretches that are plain ASCII or a single character, C of these the characters.
"""

import re

import numpy as np
import tensorflow as tf

from zoo.preprocessing.character_table import CODE_POINTS, NONE, PAGE, SAME, SPACE, paged
from zoo.preprocessing.unicode_graph import CUT, valid_unicode
from zoo.preprocessing.wordpiece import MAX_WORD_CHARACTERS
from zoo.preprocessing.wordpiece_graph import DROPPED, STAND_IN, STAND_INS, mark_special, word_cutter

PLAIN = r"\t\n\r -~"
APART = r"\t\n\r -/:-@\[-`{-~"  # ASCII that ends a word
TOO_LONG = rf"[^{APART}]{{{MAX_WORD_CHARACTERS + 1},}}"
UNKNOWN = "\ue0fe"  # in no vocabulary that `can_cut` lets pass: a word with it in it is [UNK]
ITSELF, ALONE, FIRST = 0, 1, 2  # what becomes of a character; from FIRST on an index into `_texts`


class WordPieceIdsGraph(tf.Module):
    """Strings [N] -> ids int32 [N, (pieces)], those that `WordPiece.tokenize` gives.

    Use it where `can_cut(tokenizer)` says so.
    """

    def __init__(self, tokenizer):
        super().__init__()
        self._special, self._lowercase = tokenizer.special, tokenizer.lowercase
        self._pages, self._fates, self._texts = _fates(tokenizer)
        self._to_mark = f"(?s).*(?:[{STAND_INS}]|{'|'.join(map(re.escape, self._special))}).*"
        stand_ins = {token: chr(STAND_IN + i) for i, token in enumerate(self._special)}
        for i, token in enumerate(tokenizer.vocabulary):
            if any(character.isspace() for character in token):  # no text reaches it, nor may one here
                stand_ins[token] = f"{DROPPED}{i}"
        vocabulary = [stand_ins.get(token, token) for token in tokenizer.vocabulary]
        self._cut = word_cutter(vocabulary, stand_ins["[UNK]"], no_pretokenization=False)

    def __call__(self, texts):
        plain = tf.reduce_all(tf.strings.regex_full_match(texts, f"[{PLAIN}]*")) & ~self._any_special(texts)
        texts = tf.cond(plain, lambda: texts, lambda: self._clean(texts))
        texts = tf.strings.regex_replace(texts, TOO_LONG, UNKNOWN)
        return self._cut.tokenize(tf.strings.lower(texts) if self._lowercase else texts)

    def _clean(self, texts):
        """Plain ASCII as it is; other characters by the table, words of their own between spaces."""
        texts = valid_unicode(texts)
        mark = self._any_special(texts)
        texts = tf.cond(mark, lambda: mark_special(texts, self._special), lambda: texts)
        marked = tf.strings.regex_replace(texts, f"[^{PLAIN}]", CUT + rb"\0" + CUT)
        stretches = tf.raw_ops.StringSplitV2(input=marked, sep=CUT)
        row, column = tf.unstack(stretches.indices, axis=1)
        where = tf.where(column % 2 == 1)  # plain, character, plain, ...
        cleaned = self._replace(tf.gather_nd(stretches.values, where))
        parts = tf.tensor_scatter_nd_update(stretches.values, where, cleaned)
        return tf.strings.unsorted_segment_join(parts, row, tf.size(texts))

    def _any_special(self, texts):
        return tf.reduce_any(tf.strings.regex_full_match(texts, self._to_mark))

    def _replace(self, characters):
        """string [C] -> string [C], what the table puts in the place of each."""
        code = tf.strings.unicode_decode(characters, "UTF-8").flat_values
        fate = tf.gather(self._fates, tf.gather(self._pages, code // PAGE) * PAGE + code % PAGE)
        other = tf.gather(self._texts, tf.maximum(fate - FIRST, 0))
        alone = tf.strings.join([" ", characters, " "])
        return tf.where(fate == ITSELF, characters, tf.where(fate == ALONE, alone, other))


def can_cut(tokenizer):
    """Whether tensorflow-text ends words where `tokenizer` does, for all characters of its vocabulary.

    It does for any vocabulary of BERT's kind; not for ideographs with `split_cjk=False`, nor for a handful of
    punctuation marks that only one of the two Unicode versions knows.
    """
    inside = sorted(_inside(tokenizer) | {UNKNOWN})
    probe = word_cutter(["[UNK]", "a", "##a"], "[UNK]", no_pretokenization=False)
    with tf.init_scope():
        pieces = probe.tokenize(tf.constant([f"a{character}a" for character in inside]))
        same = bool(tf.reduce_all(pieces.row_lengths() == 1))
    return same and not any(UNKNOWN in token for token in tokenizer.vocabulary)


def _inside(tokenizer):
    """Characters of the vocabulary, beyond ASCII, that words can have in them."""
    rows = _rows(tokenizer)
    known = {character for token in tokenizer.vocabulary for character in token if not character.isascii()}
    return {character for character in known if rows[ord(character), 0] == SAME}


def _rows(tokenizer):
    """int32 [code points, K]: the character table, a row for each."""
    pages, entries = tokenizer.character_table()
    return entries.reshape(len(entries) // PAGE, PAGE, -1)[pages].reshape(CODE_POINTS, -1)


def _fates(tokenizer):
    """(pages, entries) as of `character_table`, but of one number for each character, and texts [D].

    A character that no token of the vocabulary has is `UNKNOWN` from here on.
    """
    rows = _rows(tokenizer)
    known = np.zeros(CODE_POINTS, bool)
    known[[ord(character) for token in tokenizer.vocabulary for character in token]] = True
    texts = {"": FIRST, UNKNOWN: FIRST + 1, f" {UNKNOWN} ": FIRST + 2}
    fates = np.full((CODE_POINTS, 1), ITSELF, "int32")
    itself, alone = ((rows == _row(kind, rows)).all(1) for kind in ((SAME,), (SPACE, SAME, SPACE)))
    fates[itself & ~known], fates[alone], fates[alone & ~known] = FIRST + 1, ALONE, FIRST + 2
    for c in np.flatnonzero(~itself & ~alone):
        row = (c if code == SAME else code for code in rows[c] if code != NONE)
        text = "".join(chr(code) if known[code] or code == SPACE else UNKNOWN for code in row)
        fates[c] = texts.setdefault(text, FIRST + len(texts))
    fates[STAND_IN : STAND_IN + len(tokenizer.special)] = ALONE
    pages, entries = paged(fates)
    return pages, entries[:, 0], np.array(list(texts))


def _row(codes, rows):
    return [*codes, *[NONE] * (rows.shape[1] - len(codes))]
