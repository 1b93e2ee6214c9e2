"""Precision, recall and F1 of whole entities in BIO tags, counted as by the CoNLL evaluation."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EntityScores:
    """How many entities were found, with the right ends and type.

    Attributes:
        precision, recall, f1: over all entities, in [0, 1]; 0 where undefined.
        by_type: the same three and "support" for each type.
        accuracy: share of words with the right tag.
    """

    precision: float
    recall: float
    f1: float
    accuracy: float
    by_type: dict = field(default_factory=dict)

    def __str__(self):
        lines = [f"{'':16}precision   recall       f1   support"]
        for name, (precision, recall, f1, support) in sorted(self.by_type.items()):
            lines.append(f"{name:16}{precision:9.4f}{recall:9.4f}{f1:9.4f}{support:10,}")
        lines.append(f"{'all':16}{self.precision:9.4f}{self.recall:9.4f}{self.f1:9.4f}")
        return "\n".join([*lines, f"accuracy of tags {self.accuracy:.4f}"])


def entity_spans(tags):
    """Entities of a sentence's BIO tags as (type, begin, end), end exclusive.

    An I- that follows O or another type begins an entity, as in the CoNLL evaluation.

    Example:
        >>> entity_spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
        [('PER', 0, 2), ('LOC', 3, 4), ('LOC', 4, 5)]
    """
    spans, kind, begin = [], None, 0
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, found = tag.partition("-")
        if prefix not in ("B", "I") or not found:
            found = None
        if kind is not None and (found != kind or prefix == "B"):
            spans.append((kind, begin, i))
            kind = None
        if found is not None and kind is None:
            kind, begin = found, i
    return spans


def entity_scores(truth, predicted):
    """Compares predicted BIO tags with the truth.

    Args:
        truth, predicted: a list of sentences, each a list of tags, one a word.

    Raises: ValueError where the numbers of sentences or of words differ.

    Example:
        >>> entity_scores([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "O", "B-ORG"]]).f1
        0.5
    """
    if len(truth) != len(predicted):
        raise ValueError(f"predicted: expected {len(truth)} sentences as in truth, found {len(predicted)}")
    counts, right, words = {}, 0, 0
    for row, (wanted, found) in enumerate(zip(truth, predicted, strict=True)):
        if len(wanted) != len(found):
            raise ValueError(f"predicted: expected {len(wanted)} tags in row {row}, found {len(found)}")
        right += sum(a == b for a, b in zip(wanted, found, strict=True))
        words += len(wanted)
        wanted, found = set(entity_spans(wanted)), set(entity_spans(found))
        for column, spans in enumerate((wanted & found, wanted, found)):
            for kind, *_ in spans:
                counts.setdefault(kind, [0, 0, 0])[column] += 1
    by_type = {kind: (*_f1(*row), row[1]) for kind, row in counts.items()}
    total = [sum(row[i] for row in counts.values()) for i in range(3)]
    return EntityScores(*_f1(*total), right / words if words else 0.0, by_type)


def _f1(hits, wanted, found):
    precision, recall = hits / found if found else 0.0, hits / wanted if wanted else 0.0
    return precision, recall, 2 * hits / (wanted + found) if wanted + found else 0.0
