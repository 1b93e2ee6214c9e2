"""The merges of byte-pair encoding as TensorFlow operations, on all words at once.

One flat array holds the tokens of all words. The encoding joins, again and again, the neighbours of the
lowest rank. Here a round joins them in every word, and with them each pair that is certain to be joined
later on, whatever its neighbours become (`_risks`): half as many rounds do, five or six for a text in
English.

Shapes: W words, M tokens of all words, K pairs that a round joins, R merges, V tokens of the vocabulary.
"""

import numpy as np
import tensorflow as tf

from zoo.preprocessing.unicode_graph import CUT

NEVER = np.int32(2**31 - 1)  # the rank of a pair that no merge joins
STATE = tuple(map(tf.TensorShape, ([None], [None], [None, 1], [None])))


class Merges(tf.Module):
    """Encodes words, whatever their length.

    Args:
        token_bytes: the bytes of every token, by id.
        byte_ids: the token of each of the 256 bytes.
        merges: int64 [R, 3], ids (left, right, joined) in order of rank.
    """

    def __init__(self, token_bytes, byte_ids, merges):
        super().__init__(name="merges")
        self.between = len(token_bytes)  # the token of CUT, which is in no merge
        self.byte_ids = np.array([*byte_ids[:255], self.between], "int64")
        first, last = (_classes([*token_bytes, CUT], end) for end in (0, -1))
        # Tensors, not arrays, of which every function would keep a copy.
        self.joined = tf.constant(np.append(merges[:, 2], 0))
        self.risks = tf.constant(np.append(_risks(merges, first, last), 0))
        self.first, self.last = (tf.constant(np.left_shift(1, side)) for side in (first, last))
        keys = np.append(self._key(merges[:, 0], merges[:, 1]), -1)
        self.ranks = lookup_table(keys, [*range(len(merges)), NEVER], NEVER, "ranks")

    def __call__(self, words):
        """string [W], none with `CUT` in it -> (tokens int64 [M], cuts int64 [W + 1]).

        The tokens of word w are tokens[cuts[w] + 1 : cuts[w + 1]].
        """
        text = tf.strings.reduce_join(tf.concat([[""], words, [""]], 0), separator=CUT)
        tokens = tf.gather(self.byte_ids, tf.cast(tf.io.decode_raw(text, "uint8"), "int32"))
        word = tf.cumsum(tf.cast(tokens == self.between, "int32"))

        def rounds(*state):
            return tf.while_loop(_any, self._round, state, STATE, maximum_iterations=8)

        def ties_and_rounds(tokens, word, *_):
            return rounds(*self._ties(tokens, word))

        tokens, *_ = tf.while_loop(_any, ties_and_rounds, rounds(*self._certain(tokens, word)), STATE)
        return tokens, tf.where(tokens == self.between)[:, 0]

    def _round(self, *state):
        return self._certain(*self._join(*state))

    def _join(self, tokens, word, left, joined):
        """(tokens, word) once the pairs at `left` [K, 1] have become the tokens `joined` [K]."""
        places, gone = tf.concat([left, left + 1], 0), tf.bitwise.invert(joined)  # below 0
        tokens = tf.tensor_scatter_nd_update(tokens, places, tf.concat([joined, gone], 0))
        kept = tf.where(tokens >= 0)
        return tf.gather_nd(tokens, kept), tf.gather_nd(word, kept)

    def _certain(self, tokens, word):
        """Of the pairs of lower rank than their neighbours those that can be joined now, for `_join`."""
        ranks, lowest = self._ranks(tokens, word)
        inner = ranks[1:-1]
        place = tf.where((inner < ranks[:-2]) & (inner <= ranks[2:]))
        left, rank = place + 1, tf.gather_nd(inner, place)
        before, after = tf.gather_nd(tokens, place), tf.gather_nd(tokens, place + 3)
        risks = tf.gather(self.risks, rank) & (tf.gather(self.last, before) | tf.gather(self.first, after))
        next_one = rank == tf.gather(lowest, tf.gather_nd(word, left))
        return self._state(tokens, word, ranks, tf.gather_nd(left, tf.where(next_one | (risks == 0))))

    def _ties(self, tokens, word):
        """All pairs of the lowest rank in their word, of overlapping ones the first, third, ...

        A long run such as "aaaa" needs them: `_certain` takes its first pair alone.
        """
        ranks, lowest = self._ranks(tokens, word)
        left = tf.where(ranks == tf.gather(tf.minimum(lowest, NEVER - 1), word))
        first = tf.concat([[[-2]], left], 0)[:-1, 0] + 1 != left[:, 0]
        starts = tf.gather(tf.gather_nd(left, tf.where(first)), tf.cumsum(tf.cast(first, "int32")) - 1)
        return self._state(tokens, word, ranks, tf.gather_nd(left, tf.where((left - starts)[:, 0] % 2 == 0)))

    def _ranks(self, tokens, word):
        """(int32 [M], the rank of each token with the next one; the lowest of each word)."""
        ranks = self.ranks.lookup(self._key(tokens, tf.concat([tokens[1:], [self.between]], 0)))
        return ranks, tf.math.unsorted_segment_min(ranks, word, word[-1] + 1)

    def _key(self, left, right):
        return left * (self.between + 1) + right

    def _state(self, tokens, word, ranks, left):
        return tokens, word, left, tf.gather(self.joined, tf.gather_nd(ranks, left))


def _any(tokens, word, left, joined):
    return tf.size(left) > 0


def _classes(token_bytes, end):
    """int64 [V]: a class in [0, 32) by a token's first byte (end 0), in [32, 64) by its last (end -1)."""
    return np.array([(t[end] % 32 if t else 0) - 32 * end for t in token_bytes], "int64")


def _risks(merges, first, last):
    """int64 [R]: for each merge, as bits, the classes of neighbours beside which it may never come to pass.

    Take a pair (l, r) of rank n, lower than the ranks beside it. It is joined in the end, unless a merge
    (r, x) or (x, l) of rank n or lower comes first, where x has grown out of the neighbour: x begins, or
    ends, as the neighbour does, so it is of the same class. To join (l, r) before its turn changes nothing
    else, provided that merges of the joined token have ranks above n, as in any trained vocabulary; else
    all are risks.
    """
    left, right, joined = merges.T
    ranks = np.arange(len(merges))
    grown = np.isin(np.arange(len(first)), joined)
    earliest = np.full((len(first), 64), NEVER)  # rank of a token's first merge with a grown one of a class
    for part, other, classes in ((left, right, first), (right, left, last)):
        found = np.flatnonzero(grown[other])[::-1]  # downwards, so that the lowest is written last
        earliest[part[found], classes[other[found]]] = found
    risks = np.concatenate([earliest[right, :32], earliest[left, 32:]], 1) <= ranks[:, None]
    first_use = np.full(len(first), NEVER)
    for part in (left, right):
        np.minimum.at(first_use, part, ranks)
    risks[first_use[joined] <= ranks] = True
    return np.packbits(risks, axis=1, bitorder="little").view("<i8")[:, 0]


def lookup_table(keys, values, default, name):
    """A constant table of int32 values, which a SavedModel carries."""
    values = tf.constant(np.asarray(values, "int32"))
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default, name=name)
