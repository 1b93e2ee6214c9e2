"""`zoo.decoding.BeamSearch` in a TensorFlow graph, for a SavedModel: the same texts, all beams at once.

Shapes: B batch, S steps, V characters with the blank, K beams, N order of the language model.
"""

from typing import NamedTuple

import tensorflow as tf

from zoo.decoding.ngram import END, UNKNOWN
from zoo.decoding.word_graph import NGramTable, WordTree

NEVER = -1e30  # log 0
_JUNK = 0.5 * NEVER
_FACTOR = 6364136223846793005  # of the linear congruential generator of Knuth's MMIX


class _Beams(NamedTuple):
    """Prefixes, [B, K] each; a prefix is known by a hash of 64 bits."""

    blank: tf.Tensor  # log p of its paths that end with a blank
    label: tf.Tensor  # and of those that do not
    extra: tf.Tensor  # what its words add
    key: tf.Tensor  # int64
    parent: tf.Tensor  # int64: the key without its last character
    last: tf.Tensor  # int32: its last character, 0 for none
    node: tf.Tensor  # int32: where its unfinished word is in the tree
    history: tf.Tensor  # int32 [B, K, N - 1]: the words before


class GraphBeamSearch:
    """A beam search as a function of a graph.

    Args:
        search: a `zoo.decoding.BeamSearch`; its arrays become constants.
        alphabet: V - 1 characters.
    """

    def __init__(self, search, alphabet):
        self.search = search
        self.width = len(alphabet) + 1
        self.space = alphabet.index(" ") + 1 if " " in alphabet else -1
        self.model = None if search.language_model is None else NGramTable(search.language_model)
        known = () if search.language_model is None else search.language_model.words
        self.limited = search.words is not None
        self.tree = WordTree(search.words if self.limited else {*known, *search.hot_words}, alphabet)
        self.may_end = self.tree.table(dict.fromkeys(self.tree.words, True), not self.limited, "bool")
        self.hot = self.tree.table(search.hot_words, 0.0, "float32")
        ids, none = ({}, 0) if self.model is None else (self.model.ids, self.model.none)
        self.as_word = self.tree.table(ids, ids.get(UNKNOWN, 0), "int32")
        self.as_history = self.tree.table(ids, none, "int32")

    def __call__(self, log_probs, steps):
        """float32 [B, S, V], int32 [B] -> int32 [B, S]: each character of the text at one step, else 0."""
        count = tf.shape(log_probs)[1]
        rows = tf.transpose(log_probs, (1, 0, 2))
        writes = [tf.TensorArray("int32", count) for _ in range(2)]

        def body(step, beams, writes):
            new, came, character = self._advance(beams, rows[step])
            going = (step < steps)[:, None]
            old, beams = beams, new._replace(history=tf.where(going[..., None], new.history, beams.history))
            names = set(_Beams._fields) - {"history"}
            beams = beams._replace(**{n: tf.where(going, getattr(new, n), getattr(old, n)) for n in names})
            came = tf.where(going, came, tf.range(tf.shape(came)[1])[None])
            character = tf.where(going, character, 0)
            return step + 1, beams, [w.write(step, v) for w, v in zip(writes, (came, character), strict=True)]

        begin = (0, self._begin(tf.shape(log_probs)[0]), writes)
        _, beams, (came, character) = tf.while_loop(lambda step, *_: step < count, body, begin)
        score = _add(beams.blank, beams.label) + self._finish(beams)
        best = tf.argmax(score, axis=1, output_type="int32")
        is_text = tf.gather(score, best, batch_dims=1) > _JUNK
        written = _read_back(came.stack(), character.stack(), best)
        return tf.where(is_text[:, None], written, 0)

    def _begin(self, batch):
        """The empty text; the other beams hold none."""
        shape = tf.stack([batch, self.search.beam_size])
        first = tf.fill(shape, 0) + tf.range(shape[1]) == 0
        zero = tf.fill(shape, 0)
        before = [0] if self.model is None else self.model.history_at_begin
        history = tf.tile(tf.constant(before)[None, None], tf.concat([shape, [1]], axis=0))
        return _Beams(
            blank=tf.where(first, 0.0, NEVER),
            label=tf.fill(shape, NEVER),
            extra=tf.fill(shape, 0.0),
            key=tf.where(first, tf.constant(1, "int64"), -1),
            parent=tf.fill(shape, tf.constant(-2, "int64")),
            last=zero,
            node=zero,
            history=history,
        )

    def _advance(self, beams, row):
        """Beams after a step of log-probabilities [B, V]; the beam each came from; its new character or 0."""
        total = _add(beams.blank, beams.label)
        gain, may_end = self._word_gain(beams)
        characters = tf.range(self.width)
        tried = row >= tf.minimum(self.search.threshold, tf.reduce_max(row[:, 1:], axis=1, keepdims=True))

        # A beam goes on by a blank, by its last character once more, or out of the beam that is one shorter.
        row_last = tf.gather(row, beams.last, batch_dims=1)
        is_parent = beams.key[:, :, None] == beams.parent[:, None]  # [B, K, K]
        has_parent = tf.reduce_any(is_parent, axis=1)
        index = tf.argmax(tf.cast(is_parent, "int32"), axis=1, output_type="int32")
        grows = [tf.gather(x, index, batch_dims=1) for x in (beams.last, beams.blank, total)]
        grown = tf.where(grows[0] == beams.last, grows[1], grows[2]) + row_last
        grown = tf.where(has_parent & tf.gather(tried, beams.last, batch_dims=1), grown, NEVER)
        same_blank = total + row[:, :1]
        same_label = _add(beams.label + row_last, grown)

        # New prefixes, [B, K, V]; those that are beams already were counted above.
        repeats = characters == beams.last[..., None]
        log_p = tf.where(repeats, beams.blank[..., None], total[..., None]) + row[:, None]
        is_beam = tf.matmul(tf.cast(is_parent, "float32"), tf.one_hot(beams.last, self.width)) > 0
        nodes = self.tree.children(beams.node)
        is_space = characters == self.space
        begun = beams.node[..., None] > 0
        allowed = tf.where(
            is_space, may_end[..., None] | ~begun, (nodes != self.tree.off) | (not self.limited)
        )
        allowed &= tried[:, None] & ~is_beam
        extra = beams.extra[..., None] + tf.where(is_space & begun, gain[..., None], 0.0)

        score = tf.where(allowed, log_p + extra, NEVER)
        same = _add(same_blank, same_label) + beams.extra
        score = tf.where(characters == 0, same[..., None], score)
        best, place = tf.math.top_k(tf.reshape(score, (tf.shape(row)[0], -1)), self.search.beam_size)
        came, character = place // self.width, place % self.width

        def of_beam(x):
            return tf.gather(x, came, batch_dims=1)

        def of_pair(x):
            return tf.gather(tf.reshape(x, (tf.shape(x)[0], -1)), place, batch_dims=1)

        is_new, junk = character > 0, best < _JUNK
        key, ends_word = of_beam(beams.key), (character == self.space) & (of_beam(beams.node) > 0)
        longer = key * _FACTOR + tf.cast(character, "int64") + 1
        history = of_beam(beams.history)
        word = tf.gather(self.as_history, of_beam(beams.node))
        moved = tf.concat([history[..., 1:], word[..., None]], axis=-1)
        new = _Beams(
            blank=tf.where(is_new, NEVER, of_beam(same_blank)),
            label=tf.where(is_new, of_pair(log_p), of_beam(same_label)),
            extra=tf.where(is_new, of_pair(extra), of_beam(beams.extra)),
            key=tf.where(junk, tf.constant(-1, "int64"), tf.where(is_new, longer, key)),
            parent=tf.where(junk, tf.constant(-2, "int64"), tf.where(is_new, key, of_beam(beams.parent))),
            last=tf.where(is_new, character, of_beam(beams.last)),
            node=tf.where(is_new, tf.where(character == self.space, 0, of_pair(nodes)), of_beam(beams.node)),
            history=tf.where(ends_word[..., None], moved, history),
        )
        dead = tf.where(junk, NEVER, 0.0)
        return new._replace(blank=new.blank + dead, label=new.label + dead), came, character

    def _word_gain(self, beams):
        """What the unfinished word adds when it ends, [B, K], and whether it may."""
        gain = tf.gather(self.hot, beams.node)
        if self.model is not None:
            score = self.model.score(tf.gather(self.as_word, beams.node), beams.history)
            gain += self.search.bonus + self.search.weight * score
        return gain, tf.gather(self.may_end, beams.node)

    def _finish(self, beams):
        """What all words and the end add, [B, K]."""
        gain, may_end = self._word_gain(beams)
        begun = beams.node > 0
        extra = beams.extra + tf.where(begun, tf.where(may_end, gain, NEVER), 0.0)
        if self.model is None:
            return extra
        word = tf.gather(self.as_history, beams.node)
        moved = tf.concat([beams.history[..., 1:], word[..., None]], axis=-1)
        history = tf.where(begun[..., None], moved, beams.history)
        return extra + self.search.weight * self.model.score(
            tf.fill(tf.shape(word), self.model.ids[END]), history
        )


