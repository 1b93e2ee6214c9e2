"""`zoo transcribe` and `zoo speak`."""

import json
import pathlib
import sys

import click
from zoo.applications.commands.common import load, user_errors

FORMATS = ("text", "json", "srt", "vtt")


@click.command()
@click.argument("files", nargs=-1)
@click.option(
    "--weights", default="prompts.english", show_default=True, help="Name or folder of a recognizer."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="json: an object a file, with words and their times; srt, vtt: subtitles.  [default: text]",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--out", type=click.Path(file_okay=False), help="Write one file for each of FILES into it.")
@click.option("--picture", type=click.Path(dir_okay=False), help="Also draw the one file into this PNG.")
@click.option("--progress", is_flag=True, help="Show how much is done.")
@click.option("--stream", is_flag=True, help="Raw 16-bit mono samples from standard input, text as it comes.")
@click.option("--rate", type=click.IntRange(1000), help="Of the stream, in Hz; the recognizer's by default.")
@user_errors
def transcribe(files, weights, form, as_json, out, picture, progress, stream, rate):
    """The words that are spoken in audio FILES, or with --stream in standard input.

    Example: `arecord -f S16_LE -r 16000 -t raw | zoo transcribe --stream --rate 16000 --weights MINE`.
    """
    form = form or ("json" if as_json else "text")
    if stream:
        refused = {"FILES": files, "--out": out, "--picture": picture}
        if any(refused.values()) or form in ("srt", "vtt"):
            wrong = next((name for name, value in refused.items() if value), f"--format {form}")
            raise ValueError(f"--stream: expected no files, formats text and json, found {wrong}")
        return _stream(load(weights, "SpeechRecognizer"), rate, form)
    if not files:
        raise ValueError("files: expected audio files, or --stream for standard input, found none")
    if rate:
        raise ValueError("--rate: expected only with --stream: files say their own rate")
    if picture and len(files) != 1:
        raise ValueError(f"--picture: expected one audio file, found {len(files)}")
    if form in ("srt", "vtt") and len(files) > 1 and not out:
        raise ValueError(f"--format: expected --out for {form} of several files, found none")
    application = load(weights, "SpeechRecognizer")
    transcripts = application.transcribe(list(files), verbose=int(progress))
    texts = [_written(file, found, form) for file, found in zip(files, transcripts, strict=True)]
    for file, text in zip(files, texts, strict=True):
        if out:
            _write(pathlib.Path(out), file, form, text)
        else:
            click.echo(text)
    if picture:
        application.picture([files[0]], picture)
    return None


def _written(file, transcript, form):
    from zoo.decoding import srt, vtt

    if form == "json":
        words = [word._asdict() for word in transcript.words]
        return json.dumps({"file": file, "text": str(transcript), "words": words})
    return {"text": str, "srt": lambda t: srt(t.words), "vtt": lambda t: vtt(t.words)}[form](transcript)


def _write(folder, file, form, text):
    from zoo.files import atomic_path, make_folder

    make_folder(folder, "--out")
    path = folder / f"{pathlib.Path(file).stem}.{'txt' if form == 'text' else form}"
    with atomic_path(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")
    click.echo(str(path))


def _stream(application, rate, form):
    """Prints what is new as soon as it is known; as JSON, the words so far each time there is another."""
    from zoo.preprocessing import pcm_pieces, resample_pieces

    wanted = application.preprocessor.sample_rate
    pieces = pcm_pieces(sys.stdin.buffer, rate or wanted)
    shown = ""
    for transcript in application.stream(resample_pieces(pieces, rate or wanted, wanted)):
        if transcript == shown:
            continue
        if form == "json":
            words = [word._asdict() for word in transcript.words]
            click.echo(json.dumps({"text": str(transcript), "words": words}))
        else:
            click.echo(transcript[len(shown) :], nl=False)
        shown = str(transcript)
    if form == "text":
        click.echo()


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder for WAVs and manifest.")
@click.option("--voices", help="PROGRAM:VOICE,...  By default all that are installed.")
@click.option("--each", is_flag=True, help="Every line by every voice; else the voices take turns.")
@click.option("--rate", type=click.IntRange(4000, 48000), default=16000, show_default=True, help="In Hz.")
@user_errors
def speak(file, out, voices, each, rate):
    """Speak the lines of text FILE by synthetic voices (flite, festival, espeak-ng, Piper, Kokoro).

    Into WAV files with a manifest.

    PROGRAM:VOICE*1.2 is another speaker out of the same voice, higher by a fifth. A broken-off run goes on
    when it is started again. `zoo fit speech_english --data DIR` learns from it.
    """
    from zoo.datasets import speak_texts
    from zoo.files import read_text

    lines = [line.strip() for line in read_text(file).splitlines()]
    names = [name.strip() for name in voices.split(",")] if voices else None
    lines = [line for line in lines if line]
    manifest = speak_texts(lines, out, names, each=each, sample_rate=rate, progress=sys.stderr.isatty())
    count = len(manifest.read_text(encoding="utf-8").splitlines())
    click.echo(f"{count} recordings in {manifest}")
