"""A recognizer learns from files in the shapes people have, and from the command line."""

import json
import math

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from zoo.applications import SpeechRecognizer
from zoo.applications.cli import main

from zoo.models import DeepSpeech
from zoo.preprocessing import AudioPreprocessor, waveform

RATE = 8000


def sound(seconds, seed):
    return np.random.default_rng(seed).normal(0, 0.1, round(RATE * seconds)).astype("float32")


@pytest.fixture
def manifest(tmp_path):
    """Ten utterances, two of them parts of one file."""
    rows = []
    for i in range(8):
        soundfile.write(tmp_path / f"{i}.flac", sound(1 + i / 10, i), RATE)
        rows.append({"path": f"{i}.flac", "transcript": f"Row {i}!"})
    soundfile.write(tmp_path / "long.wav", sound(3, 9), RATE)
    rows.append({"path": "long.wav", "transcript": "the first part", "offset": 0, "duration": 1.25})
    rows.append({"path": "long.wav", "transcript": "the rest", "offset": 1.25})
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tiny(**options):
    preprocessor = AudioPreprocessor(RATE, num_mels=20, **options)
    return SpeechRecognizer(DeepSpeech(29, units=8, num_layers=1, conv_filters=(4, 4)), preprocessor)


@pytest.mark.slow
def test_fit_and_evaluate_take_a_manifest_or_its_folder(manifest):
    app = tiny(text="english")
    history = app.fit(manifest, validation_data=manifest.parent, epochs=1, batch_size=5, verbose=0).history
    assert math.isfinite(history["val_loss"][0])
    result = app.evaluate(str(manifest), return_dict=True, verbose=0)
    assert set(result) == {"loss", "cer", "wer"}


def test_characters_outside_the_alphabet_are_named_with_their_count(manifest):
    with pytest.raises(
        ValueError, match=r"'R' x 8, '!' x 8, '0' x 1, .* first in row 0: 'Row 0!'\. .*english"
    ):
        tiny().fit(manifest, epochs=1, verbose=0)


def test_parts_of_a_file_are_cut_out(manifest):
    whole = waveform(manifest.parent / "long.wav", RATE)
    for path in ("long.wav", "long.flac"):
        soundfile.write(manifest.parent / path, whole, RATE, subtype="PCM_16")
        first, rest = (
            waveform({"path": manifest.parent / path, **part}, RATE)
            for part in ({"offset": 0, "duration": 1.25}, {"offset": 1.25})
        )
        assert len(first) == 10000
        np.testing.assert_allclose(np.concatenate([first, rest]), whole, atol=1e-4)
    with pytest.raises(ValueError, match=r"sound from 9 s on in row 4, found none in .*long\.wav"):
        waveform({"path": manifest.parent / "long.wav", "offset": 9}, RATE, 4)
    with pytest.raises(ValueError, match=r"the keys 'path', .* found \['begin', 'path'\]"):
        waveform({"path": "a.wav", "begin": 9}, RATE)


@pytest.mark.slow
def test_the_command_line_trains_on_a_folder(manifest, tmp_path):
    out = tmp_path / "run"
    changes = [
        "epochs=1",
        "batch_size=4",
        "model=deep_speech_tiny",
        "preprocessor.sample_rate=8000",
        "seed=3",
    ]
    arguments = ["fit", "speech_english", "--data", str(manifest.parent), "--out", str(out)]
    done = CliRunner().invoke(main, [*arguments, *(word for change in changes for word in ("--set", change))])
    assert done.exit_code == 0, done.output
    assert "validation wer:" in done.output
    done = CliRunner().invoke(main, ["evaluate", str(out / "pretrained"), "--data", str(manifest)])
    assert done.exit_code == 0, done.output
    figures = [
        line.split()[0] for line in done.output.splitlines() if line.startswith(("loss", "cer", "wer"))
    ]
    assert figures == ["loss", "cer", "wer"]
