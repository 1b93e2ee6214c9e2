"""Sound that comes piece by piece: raw samples to waveforms, at another rate.

Shapes: n samples of a piece.
"""

import numpy as np

from zoo.preprocessing.audio import resample


def pcm_pieces(file, rate, seconds=0.2):
    """Waveforms float32 [n] from a binary stream of raw 16-bit little-endian mono samples.

    Args:
        file: an open binary file, such as `sys.stdin.buffer`.
        rate: samples a second.
        seconds: length of a piece; the last one may be shorter.

    Example:
        >>> import io
        >>> [piece.tolist() for piece in pcm_pieces(io.BytesIO(b"\\x00\\x40\\x00\\xc0"), 8000)]
        [[0.5, -0.5]]
    """
    size = max(1, round(rate * seconds)) * 2
    while data := file.read(size):
        if len(data) % 2:  # half a sample: the rest comes, or the stream ends within it
            data += file.read(1)
        yield np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype("float32") / 32768.0


def resample_pieces(pieces, rate, new_rate, zeros=16):
    """`resample`, piece by piece: all pieces together are the whole at the new rate.

    Args:
        pieces: an iterable of float [n].
        rate, new_rate, zeros: as of `resample`.

    Example:
        >>> pieces = resample_pieces([np.ones(441), np.ones(441)], 44100, 16000)
        >>> sum(len(piece) for piece in pieces)
        320
    """
    if rate == new_rate:
        yield from pieces
        return
    common = np.gcd(int(rate), int(new_rate))
    up, down = int(new_rate) // common, int(rate) // common
    context = -(-(int(np.ceil(zeros * max(1.0, down / up))) + 1) // down) * down  # whole blocks
    audio, before = np.zeros(0, "float32"), 0  # samples heard and not done with, of which `before` are out
    for piece in pieces:
        audio = np.concatenate([audio, np.asarray(piece, "float32")])
        ready = (len(audio) - context - before) // down * down
        if ready <= 0:
            continue
        out = resample(audio[None, : before + ready + context], rate, new_rate, zeros)[0].numpy()
        yield out[before // down * up : (before + ready) // down * up]
        drop = max(0, before + ready - context)
        audio, before = audio[drop:], before + ready - drop
    if len(audio) > before:
        yield resample(audio[None], rate, new_rate, zeros)[0].numpy()[before // down * up :]
