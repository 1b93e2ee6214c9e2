import io
import wave

import numpy as np
import pytest
import tensorflow as tf

from zoo.preprocessing import (
    AudioAugmentation,
    AudioPreprocessor,
    normalize_text,
    numbers_to_digits,
    read_audio,
    resample,
    spell_number,
    waveform,
)
from zoo.preprocessing.recordings import Recordings


def noise(*shape, seed=0):
    return (np.random.default_rng(seed).normal(size=shape) * 0.1).astype("float32")


def tones(rate, seconds=1.0):
    time = np.arange(round(rate * seconds)) / rate
    return (np.sin(2 * np.pi * 440 * time) + 0.5 * np.sin(2 * np.pi * 2500 * time)).astype("float32")


def wav(samples, rate=8000, channels=1, width=2):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return buffer.getvalue()


@pytest.mark.parametrize("normalize", ["running", "none"])
@pytest.mark.parametrize(("samples", "piece"), [(1, 1), (3, 1), (199, 50), (280, 77), (281, 80), (5321, 333)])
def test_streamed_features_equal_offline_features(normalize, samples, piece):
    prepare, audio = AudioPreprocessor(8000, num_mels=40, normalize=normalize), noise(2, samples)
    expected, frames = prepare(audio)
    pieces, state = [], None
    for begin in range(0, samples, piece):
        final = begin + piece >= samples
        features, state = prepare.stream(audio[:, begin : begin + piece], state, final=final)
        pieces.append(features)
    streamed = tf.concat(pieces, axis=1)
    assert streamed.shape == expected.shape == (2, frames[0], 40)
    np.testing.assert_allclose(streamed, expected, atol=1e-4)


@pytest.mark.parametrize("normalize", ["utterance", "running", "none"])
def test_features_of_a_row_do_not_depend_on_its_padding(normalize):
    prepare, audio = AudioPreprocessor(8000, num_mels=40, normalize=normalize), noise(2, 4000)
    together, frames = prepare(audio, [4000, 1900])
    alone, _ = prepare(audio[1:, :1900])
    assert frames.numpy().tolist() == [49, alone.shape[1]]
    np.testing.assert_allclose(together[1, : frames[1]], alone[0], atol=1e-4)
    assert not np.any(together[1, frames[1] :])


def test_log_mel_equals_its_formula():
    prepare, audio = AudioPreprocessor(16000, num_mels=30, normalize="none"), noise(1, 1000)
    features, frames = prepare(audio)
    assert frames[0] == features.shape[1] == 5  # the last frame is filled up with zeros
    frame = audio[0, 160:560] - audio[0, 160:560].mean()
    power = np.abs(np.fft.rfft(frame * np.hanning(401)[:-1], 512)) ** 2
    np.testing.assert_allclose(features[0, 1], np.log(power @ prepare._filters + 1e-6), atol=1e-4)


def test_a_tone_lights_up_its_mel_bin():
    prepare = AudioPreprocessor(8000, num_mels=40, normalize="none")
    time = np.arange(8000) / 8000
    bins = [int(np.argmax(prepare(np.sin(2 * np.pi * f * time)[None])[0][0, 5])) for f in (300, 1000, 3000)]
    assert bins == sorted(bins)
    mel = 2595 * np.log10(1 + 1000 / 700)
    edges = np.linspace(2595 * np.log10(1 + 20 / 700), 2595 * np.log10(1 + 4000 / 700), 42)
    assert bins[1] == np.argmin(np.abs(edges[1:-1] - mel))


def test_empty_and_silent_audio_give_finite_features():
    prepare = AudioPreprocessor(8000)
    features, frames = prepare(np.zeros((2, 800), "float32"), [0, 800])
    assert frames.numpy().tolist() == [0, 9]
    np.testing.assert_allclose(features, 0.0, atol=1e-3)


def test_streaming_needs_a_normalization_that_streams():
    with pytest.raises(ValueError, match="expected 'running' or 'none' to stream"):
        AudioPreprocessor(8000).stream(noise(1, 100))


@pytest.mark.parametrize(("rate", "new_rate"), [(8000, 16000), (44100, 16000), (48000, 16000), (16000, 8000)])
def test_resampling_keeps_a_tone(rate, new_rate):
    resampled = resample(tones(rate)[None], rate, new_rate)[0].numpy()
    assert len(resampled) == new_rate
    np.testing.assert_allclose(resampled[300:-300], tones(new_rate)[300:-300], atol=3e-4)