def align_classes_graph(log_probs, steps, classes):
    """The likeliest path that gives known characters: `zoo.decoding.align_classes` of a batch.

    Args:
        log_probs: float32 [B, S, V].
        steps: int32 [B].
        classes: int32 ragged [B, (characters)], none of them 0, as many as fit.

    Returns: int32 [B, S]: each character at its first step, else 0.
    """
    lengths = tf.cast(classes.row_lengths(), "int32")
    padded = classes.to_tensor(0)
    batch, count = tf.shape(padded)[0], tf.shape(padded)[1]
    states = tf.reshape(tf.stack([tf.zeros_like(padded), padded], axis=2), (batch, 2 * count))
    states = tf.pad(states, ((0, 0), (0, 1)))  # [B, 2 L + 1]
    place = tf.range(2 * count + 1)[None]
    skips = (states > 0) & (place > 2) & (states != tf.pad(states[:, :-2], ((0, 0), (2, 0))))
    emitted = tf.transpose(tf.gather(log_probs, states, axis=2, batch_dims=1), (1, 0, 2))  # [S, B, 2 L + 1]
    total = tf.shape(emitted)[0]

    def forward(step, score, moves):
        before = [tf.pad(score[:, :-k], ((0, 0), (k, 0)), constant_values=NEVER) for k in (1, 2)]
        choices = tf.stack([score, before[0], tf.where(skips, before[1], NEVER)])
        move = tf.argmax(choices, axis=0, output_type="int32")
        going = (step < steps)[:, None]
        score = tf.where(going, tf.reduce_max(choices, axis=0) + emitted[step], score)
        return step + 1, score, moves.write(step, tf.where(going, move, 0))

    score = tf.where(place < 2, emitted[0], NEVER)
    moves = tf.TensorArray("int32", total).write(0, tf.zeros_like(states))
    _, score, moves = tf.while_loop(lambda step, *_: step < total, forward, (1, score, moves))
    moves = moves.stack()
    last = 2 * lengths
    ends = [tf.gather(score, tf.maximum(last - k, 0), batch_dims=1) for k in (0, 1)]
    state = tf.where((lengths > 0) & (ends[1] > ends[0]), last - 1, last)

    def back(number, state, path):
        step = total - 1 - number
        move = tf.gather(moves[step], state, batch_dims=1)
        first = (state % 2 == 1) & ((move > 0) | (step == 0)) & (step < steps)
        letter = tf.gather(states, state, batch_dims=1)
        return number + 1, state - move, path.write(step, tf.where(first, letter, 0))

    path = tf.TensorArray("int32", total)
    *_, path = tf.while_loop(lambda number, *_: number < total, back, (0, state, path))
    return tf.transpose(path.stack())


def _read_back(came, character, best):
    """int32 [S, B, K] twice, int32 [B] -> int32 [B, S]: what was written on the way to the best beam."""
    total = tf.shape(came)[0]

    def back(number, beam, written):
        step = total - 1 - number
        written = written.write(step, tf.gather(character[step], beam, batch_dims=1))
        return number + 1, tf.gather(came[step], beam, batch_dims=1), written

    begin = (0, best, tf.TensorArray("int32", total))
    *_, written = tf.while_loop(lambda number, *_: number < total, back, begin)
    return tf.transpose(written.stack())


def _add(a, b):
    """log(e^a + e^b)."""
    return tf.maximum(a, b) + tf.math.log1p(tf.exp(-tf.abs(a - b)))
