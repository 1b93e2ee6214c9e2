import gzip
import io
import json
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from zoo.datasets import digit_strings, digit_voices, load, phone_prompts, spoken_digits
from zoo.datasets.digit_voices import LANGUAGES, WORDS
from zoo.datasets.phone_prompts import split_of


def write_wav(path, seconds=0.3, level=1000, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(0).normal(0, level, round(seconds * rate)).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    path.write_bytes(buffer.getvalue())


@pytest.fixture
def digits(tmp_path):
    for digit in range(10):
        for speaker in ("ann", "bob"):
            for index in (0, 4, 5, 9, 10, 11):
                write_wav(tmp_path / f"recordings/{digit}_{speaker}_{index}.wav")
    return tmp_path


def test_digits_split_by_index(digits):
    sizes = {split: len(spoken_digits(split, digits)) for split in ("train", "validation", "test", "all")}
    assert sizes == {"train": 40, "validation": 40, "test": 40, "all": 120}
    held_out = spoken_digits("train", digits, without=("bob",))
    assert set(held_out.speakers) == {"ann"}
    (audio, rate), text = held_out.audio[0], held_out.texts[0]
    assert (len(audio), rate, text) == (2400, 8000, "0")


def test_digit_strings_are_long_and_the_same_every_time(digits):
    one, two = (spoken_digits("test", digits, strings=7, length=(2, 4)) for _ in range(2))
    assert one.texts == two.texts
    assert all(2 <= len(text.split()) <= 4 for text in one.texts)
    for (audio, _), text in zip(*one, strict=True):
        assert 2400 * len(text.split()) <= len(audio) <= 4000 * len(text.split())


def test_digits_get_margins_of_their_own_background(digits):
    plain, wide = (spoken_digits("test", digits, around=seconds) for seconds in (0.0, 0.05))
    for (a, _), (b, rate) in zip(plain.audio, wide.audio, strict=True):
        margin = round(0.05 * rate)
        assert np.array_equal(b[margin:-margin], a)
        assert 0 < np.std(b[:margin]) < np.std(a)
    assert wide.texts == plain.texts


def test_only_soft_beginnings_of_recordings_are_cut(digits):
    for path in (digits / "recordings").glob("*_ann_*.wav"):
        data = bytearray(path.read_bytes())
        samples = np.frombuffer(data, "<i2", offset=44)
        samples[800:-800] = np.where(samples[800:-800] < 0, -8000, 8000)  # loud in the middle
        path.write_bytes(data)
    one = {"speakers": ("ann",), "strings": 60, "length": (1, 1)}
    lengths = []
    for cut in (0.0, 0.5):
        audio = [wave for wave, _ in spoken_digits("train", digits, cut=cut, **one).audio]
        loud = [np.flatnonzero(np.abs(wave) > 0.2) for wave in audio]
        assert {len(wave) - places[-1] for wave, places in zip(audio, loud, strict=True)} == {801}
        assert all(760 <= len(places) <= 800 for places in loud)
        lengths.append(np.mean([places[0] for places in loud]))
    assert 200 < lengths[0] - lengths[1] < 600  # 800 of every other one


def test_a_speaker_is_held_out_of_digit_strings(digits):
    parts = {
        split: load("digit_strings:bob", split, root=digits) for split in ("train", "validation", "test")
    }
    speakers = {split: set(part.speakers) for split, part in parts.items()}
    assert speakers == {"train": {"ann"}, "validation": {"ann"}, "test": {"bob"}}
    assert len(parts["test"]) == 100
    with pytest.raises(ValueError, match=r"names among \['ann', 'bob'\], found 'eve'"):
        load("digit_strings:eve", root=digits)


def test_synthetic_voices_speak_digits_for_training_alone(digits, tmp_path, monkeypatch):
    spoken = []

    def speak(texts, out, names, each, **options):
        spoken.append((texts, names))
        pairs = [(t, names[i % len(names)]) for i, t in enumerate(texts)]
        if each:
            pairs = [(text, name) for text in texts for name in names]
        rows = [{"path": f"{i}.wav", "transcript": t, "speaker": n} for i, (t, n) in enumerate(pairs)]
        for row in rows:
            write_wav(Path(out) / row["path"])
        Path(out, "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    monkeypatch.setattr(sys.modules["zoo.datasets.synthetic_speech"], "speak_texts", speak)
    parts = [digit_voices("train", digits, "bob", tmp_path / "spoken") for _ in range(2)]
    assert len(spoken) == 4  # the second call reads what the first has spoken
    (texts, names), (digits_alone, single_voices), (ways, accented_voices), foreign = spoken
    assert (len(texts), len(names)) == (1600, 16)
    assert digits_alone == WORDS
    assert len(set(single_voices)) == 160
    assert len(ways) == len(accented_voices) == 1080
    assert len(set(ways)) == 40
    assert all(len(set(accented_voices[n : n + 10])) == 1 for n in range(0, 1080, 10))
    (foreign_ways, foreign_voices), lines = foreign, [line.split() for line in LANGUAGES.values()]
    assert len(foreign_ways) == len(foreign_voices) == 2160
    for number in range(216):
        said = foreign_ways[10 * number : 10 * number + 10]
        assert [sounds.strip("/") for sounds in said] == lines[number % 12]
        assert len(set(foreign_voices[10 * number : 10 * number + 10])) == 1
    assert {len(text.split()) for text in texts} == set(range(1, 7))
    for part in parts:
        assert set(part.speakers) == {
            *("ann", *names),
            *(f"{voice}, single" for voice in single_voices),
            *(f"{voice}, accents" for voice in accented_voices),
            *(f"{voice}, languages" for voice in foreign_voices),
        }
        figures = [str(WORDS.index(word)) for word in texts[0].split()]
        assert part.texts[-6400] == " ".join(figures)
        counts = [part.texts[-4800:].count(str(digit)) for digit in range(10)]
        assert min(counts) > 10
        assert {len(text.split()) for text in part.texts[-4800:]} == set(range(1, 7))
    for split in ("validation", "test"):
        both = (read(split, digits, "bob") for read in (digit_voices, digit_strings))
        assert len({tuple(part.texts) for part in both}) == 1


def test_what_is_missing_is_named(digits, tmp_path):
    with pytest.raises(ValueError, match=r"names among \['ann', 'bob'\], found 'eve'"):
        spoken_digits("test", digits, without=("eve",))
    with pytest.raises(FileNotFoundError, match="recordings of https://"):
        spoken_digits("test", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="asterisk-core-sounds-en-wav"):
        phone_prompts("test", tmp_path)


PROMPTS = """; Core Asterisk Sounds in English

agent-pass: Please enter your password followed by the pound key.
beep: [this is a simple beep tone]
digits/20: twenty
letters/at: at [@]
silence/1: (1 second of silence)
dictate/forhelp: press 0 for help, or * or #
vm-12: Press 12 at 9 A.M.
missing: No file has this.
"""


def test_prompts_are_speech_with_numbers_spelled_out(tmp_path):
    doc = tmp_path / "usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"
    doc.parent.mkdir(parents=True)
    doc.write_bytes(gzip.compress(PROMPTS.encode()))
    for i, name in enumerate(("agent-pass", "beep", "digits/20", "letters/at", "dictate/forhelp", "vm-12")):
        write_wav(tmp_path / f"usr/share/asterisk/sounds/en_US_f_Allison/{name}.wav", seconds=1 + i)
    data = phone_prompts("all", tmp_path)
    assert data.texts == [
        "please enter your password followed by the pound key",
        "twenty",
        "at",
        "press zero for help or star or pound",
        "press twelve at nine a m",
    ]
    used = {split_of(text) for text in data.texts}
    found = [text for split in used for text in phone_prompts(split, tmp_path).texts]
    assert sorted(found) == sorted(data.texts)
    assert phone_prompts("all", tmp_path, seconds=(2.5, 4.5)).texts == data.texts[1:3]