def test_resampling_removes_what_would_alias():
    time = np.arange(16000) / 16000
    assert np.abs(resample(np.sin(2 * np.pi * 6000 * time)[None], 16000, 8000))[0, 300:-300].max() < 2e-3


@pytest.mark.parametrize(("length", "rate"), [(1, 8000), (7999, 8000), (16001, 8000), (12345, 44100)])
def test_a_waveform_at_another_rate_is_the_resampled_one(length, rate):
    audio = np.random.default_rng(length).uniform(-1, 1, length).astype("float32")
    expected = resample(audio[None], rate, 16000)[0]
    found = waveform((audio, rate), 16000)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_files_of_every_width_are_read(width, channels):
    audio = 0.5 * tones(8000, 0.1)
    integers = np.round(audio * (2 ** (8 * width - 1) - 1)).astype("int64")
    if width == 1:
        integers += 128
    data = integers.astype("<i8").view("uint8").reshape(-1, 8)[:, :width]
    samples, rate = read_audio(
        wav(np.repeat(data, channels, axis=0).tobytes(), channels=channels, width=width)
    )
    assert rate == 8000
    np.testing.assert_allclose(samples, audio, atol=2.0 ** (2 - 8 * width))


def test_other_formats_are_read_by_soundfile(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    for name in ("a.flac", "a.ogg", "a.mp3"):
        soundfile.write(tmp_path / name, 0.3 * tones(16000), 16000)
        audio = waveform(tmp_path / name, 8000)
        assert abs(len(audio) - 8000) < 1200  # MP3 pads
        assert 0.2 < np.abs(audio).max() < 0.6


def test_bad_audio_is_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(b"")[:20])
    with pytest.raises(ValueError, match=r"expected a whole WAV file, found .*a.wav"):
        waveform(tmp_path / "a.wav", 8000)
    with pytest.raises(ValueError, match="expected an audio file, found none"):
        waveform(tmp_path / "none.wav", 8000)
    with pytest.raises(ValueError, match="finite samples in row 3, found nan at 7"):
        waveform(np.where(np.arange(20) == 7, np.nan, 0.1), 8000, row=3)
    with pytest.raises(ValueError, match="expected float samples in -1..1 or int16"):
        waveform(np.zeros(9, "int64"), 8000)
    with pytest.raises(ValueError, match="found up to 3000; pass int16 as int16"):
        waveform(np.full(9, 3000.0), 8000)
    with pytest.raises(ValueError, match=r"expected a waveform \[N\] or \[N, channels\]"):
        waveform(np.zeros((3, 3, 3)), 8000)
    with pytest.raises(ValueError, match="sample rate in Hz"):
        waveform((np.zeros(9), -1), 8000)


def test_a_truncated_wav_gives_what_is_there():
    whole = wav((tones(8000) * 10000).astype("<i2").tobytes())
    assert len(waveform(whole[:1001], 8000)) == (1001 - 44) // 2


def test_characters_outside_the_alphabet_are_named_with_their_count():
    with pytest.raises(ValueError, match=r"found '!' x 2, '7' x 1, first in row 1: 'hi!'"):
        AudioPreprocessor().encode(["fine", "hi!", "7 oh!"])


def test_augmentation_respects_lengths_and_keeps_its_promises():
    tf.random.set_seed(0)
    audio, lengths = tf.constant(noise(4, 4000)), tf.constant([4000, 3000, 2000, 100])
    out, new = AudioAugmentation(speed=0.2, gain=6, noise=0.1, dither=1e-4).waveforms(audio, lengths)
    assert np.all(np.abs(new / lengths - 1) < 0.26)
    for row, length in enumerate(new):
        assert not np.any(out[row, length:])
    same, kept = AudioAugmentation().waveforms(audio, lengths)
    np.testing.assert_array_equal(same[0], audio[0])
    np.testing.assert_array_equal(kept, lengths)
    masked = AudioAugmentation(time_masks=1, time_width=0.1, mel_masks=1, mel_width=5).features(
        tf.ones((50, 60, 40)), tf.fill((50,), 60), 0.01
    )
    assert ((masked.numpy() == 0).all(axis=2).sum(axis=1) <= 10).all()
    assert ((masked.numpy() == 0).all(axis=1).sum(axis=1) <= 5).all()
    assert (masked.numpy() == 0).any()


