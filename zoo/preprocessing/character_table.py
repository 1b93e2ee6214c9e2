"""What BERT's normaliser and word splitter make of each Unicode character, as a table for a graph.

tensorflow-text's own normaliser follows another Unicode version than Hugging Face's library (it keeps
characters that the other drops, and the reverse), so the table is read off that library: equal by
construction. Canonical reordering of combining marks, the one rule that looks at two characters, is left out;
what it would reorder is dropped as an accent, but for seven characters of musical and ancient scripts.
"""

import functools

import numpy as np

NONE, SAME, SPACE = -1, -2, 32
PAGE = 256
CODE_POINTS = 0x110000
# Nothing is assigned between these two blocks, or it is for private use, which the normaliser drops.
_BLOCKS = ((0, 0xD800), (0xE000, 0x32400), (0xE0000, 0xE0200))
_PRIVATE = ((0xF0000, 0xFFFFE), (0x100000, 0x10FFFE))


@functools.lru_cache(maxsize=4)
def character_table(lowercase, strip_accents, split_cjk):
    """(pages, entries) of BERT's normaliser followed by its word splitter.

    Row `pages[c // 256] * 256 + c % 256` of `entries` holds what takes the place of character c: code
    points, `SAME` for c itself, `NONE` for nothing more. Words are what stands between spaces.

    Args:
        lowercase, strip_accents, split_cjk: as of `zoo.preprocessing.WordPiece`.

    Returns: int32 [4352] and int32 [P * 256, K].
    """
    from tokenizers import normalizers, pre_tokenizers

    normalizer = normalizers.BertNormalizer(True, split_cjk, strip_accents, lowercase)
    bar = ord("|")  # separates the others: no character turns into it
    characters = [c for first, end in _BLOCKS for c in range(first, end) if c != bar]
    # The "a" keeps marks from joining the separator.
    outputs = normalizer.normalize_str("|".join(f"a{chr(c)}" for c in characters)).split("|")
    outputs = [text[1:] for text in outputs]
    alone = _isolated(pre_tokenizers.BertPreTokenizer(), sorted({c for text in outputs for c in text}))
    rows = {c: _row(chr(c), text, alone) for c, text in zip(characters, outputs, strict=True)}
    rows = {c: row for c, row in rows.items() if row != (SAME,)} | {bar: (SPACE, SAME, SPACE)}
    width = max(map(len, rows.values()))
    table = np.full((CODE_POINTS, width), NONE, "int32")
    table[:, 0] = SAME
    for first, end in _PRIVATE:
        table[first:end] = NONE
    table[list(rows)] = [row + (NONE,) * (width - len(row)) for row in rows.values()]
    return paged(table)


def paged(table):
    """int32 [code points, K] -> (pages, entries) as of `character_table`: equal pages are kept once."""
    numbers = {}
    pages = [numbers.setdefault(page.tobytes(), len(numbers)) for page in np.split(table, len(table) // PAGE)]
    entries = np.frombuffer(b"".join(numbers), "int32").reshape(-1, table.shape[1])
    return np.array(pages, "int32"), entries


def _isolated(pre_tokenizer, characters):
    """The characters that are words of their own, spaces aside."""
    words = pre_tokenizer.pre_tokenize_str("".join(f"a{c}" for c in characters) + "a")
    return {word for word, _ in words if len(word) == 1 and word != "a"}


def _row(character, output, alone):
    row = []
    for c in output:
        code = SAME if c == character else ord(c)
        row += [SPACE, code, SPACE] if c in alone else [code]
    return tuple(row)
