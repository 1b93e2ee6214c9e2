"""`zoo predict`, `zoo embed`, `zoo generate`, `zoo chat` and `zoo score`."""

import contextlib
import json

import click
from zoo.applications.commands.common import load, user_errors


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("--weights", default="resnet20.fashion_mnist", show_default=True, help="Name, folder or file.")
@click.option(
    "--top-k", type=click.IntRange(1), default=1, show_default=True, help="Likeliest labels to print."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_errors
def predict(inputs, weights, top_k, as_json):
    """The answers of weights for INPUTS: image or audio files, or texts."""
    for text, record in load(weights).lines(list(inputs), top_k=top_k):
        click.echo(json.dumps(record) if as_json else text)


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--weights", default="minilm-l6", show_default=True, help="Name or folder of an encoder.")
@click.option("--out", type=click.Path(dir_okay=False), help="A .npy file; JSON lines on the screen without.")
@user_errors
def embed(file, weights, out):
    """Sentence vectors of the lines of FILE (standard input without one)."""
    import numpy as np

    from zoo.files import atomic_path, decoded

    texts = decoded(file.read(), file.name).splitlines()
    if not texts:
        raise ValueError(f"file: expected at least one line, found none in {file.name!r}")
    vectors = load(weights, "TextEncoder").embed(texts)
    if not out:
        for text, vector in zip(texts, vectors, strict=True):
            click.echo(json.dumps({"text": text, "vector": [round(float(v), 6) for v in vector]}))
        return
    with atomic_path(out) as partial, open(partial, "wb") as target:
        np.save(target, vectors)
    click.echo(f"{vectors.shape[0]} vectors of {vectors.shape[1]} numbers in {out}")


def sampling(command):
    """Options of the sampler, for the commands that write text."""
    for option in (
        click.option("--max-new-tokens", type=click.IntRange(1), default=128, show_default=True),
        click.option("--temperature", type=float, default=0.8, show_default=True, help="0: the likeliest."),
        click.option("--top-k", type=click.IntRange(1), help="Draw among the k likeliest tokens."),
        click.option("--top-p", type=float, help="Draw among the likeliest that hold probability p."),
        click.option("--seed", type=int, help="The same seed gives the same text."),
        click.option("--int8", is_flag=True, help="Kernels of 8 bits: faster, a little less sure."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@click.argument("prompt")
@sampling
@user_errors
def generate(name, prompt, int8, **options):
    """Continue PROMPT by weights NAME; the text is shown as it comes."""
    pieces = generator(name, int8).generate([prompt], stream=True, **given(options))
    click.echo(prompt + next(pieces, ""), nl=False)
    for piece in pieces:
        click.echo(piece, nl=False)
    click.echo()


@click.command()
@click.argument("name")
@sampling
@user_errors
def chat(name, int8, **options):
    """Talk with weights NAME; an empty line or the end of the input ends it."""
    application = generator(name, int8)
    messages = []
    with contextlib.suppress(click.Abort, EOFError):
        while question := click.prompt("you", default="", show_default=False).strip():
            messages.append({"role": "user", "content": question})
            answer = ""
            for piece in application.chat(messages, stream=True, **given(options)):
                click.echo(piece, nl=False)
                answer += piece
            click.echo()
            messages.append({"role": "assistant", "content": answer})


def generator(name, int8):
    """The `TextGenerator` of weights NAME, with kernels of 8 bits where that is asked for."""
    application = load(name, "TextGenerator")
    if int8:
        application.quantize("int8")
    return application


def given(options):
    """Those options that have a value."""
    return {key: value for key, value in options.items() if value is not None}


@click.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@user_errors
def score(name, files):
    """How well weights NAME foresee the text of FILES: perplexity a token and bits a byte."""
    from zoo.files import read_text

    texts = [read_text(file) for file in files]
    application = load(name, "TextGenerator")
    for file, result in zip(files, application.score(texts), strict=True):
        figures = "  ".join(f"{key} {value:.4f}" for key, value in result.items() if isinstance(value, float))
        click.echo(f"{file}  {figures}")
