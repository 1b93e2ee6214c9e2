"""Sentences rated by 20 people: film snippets, tweets, product reviews, editorials (Hutto & Gilbert 2014).

Source: the source distribution of vaderSentiment, https://github.com/cjhutto/vaderSentiment.
"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np

from zoo.datasets.array_dataset import check_split
from zoo.datasets.packages import fetch_archive, members
from zoo.datasets.text_dataset import TextDataset, text_hash

SOURCE = "pypi:vaderSentiment==3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
FILES = {
    "movies": "movieReviewSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
    "reviews": "amazonReviewSnippets_GroundTruth.txt",
    "editorials": "nytEditorialSnippets_GroundTruth.txt",
}
SPLITS = ("train", "validation", "train+validation", "test")
LABEL_NAMES = ("negative", "positive")
LICENCE = "MIT (the collection); the texts are their authors'"
FOLDS = 5
_SAMPLE = Path(__file__).parent / "data" / "rated_tweets_sample.tsv"


def rated_sentences(
    kind: str = "movies",
    split: str = "train",
    fold: int = 0,
    ratings: bool = False,
    archive: str | os.PathLike | None = None,
) -> TextDataset:
    """Sentences with the mean rating of 20 people, -4 (very negative) to 4.

    The fold of a text is its SHA-256 modulo 5, so it depends on nothing else; texts that occur twice are
    kept once.

    | split              | which                                              | movies |
    |--------------------|----------------------------------------------------|--------|
    | "test"             | fold `fold`                                        |  2,127 |
    | "validation"       | of the others, where (SHA-256 // 5) modulo 10 is 0 |    829 |
    | "train"            | the rest                                           |  7,610 |
    | "train+validation" | both of the above                                  |  8,439 |
    | "sample"           | 200 tweets that come with zoo; nothing is fetched  |        |

    Args:
        kind: "movies", "tweets", "reviews" or "editorials".
        split: one of the splits above.
        fold: the one to test on, 0..4.
        ratings: give the ratings, float32 [N], as labels; by default their signs, "negative" and "positive",
            and texts rated 0 are left out.
        archive: the source distribution of vaderSentiment 3.3.2, where you have it; else pip fetches it.

    Example:
        >>> texts, labels = rated_sentences("tweets", "sample")
        >>> len(texts), texts[0], labels[0]
        (200, 'That was fun! I like winning at trivia!', np.int32(1))
    """
    if kind not in FILES:
        raise ValueError(f"kind: expected one of {tuple(FILES)}, found {kind!r}")
    check_split(split, (*SPLITS, "sample"))
    if split == "sample":
        if kind != "tweets":
            raise ValueError(f"kind: expected 'tweets' with split='sample', found {kind!r}")
        lines = _SAMPLE.read_text("utf-8")
    else:
        outer = members(fetch_archive(SOURCE, SHA256, archive), "hutto_ICWSM_2014.tar.gz")
        with tarfile.open(fileobj=io.BytesIO(outer["hutto_ICWSM_2014.tar.gz"])) as inner:
            entry = next(entry for entry in inner if entry.name.endswith(FILES[kind]))
            lines = inner.extractfile(entry).read().decode("utf-8", "replace")
    texts, scores = _parse(lines)
    if ratings:
        data = TextDataset(texts, scores, (), f"rated_{kind}", "", LICENCE)
    else:
        data = TextDataset(texts, (scores > 0).astype("int32"), LABEL_NAMES, f"rated_{kind}", "", LICENCE)
        data = data.part(scores != 0, "")
    return data if split == "sample" else data.part(_chosen(data.examples, split, fold), split)


def _parse(lines):
    """(texts, ratings float32) of "id TAB rating TAB text" lines, each text once."""
    rated = {}
    for line in lines.splitlines():
        if line.strip():
            _, rating, text = line.split("\t", 2)
            rated.setdefault(text.strip(), float(rating))
    return list(rated), np.array(list(rated.values()), "float32")


def _chosen(texts, split, fold):
    hashes = [text_hash(text) for text in texts]
    test = np.array([value % FOLDS == fold for value in hashes])
    validation = ~test & np.array([value // FOLDS % 10 == 0 for value in hashes])
    parts = {"test": test, "validation": validation, "train": ~test & ~validation}
    return parts.get(split, ~test)
