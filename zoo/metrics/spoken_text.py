"""English text as it is spoken: numbers and abbreviations in words, no punctuation; and numbers back."""

import re
import unicodedata

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ("thousand", "million", "billion", "trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "st": "saint",
    "vs": "versus",
    "etc": "et cetera",
    "no": "number",
    "prof": "professor",
    "capt": "captain",
    "lt": "lieutenant",
    "sgt": "sergeant",
    "gen": "general",
    "jr": "junior",
    "sr": "senior",
    "dept": "department",
    "approx": "approximately",
}
_SHORT = re.compile(rf"\b({'|'.join(_ABBREVIATIONS)})\.(?=\s|$)")
_SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "@": " at ", "#": " number ", "=": " equals "}


def normalize_text(text):
    """Lower-case words of a-z and the apostrophe; numbers, signs and abbreviations spelled out.

    Example:
        >>> normalize_text("Dr. Smith paid $3.50 on the 21st -- 100% of it!")
        'doctor smith paid three point five zero dollars on the twenty first one hundred percent of it'
    """
    text = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).lower()
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = _SHORT.sub(lambda m: _ABBREVIATIONS[m[1]], text)
    text = re.sub(r"\$\s*(\d[\d,]*(?:\.\d+)?)", r"\1 dollars", text)
    text = re.sub(r"\u00a3\s*(\d[\d,]*(?:\.\d+)?)", r"\1 pounds", text)
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"(\d+)(?:st|nd|rd|th)\b", lambda m: f" {_ordinal(int(m[1]))} ", text)
    text = re.sub(r"(\d+)\.(\d+)", lambda m: f" {spell_number(int(m[1]))} point {_digits(m[2])} ", text)
    text = re.sub(r"\d+", lambda m: f" {_spelled(m[0])} ", text)
    for sign, words in _SIGNS.items():
        text = text.replace(sign, words)
    text = re.sub(r"[^a-z' ]+", " ", text)
    text = re.sub(r"(?<![a-z])'|'(?![a-z])", " ", text)  # quotation marks; an apostrophe stands in a word
    return " ".join(text.split())


def spell_number(number):
    """A whole number in words, as in American English.

    Example:
        >>> spell_number(1_203_045)
        'one million two hundred three thousand forty five'
    """
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return " ".join([_TENS[tens - 2], *([_UNITS[rest]] if rest else [])])
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return " ".join([_UNITS[hundreds], "hundred", *([spell_number(rest)] if rest else [])])
    for power in range(len(_SCALES), 0, -1):
        high, rest = divmod(number, 1000**power)
        if high:
            words = [spell_number(high) if high < 1000 else _digits(str(high)), _SCALES[power - 1]]
            return " ".join([*words, *([spell_number(rest)] if rest else [])])
    raise ValueError(f"number: expected a whole number of at least 0, found {number}")


def numbers_to_digits(text):
    """Number words to digits, the way back: "twenty one" -> "21", "one two three" -> "1 2 3".

    Example:
        >>> numbers_to_digits("room three hundred and five at nine thirty")
        'room 305 at 9 30'
    """
    values = {word: i for i, word in enumerate(_UNITS)} | {w: 10 * i for i, w in enumerate(_TENS, 2)}
    scales = {"hundred": 100} | {word: 1000**i for i, word in enumerate(_SCALES, 1)}
    words, output, position = text.split(), [], 0
    while position < len(words):
        total, group, last, begin = 0, None, None, position
        while position < len(words):
            word = words[position]
            if word in values:
                value = values[word]
                fits = group is None or last in scales or (last == "tens" and 0 < value < 10)
                if not fits:
                    break
                group = (group or 0) + value
                last = "tens" if value >= 20 else "unit"
            elif word in scales and group:
                if word == "hundred" and group < 100:
                    group *= 100
                elif word != "hundred":
                    total, group = total + group * scales[word], 0
                else:
                    break
                last = word
            elif (
                word == "and"
                and last in scales
                and position + 1 < len(words)
                and words[position + 1] in values
            ):
                pass
            else:
                break
            position += 1
        if position == begin:
            output.append(words[position])
            position += 1
        else:
            output.append(str(total + (group or 0)))
    return " ".join(output)


def _digits(text):
    return " ".join(_UNITS[int(digit)] for digit in text)


def _spelled(digits):
    """Digit strings that begin with 0 or are longer than a trillion are read digit by digit."""
    return (
        _digits(digits)
        if (digits[0] == "0" and len(digits) > 1) or len(digits) > 12
        else spell_number(int(digits))
    )


def _ordinal(number):
    *words, last = spell_number(number).split()
    regular = (last[:-1] + "ie" if last.endswith("y") else last) + "th"
    return " ".join([*words, _ORDINALS.get(last, regular)])
