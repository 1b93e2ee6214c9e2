"""CTC prefix beam search with an n-gram language model, a word list and hot words.

Graves & Jaitly 2014; the language model at word ends as in Hannun et al. 2014, arXiv:1408.2873:
score = log p_ctc(text) + weight ln p_lm(text) + bonus * words.

Shapes: S steps, V characters with the blank.
"""

import math
from typing import NamedTuple

import numpy as np

from zoo.decoding.ctc_align import align_classes
from zoo.decoding.ctc_greedy import transcript_of
from zoo.decoding.ngram import BEGIN, END

_NEVER = -math.inf


class Hypothesis(NamedTuple):
    """A text, its score and its classes, spaces as they came."""

    text: str
    score: float
    classes: tuple


class _Beam:
    """A prefix: log p of its paths that end with a blank and without, and what its words add."""

    __slots__ = ("blank", "extra", "label", "word", "words")

    def __init__(self, word, words, extra):
        self.blank = self.label = _NEVER
        self.word, self.words, self.extra = word, words, extra

    @property
    def acoustic(self):
        return _add(self.blank, self.label)

    @property
    def score(self):
        return self.acoustic + self.extra


class BeamSearch:
    """Finds the likeliest text, not the likeliest path: sums over alignments.

    Args:
        beam_size: prefixes kept after every step.
        language_model: a `zoo.decoding.NGram`, or None.
        weight: of the language model's natural logarithm.
        bonus: for every word, against the language model's love of few words.
        words: only these words come out; "known" for those of the language model, None for any.
        hot_words: word -> what is added to the score of a text for each time it holds the word.
        threshold: characters less probable than this at a step are not tried, the best one always.

    Called like `zoo.decoding.greedy_transcript`, so it goes into `SpeechRecognizer.transcribe(decoder=...)`.

    Example:
        >>> log_probs = np.log([[0.4, 0.3, 0.3], [0.4, 0.35, 0.25]])
        >>> BeamSearch()(log_probs, "ab", 0.04)  # the best path is two blanks; "a" has three paths
        'a'
    """

    def __init__(
        self,
        beam_size=32,
        language_model=None,
        weight=0.8,
        bonus=1.0,
        words=None,
        hot_words=None,
        threshold=1e-4,
    ):
        if beam_size < 1:
            raise ValueError(f"beam_size: expected at least 1, found {beam_size}")
        if isinstance(words, str) and words != "known":
            raise ValueError(f"words: expected None, 'known' or words, found {words!r}")
        self.beam_size = beam_size
        self.weight, self.bonus = weight * math.log(10), bonus
        self._config = {"beam_size": beam_size, "weight": weight, "bonus": bonus, "threshold": threshold}
        self._given_words = words
        self.hot_words = dict(hot_words or {})
        self.threshold = math.log(threshold) if threshold > 0 else _NEVER
        self.language_model = language_model

    @property
    def language_model(self):
        return self._language_model

    @language_model.setter
    def language_model(self, model):
        self._language_model, self._cache = model, {}
        words = self._given_words
        if isinstance(words, str):
            words = None if model is None else model.words
        self.words = None if words is None else frozenset(words)
        self._prefixes = None if words is None else {w[:i] for w in self.words for i in range(len(w) + 1)}

    def __call__(self, log_probs, alphabet, step_seconds):
        """float [S, V] -> `zoo.decoding.Transcript`; times are those of the text's likeliest path."""
        found = self.search(log_probs, alphabet)
        path = align_classes(log_probs, found[0].classes) if found else []
        return transcript_of(path, alphabet, step_seconds)

    def get_config(self):
        """Its arguments but the language model, which has a file of its own, as JSON can hold them."""
        words = self._given_words
        words = words if words is None or isinstance(words, str) else sorted(words)
        return {**self._config, "words": words, "hot_words": self.hot_words}

    def search(self, log_probs, alphabet):
        """float [S, V], V - 1 characters -> a list of `Hypothesis`, the best first."""
        log_probs = np.asarray(log_probs, "float64")
        root = _Beam("", (), 0.0)
        root.blank = 0.0
        beams = {(): root}
        for row in log_probs:
            beams = self._advance(beams, row, alphabet)
        finished = []
        for prefix, beam in beams.items():
            extra = self._finish(beam)
            if extra is not None:
                text = "".join(alphabet[c - 1] for c in prefix)
                finished.append(Hypothesis(" ".join(text.split()), beam.acoustic + extra, prefix))
        return sorted(finished, key=lambda h: -h.score)

    def _advance(self, beams, row, alphabet):
        tried = np.flatnonzero(row >= min(self.threshold, row[1:].max(initial=_NEVER)))
        tried = [int(c) for c in tried if c]
        new = {}
        for prefix, beam in beams.items():
            same = new.get(prefix)
            if same is None:
                same = new[prefix] = _Beam(beam.word, beam.words, beam.extra)
            total = beam.acoustic
            same.blank = _add(same.blank, total + row[0])
            if prefix:
                same.label = _add(same.label, beam.label + row[prefix[-1]])
            for character in tried:
                repeats = prefix and prefix[-1] == character
                log_p = (beam.blank if repeats else total) + row[character]
                if log_p == _NEVER:
                    continue
                longer = (*prefix, character)
                entry = new.get(longer)
                if entry is None:
                    known = beams.get(longer)
                    entry = known or self._extended(beam, alphabet[character - 1])
                    if entry is None:
                        continue
                    entry = new[longer] = _Beam(entry.word, entry.words, entry.extra)
                entry.label = _add(entry.label, log_p)
        kept = sorted(new.items(), key=lambda item: -item[1].score)[: self.beam_size]
        return dict(kept)

    def _extended(self, beam, letter):
        """The prefix with one more character, not yet with a probability; None where the word list ends."""
        if letter != " ":
            word = beam.word + letter
            if self._prefixes is not None and word not in self._prefixes:
                return None
            return _Beam(word, beam.words, beam.extra)
        if not beam.word:
            return _Beam("", beam.words, beam.extra)
        gain = self._word_score(beam.word, beam.words)
        return None if gain is None else _Beam("", (*beam.words, beam.word), beam.extra + gain)

    def _finish(self, beam):
        """What the words of a whole text add; None where its last one is not in the word list."""
        extra, words = beam.extra, beam.words
        if beam.word:
            gain = self._word_score(beam.word, words)
            if gain is None:
                return None
            extra, words = extra + gain, (*words, beam.word)
        if self.language_model is not None:
            extra += self.weight * self.language_model.score(END, (BEGIN, *words))
        return extra

    def _word_score(self, word, before):
        if self.words is not None and word not in self.words:
            return None
        gain = self.bonus * (self.language_model is not None) + self.hot_words.get(word, 0.0)
        if self.language_model is not None:
            history = (BEGIN, *before)[len(before) + 2 - self.language_model.order :]
            key = (*history, word)
            if key not in self._cache:
                self._cache[key] = self.language_model.score(word, history)
            gain += self.weight * self._cache[key]
        return gain


def _add(a, b):
    """log(e^a + e^b)."""
    if a < b:
        a, b = b, a
    return a if b == _NEVER else a + math.log1p(math.exp(b - a))