def test_a_telephone_line_takes_the_highest_sounds():
    time = np.arange(16000) / 16000
    low, high = (np.sin(2 * np.pi * hertz * time).astype("float32") for hertz in (1000, 5000))
    audio = tf.constant(np.tile(low + high, (200, 1)))
    out, lengths = AudioAugmentation(narrow=0.5).waveforms(audio, tf.fill((200,), 16000))
    assert lengths.numpy().tolist() == [16000] * 200
    inner = slice(1000, -1000)  # the ends ring
    errors = [np.abs(out.numpy() - wave)[:, inner].max(axis=1) < 0.02 for wave in (low, low + high)]
    assert (errors[0] ^ errors[1]).all()
    assert 60 < errors[0].sum() < 140
    with pytest.raises(ValueError, match=r"narrow: expected a share in \[0, 1\], found 2"):
        AudioAugmentation(narrow=2)


def test_a_warp_moves_frequencies_and_keeps_the_edge():
    time = np.arange(4000) / 8000
    tone = np.tile(np.sin(2 * np.pi * 1000 * time).astype("float32"), (400, 1))
    prepare = AudioPreprocessor(8000, num_mels=40, normalize="none")
    features, frames = prepare(tone)
    tf.random.set_seed(0)
    warped = AudioAugmentation(warp=0.2).features(features, frames, prepare.hop, prepare.bins).numpy()
    found = prepare.bins[warped[:, 20].argmax(axis=1)]
    width = 60  # Hz between bins at 1000 Hz
    assert 600 - width < found.min() < 800  # a common factor and one of the place, 0.2 each
    assert 1200 < found.max() < 1400 + width
    assert abs(np.median(found) - 1000) < width
    np.testing.assert_allclose(warped[:, 20, -1], features[:, 20, -1], rtol=1e-3)
    with pytest.raises(ValueError, match=r"warp: expected a share in \[0, 0.5\), found 0.5"):
        AudioAugmentation(warp=0.5)
    with pytest.raises(ValueError, match="bins: expected the mel bins' frequencies for warp, found None"):
        AudioAugmentation(warp=0.1).features(features, frames, prepare.hop)


def test_a_channel_moves_all_frames_of_a_row_alike():
    tf.random.set_seed(0)
    frames = tf.constant([30, 20] * 100)
    out = AudioAugmentation(channel=1.0).features(tf.zeros((200, 30, 40)), frames, 0.01)
    out = out.numpy()
    assert not out[1::2, 20:].any()
    np.testing.assert_array_equal(out[:, :1] + 0 * out[:, :20], out[:, :20])
    assert np.abs(out).max() < 2
    assert np.abs(np.diff(out[:, 0])).max() < 2 * 3 / 39 + 1e-5  # lines between four points
    assert out[:, 0].std(axis=0).min() > 0.6
    assert abs(out[:, 0].mean()) < 0.2


def test_files_are_read_when_a_batch_needs_them(tmp_path):
    known, waves = {}, [noise(1, n)[0] for n in (50, 70, 90)]
    for number in range(2):
        file = tf.audio.encode_wav(waves[number][:, None], 8000).numpy()
        (tmp_path / f"{number}.wav").write_bytes(file)
    items = [tmp_path / "0.wav", str(tmp_path / "1.wav"), waves[2]]
    recordings = Recordings(items, 8000, known)
    assert (len(recordings), recordings.lengths.tolist(), len(known)) == (3, [50, 70, 90], 2)
    for expected, found in zip(waves[::-1], recordings.rows([2, 1, 0]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    known.update(dict.fromkeys(known, 7))  # what is known is not read again
    assert Recordings(items, 8000, known).lengths.tolist() == [7, 7, 90]
    (tmp_path / "1.wav").write_bytes(b"RIFFnothing")
    with pytest.raises(ValueError, match=r"x, row 1: .* found .*1\.wav"):
        Recordings(items, 8000, known)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It's 9:30, OK?", "it's nine thirty ok"),
        ("'Quoted' caf\u00e9", "quoted cafe"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("0800 and 3rd", "zero eight zero zero and third"),
        ("the 20th & 112th", "the twentieth and one hundred twelfth"),
        ("", ""),
    ],
)
def test_text_is_spelled_as_spoken(text, spoken):
    assert normalize_text(text) == spoken


def test_numbers_go_there_and_back():
    for number in (0, 7, 13, 20, 21, 99, 100, 305, 1000, 1001, 12_345, 1_000_000, 2_030_405):
        assert numbers_to_digits(spell_number(number)) == str(number)
    assert numbers_to_digits("press one two three now") == "press 1 2 3 now"
