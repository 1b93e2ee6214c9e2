"""One utterance as a picture: waveform, log-mel features, CTC posteriors and where its characters are.

Shapes: N samples, T frames, F mel bins, S steps, V characters with the blank.
"""

import numpy as np

from zoo.decoding import align
from zoo.decoding.ctc_greedy import greedy_path
from zoo.files import atomic_path

BLUE, DARK = "#2a6fbb", "#1b2a41"
QUIET = 0.02  # a character whose probability never exceeds this gets no row


def draw(app, wave, log_probs, path, text=None):
    """Writes the PNG.

    Args:
        app: a `SpeechRecognizer`, for its preprocessor and step.
        wave: float32 [N].
        log_probs: float32 [S, V] of it.
        path: file to write.
        text: what is aligned; by default what greedy decoding finds.

    Raises: ImportError that names the extra, where matplotlib is missing; ValueError for a text that does not
    fit.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("picture needs matplotlib: pip install keras-zoo[plots]") from error
    prepare, step = app.preprocessor, app.step_seconds
    transcript = app.transcript(log_probs) if text is None else align(log_probs, text, prepare.alphabet, step)
    seconds = len(wave) / prepare.sample_rate
    figure = Figure(figsize=(min(max(1.6 * seconds, 8), 24), 8), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1.5, 2))
    _waveform(top, wave, prepare.sample_rate, transcript)
    features = prepare.log_mel(prepare._whole_frames(wave[None]))[0].numpy()  # [T, F]
    span = (0, max(len(features), 1) * prepare.hop)
    middle.imshow(
        features.T, aspect="auto", origin="lower", extent=(*span, 0, features.shape[1]), cmap="magma"
    )
    middle.set_ylabel("mel bin")
    _posteriors(bottom, log_probs, prepare.alphabet, step)
    bottom.set(xlabel="seconds", xlim=(0, max(seconds, step)))
    figure.suptitle(str(transcript) or "(no words)", x=0.01, ha="left", fontsize=12, parse_math=False)
    with atomic_path(path) as partial, open(partial, "wb") as file:
        canvas.print_figure(file, format="png", dpi=110)


def _waveform(axes, wave, rate, transcript):
    axes.plot(np.arange(len(wave)) / rate, wave, color=BLUE, linewidth=0.4)
    loudest = max(float(np.abs(wave).max(initial=0)), 1e-3)
    axes.set(ylabel="waveform", ylim=(-1.1 * loudest, 1.5 * loudest))
    for word in transcript.words:
        axes.axvspan(word.begin, word.end, color=DARK, alpha=0.1, linewidth=0)
        axes.text(word.begin, 1.2 * loudest, word.text, fontsize=9, color=DARK, parse_math=False)


def _posteriors(axes, log_probs, alphabet, step):
    """A row for every character that is ever likely, the blank lowest; dots where the best path says it."""
    probabilities = np.exp(log_probs)  # [S, V]
    classes = [0, *(c for c in range(1, len(alphabet) + 1) if probabilities[:, c].max(initial=0) > QUIET)]
    names = ["blank" if c == 0 else "space" if alphabet[c - 1] == " " else alphabet[c - 1] for c in classes]
    span = (0, max(len(log_probs), 1) * step)
    axes.imshow(
        probabilities[:, classes].T,
        aspect="auto",
        origin="lower",
        extent=(*span, -0.5, len(classes) - 0.5),
        cmap="Blues",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    found = greedy_path(log_probs) if len(log_probs) else []
    times = [(at + 0.5) * step for _, at, _ in found]
    axes.plot(times, [classes.index(c) for c, *_ in found], "o", color="#d1495b", markersize=3)
    axes.set_yticks(range(len(classes)), names, parse_math=False)
    axes.set_ylabel("CTC posteriors")
