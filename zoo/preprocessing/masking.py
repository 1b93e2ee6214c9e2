"""Masked tokens for BERT's pretraining (arXiv:1810.04805, section 3.1), by whole words. NumPy only.

Shapes: B batch, T time, M masked positions of a row.
"""

import numpy as np


class WordMasker:
    """`mask_rows` for the vocabulary of a tokenizer.

    Args:
        tokenizer: a `zoo.preprocessing.WordPiece` with [MASK].
        share: of the tokens of a row that is hidden.

    Example:
        >>> tokenizer = zoo.preprocessing.WordPiece(["[PAD]", "[UNK]", "[MASK]", "a", "b", "##b"])
        >>> hidden = WordMasker(tokenizer, 0.5)(np.array([[3, 4, 5, 0]]), np.random.default_rng(0))
        >>> hidden[1].shape
        (1, 2)
    """

    def __init__(self, tokenizer, share=0.15):
        if not 0 < share < 1:
            raise ValueError(f"mask_share: expected a number in (0, 1), found {share}")
        self.mask_id = tokenizer.id_of("[MASK]")
        self.share = share
        self.inside = np.array([token.startswith("##") for token in tokenizer.vocabulary])
        self.special = [tokenizer.id_of(token) for token in tokenizer.special if token != "[UNK]"]

    def __call__(self, token_ids, rng):
        return mask_rows(token_ids, self.special, self.mask_id, self.inside, self.share, rng)


def mask_rows(token_ids, special, mask_id, inside, share, rng):
    """Chooses words of each row and hides them: 80 % as [MASK], 10 % as any token, 10 % as they are.

    Args:
        token_ids: int32 [B, T].
        special: ids that are never chosen and never put in, such as [PAD] and [CLS].
        mask_id: of [MASK].
        inside: bool [V], whether a piece continues a word; it shares the fate of the word's first piece.
        share: of the tokens of a row; at least one word is chosen, and whole words only.
        rng: a `numpy.random.Generator`.

    Returns: token ids int32 [B, T]; positions int32 [B, M]; the tokens that stood there int32 [B, M]; weights
    float32 [B, M], 0 where a row has fewer. M is the share of T, rounded up.

    Example:
        >>> ids = np.array([[2, 5, 6, 7, 3, 0]], "int32")
        >>> hidden = mask_rows(ids, [0, 2, 3], 4, np.zeros(8, bool), 0.5, np.random.default_rng(0))
        >>> hidden[1].shape, int(hidden[3].sum())
        ((1, 3), 2)
    """
    batch, length = token_ids.shape
    width = max(1, int(np.ceil(share * length)))
    hidden = token_ids.copy()
    positions, targets = np.zeros((batch, width), "int32"), np.zeros((batch, width), "int32")
    weights = np.zeros((batch, width), "float32")
    ordinary = np.setdiff1d(np.arange(len(inside)), special)
    free = ~np.isin(token_ids, special)
    for row in range(batch):
        places = np.flatnonzero(free[row])
        if not len(places):
            continue
        goes_on = inside[token_ids[row, places]] & (np.diff(places, prepend=-2) == 1)
        word = np.cumsum(~goes_on)
        wanted = min(width, max(1, round(share * len(places))))
        chosen = []
        for number in rng.permutation(np.unique(word)):
            pieces = places[word == number]
            if len(chosen) + len(pieces) <= wanted:
                chosen.extend(pieces)
            if len(chosen) == wanted:
                break
        chosen = np.sort(np.array(chosen or rng.choice(places, 1), "int64"))
        count = len(chosen)
        positions[row, :count], targets[row, :count] = chosen, token_ids[row, chosen]
        weights[row, :count] = 1
        draw = rng.random(count)
        others = rng.choice(ordinary, count) if len(ordinary) else np.full(count, mask_id)
        hidden[row, chosen] = np.where(
            draw < 0.8, mask_id, np.where(draw < 0.9, others, token_ids[row, chosen])
        )
    return hidden, positions, targets, weights
