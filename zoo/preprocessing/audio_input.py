"""Raw audio, in any shape people have it, to mono waveforms at one sample rate.

WAV is read here (PCM of 8 to 32 bits and float); FLAC, OGG and MP3 by soundfile, the extra `audio`.
"""

import io
import os
import pathlib

import numpy as np


def read_audio(source, name="x", offset=0.0, duration=None):
    """(mono waveform float32 [N] in -1..1, sample rate) of a path or of encoded bytes.

    Channels are averaged. A WAV file that ends before its header says gives what is there. With `offset` and
    `duration`, in seconds, only that part of it.

    Raises: ValueError that names the file and what is wrong with it; ImportError for formats that need
    soundfile.
    """
    what = "bytes" if isinstance(source, bytes) else repr(os.fspath(source))
    if not isinstance(source, bytes):
        path = pathlib.Path(source)
        if not path.is_file():
            raise ValueError(f"{name}: expected an audio file, found none at {what}")
        source = path.read_bytes()
    if source[:4] == b"RIFF" and source[8:12] == b"WAVE":
        audio, rate = _read_wav(source, f"{name}: expected a whole WAV file, found {what}")
        begin, end = _span(rate, offset, duration)
        return audio[begin:end], rate
    return _read_by_soundfile(source, what, name, offset, duration)


def _span(rate, offset, duration):
    """First sample of a part and the one behind it; None for the end of the file."""
    begin = round(offset * rate)
    return begin, None if duration is None else begin + round(duration * rate)


def _read_by_soundfile(source, what, name, offset, duration):
    try:
        import soundfile
    except ImportError as error:
        decoded = _read_by_tensorflow_io(source, offset, duration)
        if decoded is None:
            raise ImportError(
                f"{name}: {what} is no WAV file; other formats need soundfile: pip install keras-zoo[audio]"
            ) from error
        return decoded
    try:
        with soundfile.SoundFile(io.BytesIO(source)) as file:
            rate = file.samplerate
            begin, end = _span(rate, offset, duration)
            file.seek(min(begin, file.frames))
            count = -1 if end is None else end - begin
            audio = file.read(count, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{name}: expected WAV, FLAC, OGG or MP3, found {what}: {error.error_string}"
        ) from error
    return audio.mean(axis=1), rate


def _read_by_tensorflow_io(source, offset, duration):
    """FLAC, OGG Vorbis or MP3 at 16 kHz where tensorflow-io loads, else None."""
    from zoo.preprocessing.audio_graph import decode_audio, tensorflow_io_audio

    if tensorflow_io_audio() is None:
        return None
    audio = decode_audio(source, 16000).numpy()
    begin, end = _span(16000, offset, duration)
    return audio[begin:end], 16000


