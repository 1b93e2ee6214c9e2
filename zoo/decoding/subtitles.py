"""Words with times to subtitles: SubRip (.srt) and WebVTT (.vtt)."""

PAUSE, LONGEST, WIDEST = 0.8, 6.0, 42  # seconds between cues, seconds and characters of a cue


def cues(words):
    """Words in order -> a list of (text, begin, end); a cue ends at a pause, after 6 s or 42 characters.

    Args:
        words: `zoo.decoding.Word`s.

    Example:
        >>> from zoo.decoding import Word
        >>> cues([Word("good", 0.0, 0.3, 1.0), Word("day", 0.4, 0.7, 1.0), Word("sir", 2.0, 2.3, 1.0)])
        [('good day', 0.0, 0.7), ('sir', 2.0, 2.3)]
    """
    groups = []
    for word in words:
        last = groups[-1] if groups else None
        if (
            last is None
            or word.begin - last[-1].end > PAUSE
            or word.end - last[0].begin > LONGEST
            or len(" ".join(w.text for w in (*last, word))) > WIDEST
        ):
            groups.append([])
        groups[-1].append(word)
    return [(" ".join(w.text for w in group), group[0].begin, group[-1].end) for group in groups]


def srt(words):
    """Words as a SubRip file.

    Example:
        >>> from zoo.decoding import Word
        >>> print(srt([Word("good", 3661.5, 3662.0, 1.0)]))
        1
        01:01:01,500 --> 01:01:02,000
        good
    """
    blocks = [
        f"{number}\n{_clock(begin, ',')} --> {_clock(end, ',')}\n{text}"
        for number, (text, begin, end) in enumerate(cues(words), 1)
    ]
    return "\n\n".join(blocks)


def vtt(words):
    """Words as a WebVTT file.

    Example:
        >>> from zoo.decoding import Word
        >>> vtt([Word("good", 0.0, 0.5, 1.0)]).splitlines()
        ['WEBVTT', '', '00:00:00.000 --> 00:00:00.500', 'good']
    """
    blocks = [
        f"{_clock(begin, '.')} --> {_clock(end, '.')}\n{text.replace('&', '&amp;').replace('<', '&lt;')}"
        for text, begin, end in cues(words)
    ]
    return "\n\n".join(["WEBVTT", *blocks])


def _clock(seconds, point):
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
