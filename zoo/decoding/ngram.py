"""Word n-gram language models: trained from text, read from and written to ARPA files.

Witten & Bell 1991, interpolated: p(w | h) = (c(h w) + t(h) p(w | h')) / (c(h) + t(h)), where c counts, t(h)
is the number of different words after h, and h' is h without its oldest word.
"""

from __future__ import annotations

import gzip
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
_NEVER = -99.0  # ARPA's log10 of 0


class NGram:
    """log10 p(word | words before) with back-off, as an ARPA file holds it.

    Args:
        order: the longest n-gram.
        scores: words of an n-gram -> log10 probability.
        backoffs: words of a history -> log10 weight of the shorter one; 0 where missing.

    Example:
        >>> model = NGram.train(["press one", "press two", "press one now"], order=2)
        >>> model.score("one", ["press"]) > model.score("two", ["press"])
        True
    """

    def __init__(self, order, scores, backoffs):
        self.order, self.scores, self.backoffs = order, scores, backoffs
        if (UNKNOWN,) not in scores:
            scores[(UNKNOWN,)] = min((s for s in scores.values() if s > _NEVER), default=0.0) - 1.0

    @classmethod
    def train(cls, texts: Iterable[str], order: int = 3, least: int = 1) -> NGram:
        """From texts, one sentence each, words split by spaces.

        Args:
            texts: what to count.
            order: the longest n-gram.
            least: n-grams of two and more words that occur less often are left out, for a smaller file.
        """
        counts = [Counter() for _ in range(order + 1)]  # by length
        for text in texts:
            words = [BEGIN] * (order > 1) + text.split() + [END]
            for length in range(1, order + 1):
                counts[length].update(zip(*(words[i:] for i in range(length)), strict=False))
        for length in range(2, order + 1):
            counts[length] = Counter({gram: n for gram, n in counts[length].items() if n >= least})
        counts[1].pop((BEGIN,), None)
        if not counts[1]:
            raise ValueError("texts: expected at least one word, found none")
        followers, totals = defaultdict(int), defaultdict(int)
        for length in range(1, order + 1):
            for gram, count in counts[length].items():
                followers[gram[:-1]] += 1
                totals[gram[:-1]] += count
        vocabulary = len(counts[1]) + 1  # and the unknown word
        share = followers[()] / (totals[()] + followers[()])
        scores = {(UNKNOWN,): math.log10(share / vocabulary)}
        backoffs, probability = {}, {(): 1.0 / vocabulary}
        for length in range(1, order + 1):
            for gram, count in counts[length].items():
                history = gram[:-1]
                lower = probability[gram[1:]] if length > 1 else 1.0 / vocabulary
                total = totals[history] + followers[history]
                probability[gram] = (count + followers[history] * lower) / total
                scores[gram] = math.log10(probability[gram])
        for history, kinds in followers.items():
            if history:
                backoffs[history] = math.log10(kinds / (totals[history] + kinds))
        if order > 1:
            scores[(BEGIN,)] = _NEVER
        return cls(order, scores, backoffs)

    def score(self, word: str, history: Iterable[str] = ()) -> float:
        """log10 p(word | history); words that the model does not know count as `<unk>`."""
        word = word if (word,) in self.scores else UNKNOWN
        history = tuple(history)[max(0, len(tuple(history)) - self.order + 1) :]
        penalty = 0.0
        while True:
            found = self.scores.get((*history, word))
            if found is not None:
                return penalty + found
            penalty += self.backoffs.get(history, 0.0)
            history = history[1:]

    def sentence_score(self, text: str) -> float:
        """log10 p of a whole sentence, its end included."""
        words = [BEGIN, *text.split(), END]
        return sum(self.score(word, words[:i]) for i, word in enumerate(words) if i)

    def perplexity(self, texts: Iterable[str]) -> float:
        """10 ** -(mean log10 p a word), ends of sentences counted."""
        texts = list(texts)
        count = sum(len(text.split()) + 1 for text in texts)
        return 10.0 ** (-sum(map(self.sentence_score, texts)) / count)

    @property
    def words(self) -> set[str]:
        """The words it knows."""
        return {gram[0] for gram in self.scores if len(gram) == 1} - {BEGIN, END, UNKNOWN}

    def save(self, path: str | os.PathLike) -> None:
        """Writes an ARPA file, gzipped if its name ends with .gz."""
        by_length = defaultdict(list)
        for gram in self.scores:
            by_length[len(gram)].append(gram)
        opener = gzip.open if os.fspath(path).endswith(".gz") else open
        with opener(path, "wt", encoding="utf-8") as file:
            file.write("\\data\\\n")
            for length in sorted(by_length):
                file.write(f"ngram {length}={len(by_length[length])}\n")
            for length in sorted(by_length):
                file.write(f"\n\\{length}-grams:\n")
                for gram in sorted(by_length[length]):
                    backoff = f"\t{self.backoffs[gram]:.6f}" if gram in self.backoffs else ""
                    file.write(f"{self.scores[gram]:.6f}\t{' '.join(gram)}{backoff}\n")
            file.write("\n\\end\\\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> NGram:
        """Reads an ARPA file, gzipped or not.

        Raises: ValueError with the line that is none of ARPA's.
        """
        opener = gzip.open if os.fspath(path).endswith(".gz") else open
        scores, backoffs, length = {}, {}, 0
        with opener(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.strip()
                if not line or line in ("\\data\\", "\\end\\") or line.startswith("ngram "):
                    continue
                if line.startswith("\\") and line.endswith("-grams:"):
                    length = int(line[1:-7])
                    continue
                fields = line.split()
                if not length or len(fields) not in (length + 1, length + 2):
                    raise ValueError(
                        f"{os.fspath(path)}: expected a line of an ARPA file, found {line[:60]!r} in line "
                        f"{number}"
                    )
                gram = tuple(fields[1 : length + 1])
                scores[gram] = float(fields[0])
                if len(fields) == length + 2:
                    backoffs[gram] = float(fields[-1])
        if not scores:
            raise ValueError(f"{os.fspath(path)}: expected an ARPA file with n-grams, found none")
        return cls(max(map(len, scores)), scores, backoffs)
