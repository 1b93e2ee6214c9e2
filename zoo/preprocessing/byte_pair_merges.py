"""The merges of byte-pair encoding as TensorFlow operations, on all words at once.

One flat array holds the tokens of all words. A round joins in every word the pair of the lowest rank, and with it
each pair that is bound to be joined later on, whatever its neighbours become: five rounds do for most texts.

Shapes: W words, M tokens of all words, K pairs that a round joins, R merges, V tokens of the vocabulary.
"""

import numpy as np
import tensorflow as tf

CUT = b"\xff"  # between words: no byte of valid UTF-8
NEVER = np.int32(2**31 - 1)  # the rank of a pair that no merge joins
SHAPES = tuple(map(tf.TensorShape, ([None], [None], [None, 1], [None])))


class Merges(tf.Module):
    """Words to tokens.

    Args:
        token_bytes: the bytes of every token, by id.
        byte_ids: the token of each byte, 256 of them.
        merges: int64 [R, 3], ids (left, right, joined) in order of rank.
    """

    def __init__(self, token_bytes, byte_ids, merges):
        super().__init__(name="merges")
        self.between = len(token_bytes)  # the token of CUT, which no pair has
        self.byte_ids = np.array([*byte_ids[:255], self.between], "int64")
        self.joined = np.append(merges[:, 2], 0)
        self.first, self.last = (_classes(token_bytes, end) for end in (0, -1))
        self.risks = np.append(_risks(merges, self.first, self.last), 0)
        self.first, self.last = (np.left_shift(1, side).astype("int64") for side in (self.first, self.last))
        keys = np.append(self._key(merges[:, 0], merges[:, 1]), -1)
        self.ranks = lookup_table(keys, [*range(len(merges)), NEVER], NEVER, "ranks")

    def _key(self, left, right):
        return left * (self.between + 1) + right

    def __call__(self, words):
        """string [W], none with `CUT` in it -> (tokens int64 [M], cuts int64 [W + 1, 1]).

        The tokens of word w are tokens[cuts[w] + 1 : cuts[w + 1]].
        """
        text = tf.strings.reduce_join(tf.concat([[""], words, [""]], 0), separator=CUT)
        tokens = tf.gather(self.byte_ids, tf.cast(tf.io.decode_raw(text, "uint8"), "int32"))
        word = tf.cumsum(tf.cast(tokens == self.between, "int32"))

        def rounds(*state):
            return tf.while_loop(_any, self._round, state, SHAPES, maximum_iterations=8)

        def ties_and_rounds(tokens, word, *_):
            return rounds(*self._ties(tokens, word))

        tokens = tf.while_loop(_any, ties_and_rounds, rounds(*self._certain(tokens, word)), SHAPES)[0]
        return tokens, tf.where(tokens == self.between)

    def _round(self, *state):
        return self._certain(*self._join(*state))

    def _join(self, tokens, word, left, joined):
        """The state after the pairs at `left` [K, 1] have become the tokens `joined` [K]."""
        gone = tf.bitwise.invert(joined)  # below 0
        places = tf.concat([left, left + 1], 0)
        tokens = tf.tensor_scatter_nd_update(tokens, places, tf.concat([joined, gone], 0))
        kept = tf.where(tokens >= 0)
        return tf.gather_nd(tokens, kept), tf.gather_nd(word, kept)

    def _certain(self, tokens, word):
        """The state, the places [K, 1] of pairs that can be joined at once, and what they become [K]."""
        ranks, lowest = self._ranks(tokens, word)
        inner = ranks[1:-1]
        left = tf.where((inner < ranks[:-2]) & (inner <= ranks[2:])) + 1
        rank = tf.gather_nd(ranks, left)
        before, after = tf.gather_nd(tokens, left - 1), tf.gather_nd(tokens, left + 2)
        risks = tf.gather(self.risks, rank) & (tf.gather(self.last, before) | tf.gather(self.first, after))
        first = rank == tf.gather(lowest, tf.gather_nd(word, left))
        return self._chosen(tokens, word, ranks, tf.gather_nd(left, tf.where(first | (risks == 0))))

    def _ties(self, tokens, word):
        """The same of all pairs of the lowest rank in their word; of a run of them the first, third, ..."""
        ranks, lowest = self._ranks(tokens, word)
        left = tf.where(ranks == tf.gather(tf.minimum(lowest, NEVER - 1), word[:-1]))
        first = tf.concat([[[-2]], left], 0)[:-1, 0] + 1 != left[:, 0]
        starts = tf.gather(tf.gather_nd(left, tf.where(first)), tf.cumsum(tf.cast(first, "int64")) - 1)
        left = tf.gather_nd(left, tf.where((left - starts)[:, 0] % 2 == 0))
        return self._chosen(tokens, word, ranks, left)

    def _ranks(self, tokens, word):
        """(int32 [M - 1], the rank of each token with the next; the lowest of each word)."""
        ranks = self.ranks.lookup(self._key(tokens[:-1], tokens[1:]))
        return ranks, tf.math.unsorted_segment_min(ranks, word[:-1], word[-1] + 1)

    def _chosen(self, tokens, word, ranks, left):
        return tokens, word, left, tf.gather(self.joined, tf.gather_nd(ranks, left))


def _any(tokens, word, left, joined):
    return tf.size(left) > 0


def _classes(token_bytes, end):
    """int64 [V + 1], `CUT` at last: a class of 32 of a token's first byte (end 0), of 32 others of its last."""
    return np.array([(t[end] % 32 if t else 0) - 32 * end for t in [*token_bytes, CUT]])


def _risks(merges, first, last):
    """int64 [R]: of each merge the set of classes of neighbours that may take a part of the pair before its turn.

    A pair (l, r) of rank n, lower than its neighbours' ranks, is joined in the end unless a merge (r, x) or (x, l)
    of rank n or lower comes first, with an x that has grown from the neighbour. Such an x begins, or ends, like
    the neighbour: it has its class. And where the joined token is part of a merge of rank n or lower, which no
    training yields, to join it early could disturb the neighbours: then every class is a risk.
    """
    left, right, joined = merges.T
    ranks = np.arange(len(merges))
    grown = np.isin(np.arange(len(first)), joined)
    earliest = np.full((len(first), 64), NEVER)  # [V + 1, 64]: the rank of a token's first merge with a class
    for part, other, classes in ((left, right, first), (right, left, last)):
        some = np.flatnonzero(grown[other])[::-1]  # downwards: the lowest rank is written last
        earliest[part[some], classes[other[some]]] = some
    risks = np.concatenate([earliest[right, :32], earliest[left, 32:]], 1) <= ranks[:, None]
    first_use = np.full(len(first), NEVER)
    for part in (left, right):
        np.minimum.at(first_use, part, ranks)
    risks[first_use[joined] <= ranks] = True
    return np.packbits(risks, axis=1, bitorder="little").view("<i8")[:, 0]


def lookup_table(keys, values, default, name):
    """A constant table of int32 values that a SavedModel carries."""
    keys, values = tf.constant(keys), tf.constant(np.asarray(values, "int32"))
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default, name=name)