def _read_wav(source, complaint):
    form, data, position = None, None, 12
    while position + 8 <= len(source):
        kind, size = (
            source[position : position + 4],
            int.from_bytes(source[position + 4 : position + 8], "little"),
        )
        body = source[position + 8 : position + 8 + size]
        if kind == b"fmt ":
            form = body
        elif kind == b"data":
            data = body
            break
        position += 8 + size + size % 2
    if form is None or len(form) < 16 or data is None:
        raise ValueError(f"{complaint} without {'format' if data is not None else 'data'}")
    tag, channels, rate = (int.from_bytes(form[a:b], "little") for a, b in ((0, 2), (2, 4), (4, 8)))
    bits = int.from_bytes(form[14:16], "little")
    if tag == 0xFFFE and len(form) >= 26:  # extensible: the tag stands in the sub-format
        tag = int.from_bytes(form[24:26], "little")
    if not channels or not rate or bits % 8 or not bits:
        raise ValueError(f"{complaint} with {channels} channels, {rate} Hz and {bits} bits")
    step = channels * bits // 8
    data = data[: len(data) // step * step]
    if tag == 3 and bits in (32, 64):
        audio = np.frombuffer(data, f"<f{bits // 8}")
    elif tag == 1 and bits in (8, 16, 24, 32):
        audio = _pcm(data, bits)
    else:
        raise ValueError(f"{complaint} of format {tag} with {bits} bits")
    return audio.reshape(-1, channels).mean(axis=1, dtype="float32"), rate


def _pcm(data, bits):
    """Little-endian integers to floats in -1..1; 8 bits are unsigned."""
    if bits == 8:
        return (np.frombuffer(data, "uint8").astype("float32") - 128.0) / 128.0
    if bits == 24:
        wide = np.zeros((len(data) // 3, 4), "uint8")
        wide[:, 1:] = np.frombuffer(data, "uint8").reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype("float32") / 2.0**31
    return np.frombuffer(data, f"<i{bits // 8}").astype("float32") / 2.0 ** (bits - 1)


def waveform(item, sample_rate, row=0, name="x"):
    """One raw utterance as mono float32 [N] at `sample_rate`.

    Args:
        item: a path, encoded bytes, an array [N] or [N, channels] (float in -1..1 or int16) at
            `sample_rate`, a pair (array, its sample rate), or {"path", "offset", "duration"} for a part of a
            file, in seconds.
        sample_rate: of the result, in Hz.
        row, name: for messages.

    Raises: ValueError for NaN, infinities, other dtypes and shapes.

    Example:
        >>> waveform((np.zeros(441, "float32"), 44100), 16000).shape
        (160,)
    """
    rate = sample_rate
    if isinstance(item, tuple):
        item, rate = _checked_pair(item, row, name)
    if isinstance(item, dict):
        audio, rate = _part(item, row, name)
    elif isinstance(item, (str, os.PathLike, bytes)):
        audio, rate = read_audio(item, f"{name}, row {row}")
        if not 1000 <= rate <= 768_000:
            raise ValueError(f"{name}: expected 1000..768000 Hz in row {row}, found a file that says {rate}")
    else:
        audio = np.asarray(item)
        if audio.dtype == np.int16:
            audio = audio.astype("float32") / 32768.0
        if audio.dtype.kind != "f":
            raise ValueError(
                f"{name}: expected float samples in -1..1 or int16 in row {row}, found {audio.dtype}"
            )
        if audio.ndim == 2 and audio.shape[1] <= 8 < audio.shape[0]:
            audio = audio.mean(axis=1)
        if audio.ndim != 1:
            raise ValueError(
                f"{name}: expected a waveform [N] or [N, channels] in row {row}, found shape {audio.shape}"
            )
        audio = audio.astype("float32")
    if not np.isfinite(audio).all():
        place = int(np.argmin(np.isfinite(audio)))
        raise ValueError(f"{name}: expected finite samples in row {row}, found {audio[place]} at {place}")
    if np.abs(audio).max(initial=0) > 64:
        raise ValueError(
            f"{name}: expected samples in -1..1 in row {row}, found up to {np.abs(audio).max():g}; pass "
            "int16 as int16"
        )
    if rate != sample_rate and len(audio):
        audio = _resampled(audio, rate, sample_rate)
    return audio


def _resampled(audio, rate, sample_rate):
    """`zoo.preprocessing.resample`, of whole seconds: oneDNN keeps memory for every length it meets."""
    from zoo.preprocessing.audio import resample

    count = -(-len(audio) * sample_rate // rate)
    return resample(np.pad(audio, (0, -len(audio) % rate))[None], rate, sample_rate)[0].numpy()[:count]


def _part(item, row, name):
    if "path" not in item or set(item) - {"path", "offset", "duration"}:
        raise ValueError(
            f"{name}: expected the keys 'path', 'offset' and 'duration' in row {row}, found {sorted(item)}"
        )
    offset, duration = item.get("offset") or 0.0, item.get("duration")
    audio, rate = read_audio(item["path"], f"{name}, row {row}", offset, duration)
    if not len(audio):
        raise ValueError(
            f"{name}: expected sound from {offset:g} s on in row {row}, found none in {item['path']}"
        )
    return audio, rate


def _checked_pair(pair, row, name):
    if len(pair) != 2 or not np.isscalar(pair[1]) or not 1000 <= pair[1] <= 768_000:
        raise ValueError(
            f"{name}: expected (samples, sample rate in Hz of 1000..768000) in row {row}, found "
            f"{tuple(type(part).__name__ for part in pair)} {pair[1:] if len(pair) == 2 else ''}"
        )
    return pair[0], int(pair[1])


def audio_list(x, name="x"):
    """Raw utterances as a list: one path or bytes is a list of one; an array [B, N] its rows.

    Raises: ValueError for nothing at all or for what is no audio.
    """
    if isinstance(x, (str, os.PathLike, bytes, dict)):
        return [x]
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiu":
        if x.ndim != 2:
            raise ValueError(
                f"{name}: expected a list of utterances or an array [B, N], found shape {x.shape}; for one "
                "waveform pass a list of it: [audio]"
            )
        return list(x)
    items = list(x) if hasattr(x, "__iter__") else [x]
    if not items:
        raise ValueError(f"{name}: expected at least one utterance, found an empty list")
    return items
