"""Documents to pairs of text that follow one another or do not (arXiv:1810.04805, section 3.1). NumPy only.

Shapes: S sentences, C places where a pair may begin, B batch, P pieces.
"""

import re

import numpy as np

from zoo.preprocessing.wordpiece import Pieces, to_text

# An empty line; or the space after a full stop, an exclamation or question mark, with what closes behind it.
_END = re.compile(r"\n\s*\n|(?<=[.!?])\s+|(?<=[.!?][\"')\]\u201d\u2019])\s+")
TRIES = 20  # then a sentence that is too long is cut


def split_sentences(text):
    """The sentences of a document, roughly: it is cut at empty lines and behind ".", "!" and "?".

    Example:
        >>> split_sentences('It rained. "Go!" she said\\n\\nThe end')
        ['It rained.', '"Go!"', 'she said', 'The end']
    """
    parts = (" ".join(part.split()) for part in _END.split(to_text(text)))
    return [part for part in parts if part]


class SentencePairs:
    """All sentences of some documents, and pairs drawn from them.

    The first text of a pair is one or more sentences; the second is, with equal chance, those that follow it,
    or sentences from a random place of another document. Both kinds are filled up by the same rule, as far
    as whole sentences fit, so that their lengths tell nothing.

    Args:
        documents: N strings, two or more.
        tokenizer: a `WordPiece`.
        room: pieces that both texts of a pair have together. A sentence of more than half of it is cut.

    Raises: ValueError where there are fewer than two documents, or one of them holds no sentence.

    Example:
        >>> tokenizer = zoo.preprocessing.WordPiece(["[UNK]", "a", "b", "c", "."])
        >>> pairs = SentencePairs(["a. b. c.", "c. c. c."], tokenizer, room=8)
        >>> first, second, label = pairs.draw([0], np.random.default_rng(0))
        >>> tokenizer.tokens(first.ids), tokenizer.tokens(second.ids), label.tolist()
        (['a', '.', 'b', '.'], ['c', '.', 'c', '.'], [1])
    """

    def __init__(self, documents, tokenizer, room):
        if len(documents) < 2:
            raise ValueError(f"x: expected two documents or more, found {len(documents)}")
        sentences = [split_sentences(document) for document in documents]
        pieces = tokenizer.tokenize([sentence for document in sentences for sentence in document] or [""])
        counts = np.array([len(document) for document in sentences])
        self.room = room
        self.splits, self.document = _cut(pieces.splits, np.repeat(np.arange(len(counts)), counts), room // 2)
        self.ids = pieces.ids
        held = np.bincount(self.document, minlength=len(counts))
        if (held == 0).any():
            raise ValueError(f"x: expected a sentence in document {int((held == 0).argmax())}, found none")
        self.begins = np.concatenate([[0], np.cumsum(held)])  # of the documents, in sentences
        self.places = self._places()
        if not len(self.places):
            raise ValueError("x: expected a document of two sentences or more, found one sentence in each")

    def _places(self):
        """int [C]: sentences that pairs begin with, so that about C pairs read all of a document."""
        places = []
        for begin, end in zip(self.begins[:-1], self.begins[1:], strict=True):
            at = begin
            while at < end - 1:
                places.append(at)
                at = max(self._fill(at, end, self.room), at + 1)
        return np.array(places, "int64")

    def _fill(self, begin, end, room):
        """The sentence before which a text ends that begins at `begin`: as many as fit."""
        last = np.searchsorted(self.splits, self.splits[begin] + room, side="right") - 1
        return int(min(last, end))

    @property
    def lengths(self):
        """int [C]: pieces of the longest pair that begins at each place."""
        ends = [self._fill(at, self.begins[self.document[at] + 1], self.room) for at in self.places]
        return self.splits[ends] - self.splits[self.places]

    def draw(self, index, rng):
        """Pairs that begin at places `index`: first and second texts, `Pieces` [B] each, and int32 [B].

        That number is 0 where the second text follows the first and 1 where it does not.
        """
        first, second, labels = [], [], rng.integers(2, size=len(index)).astype("int32")
        for place, is_random in zip(self.places[index], labels, strict=True):
            document = self.document[place]
            middle = int(rng.integers(place + 1, self._fill(place, self.begins[document + 1], self.room)))
            first.append(self.ids[self.splits[place] : self.splits[middle]])
            room = self.room - len(first[-1])
            begin = self._elsewhere(document, room, rng) if is_random else middle
            end = max(self._fill(begin, self.begins[self.document[begin] + 1], room), begin + 1)
            second.append(self.ids[self.splits[begin] : self.splits[end]][:room])
        return _joined(first), _joined(second), labels

    def _elsewhere(self, document, room, rng):
        """A sentence of another document that fits, as the one that would follow does; see `TRIES`."""
        for _ in range(TRIES):
            other = int(rng.integers(len(self.begins) - 2))
            other += other >= document
            begin = int(rng.integers(self.begins[other], self.begins[other + 1]))
            if self.splits[begin + 1] - self.splits[begin] <= room:
                break
        return begin


def _cut(splits, document, most):
    """Begins of the sentences and their documents, those of more than `most` pieces cut, empty ones out."""
    begins, owners = [], []
    for begin, end, owner in zip(splits[:-1], splits[1:], document, strict=False):
        for start in range(begin, end, most):
            begins.append(start)
            owners.append(owner)
    return np.array([*begins, splits[-1]], "int64"), np.array(owners, "int64")


def _joined(texts):
    ids = np.concatenate(texts).astype("int32")
    return Pieces(ids, np.cumsum([0, *map(len, texts)]))
