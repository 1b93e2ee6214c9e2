"""What a beam search knows of words, as arrays for a TensorFlow graph: a tree of letters and an n-gram model.

Shapes: [...] of any rank, V characters with the blank, N order of the language model.
"""

import numpy as np
import tensorflow as tf

from zoo.decoding.ngram import BEGIN, END, UNKNOWN


class WordTree:
    """The words that a search may or may not write, letter by letter.

    Node 0 is the word not begun. A letter that no word has next leads to the node `off`, which stays.

    Args:
        words: spellings.
        alphabet: V - 1 characters; words with other ones cannot be written and are left out.
    """

    def __init__(self, words, alphabet):
        classes = {letter: number for number, letter in enumerate(alphabet, 1)}
        self.width = len(alphabet) + 1
        self.words = sorted(word for word in set(words) if word and set(word) <= set(alphabet) - {" "})
        prefixes = sorted({word[:i] for word in self.words for i in range(1, len(word) + 1)}, key=len)
        # Node by node in order of parent and letter, so that the place of a pair is the number of its child.
        nodes, self.keys = {"": 0}, []
        level = [""]
        children = {}
        for prefix in prefixes:
            children.setdefault(prefix[:-1], []).append(prefix)
        while level:
            following = []
            for parent in level:
                for child in sorted(children.get(parent, ()), key=lambda p: classes[p[-1]]):
                    self.keys.append(nodes[parent] * self.width + classes[child[-1]])
                    nodes[child] = len(nodes)
                    following.append(child)
            level = following
        self.off = len(nodes)
        self.node_of = {word: nodes[word] for word in self.words}

    def children(self, node):
        """int32 [...] -> int32 [..., V]: the node behind each character, `off` where no word goes on."""
        asked = node[..., None] * self.width + tf.range(self.width)
        if not self.keys:
            return tf.fill(tf.shape(asked), self.off)
        keys = tf.constant(self.keys, "int32")
        place = tf.searchsorted(keys, tf.reshape(asked, (-1,)))
        found = tf.gather(keys, tf.minimum(place, len(self.keys) - 1)) == tf.reshape(asked, (-1,))
        return tf.reshape(tf.where(found, place + 1, self.off), tf.shape(asked))

    def table(self, values, other, dtype):
        """Array [nodes] of a value for each word's last node, `other` elsewhere; `off` included."""
        table = np.full(self.off + 1, other, dtype)
        for word, node in self.node_of.items():
            if word in values:
                table[node] = values[word]
        return table


class NGramTable:
    """A `zoo.decoding.NGram` by numbers of words.

    Attributes:
        ids: word -> number.
        none: the number of no word: before the first one, or one that the model does not know.
        history_at_begin: numbers of the words before a text.

    Raises: ValueError for an order that numbers of 63 bits cannot hold.
    """

    def __init__(self, model):
        self.order = model.order
        known = sorted({word for gram in (*model.scores, *model.backoffs) for word in gram} | {BEGIN, END})
        self.ids = {word: number for number, word in enumerate(known)}
        self.none = len(known)
        self.history_at_begin = [self.none] * (self.order - 2) + [self.ids[BEGIN]]
        if (self.none + 1) ** self.order >= 2**63:
            raise ValueError(
                f"language_model: expected an order that fits with {self.none} words into 63 bits, found "
                f"{self.order}"
            )
        lowest = model.scores[(UNKNOWN,)]
        self.single = np.array([model.scores.get((word,), lowest) for word in known], "float32")
        self.grams = [self._sorted(model.scores, length) for length in range(2, self.order + 1)]
        self.backoffs = [self._sorted(model.backoffs, length) for length in range(1, self.order)]

    def score(self, word, history):
        """log10 p: int32 [...], int32 [..., N - 1] with the oldest first -> float32 [...]."""
        score = tf.gather(self.single, word)
        for length, gram, backoff in zip(range(1, self.order), self.grams, self.backoffs, strict=True):
            key = self._packed(history[..., self.order - 1 - length :])
            found, longer = _lookup(*gram, key * (self.none + 1) + tf.cast(word, "int64"))
            _, penalty = _lookup(*backoff, key)
            score = tf.where(found, longer, penalty + score)
        return score

    def _packed(self, numbers):
        key = tf.zeros_like(numbers[..., 0], "int64")
        for place in range(numbers.shape[-1]):
            key = key * (self.none + 1) + tf.cast(numbers[..., place], "int64")
        return key

    def _sorted(self, values, length):
        """Keys int64 and values float32 of the n-grams of a length, by key."""
        pairs = []
        for gram, value in values.items():
            if len(gram) == length:
                key = 0
                for word in gram:
                    key = key * (self.none + 1) + self.ids[word]
                pairs.append((key, value))
        pairs.sort()
        keys, numbers = zip(*pairs, strict=True) if pairs else ((-1,), (0.0,))
        return np.array(keys, "int64"), np.array(numbers, "float32")


def _lookup(keys, values, asked):
    """Whether a key is there, and its value or 0."""
    flat = tf.reshape(asked, (-1,))
    place = tf.minimum(tf.searchsorted(tf.constant(keys), flat), len(keys) - 1)
    found = tf.gather(keys, place) == flat
    value = tf.where(found, tf.gather(values, place), 0.0)
    return tf.reshape(found, tf.shape(asked)), tf.reshape(value, tf.shape(asked))
