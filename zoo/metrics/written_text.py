"""Spoken English back to how it is written: numbers, ordinals, decimals, money, per cent, titles."""

import re

from zoo.metrics.spoken_text import _ORDINALS, _UNITS, numbers_to_digits

_TITLES = {
    "mister": "Mr.",
    "missus": "Mrs.",
    "doctor": "Dr.",
    "professor": "Prof.",
    "captain": "Capt.",
    "lieutenant": "Lt.",
    "sergeant": "Sgt.",
}
_ORDINAL_ENDINGS = {ordinal: plain for plain, ordinal in _ORDINALS.items()}
_DIGITS = "|".join(_UNITS[:10])


def written_text(text):
    """The way back from `normalize_text`, as far as there is one: capitals and commas are gone for good.

    Titles stand before a name, so "the doctor" stays and "doctor smith" does not.

    Example:
        >>> written_text("doctor smith paid three point five zero dollars on the twenty first")
        'Dr. smith paid $3.50 on the 21st'
    """
    text = " ".join(_cardinal(word) for word in text.split())
    point = rf"\bpoint ((?:{_DIGITS})(?: (?:{_DIGITS}))*)\b"
    text = re.sub(point, lambda m: "point." + "".join(str(_UNITS.index(w)) for w in m[1].split()), text)
    text = numbers_to_digits(text)
    text = re.sub(r"\b(\d+) point\.(\d+)", r"\1.\2", text)
    text = text.replace("point.", "point ")
    text = re.sub(r"\b(\d+) \*th", lambda m: m[1] + _suffix(int(m[1])), text)
    text = re.sub(r"\b(\d+(?:\.\d+)?) percent\b", r"\1%", text)
    text = re.sub(r"\b(\d+(?:\.\d+)?) dollars?\b", r"$\1", text)
    text = re.sub(r"\b(\d+(?:\.\d+)?) pounds\b", "\u00a3\\1", text)
    titles = "|".join(_TITLES)
    return re.sub(rf"(?<!\bthe )(?<!\ba )\b({titles}) (?=[a-z]{{2}})", lambda m: _TITLES[m[1]] + " ", text)


def _cardinal(word):
    """An ordinal as its number word and a mark: "first" -> "one *th"."""
    if word in _ORDINAL_ENDINGS:
        return f"{_ORDINAL_ENDINGS[word]} *th"
    stem = word.removesuffix("th")
    plain = stem[:-2] + "y" if stem.endswith("tie") else stem
    tens = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
    known = {*_UNITS, *tens, "hundred", "thousand", "million", "billion"}
    return f"{plain} *th" if word.endswith("th") and plain in known else word


def _suffix(number):
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
