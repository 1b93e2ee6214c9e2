"""The `zoo` command. Mistakes of the user end with one line on standard error and exit code 2."""

import click
from zoo.applications.commands import answers, speech, training, weights
from zoo.applications.commands.common import with_changes

__all__ = ["main", "with_changes"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="keras-zoo", prog_name="zoo")
def main():
    """Pretrained Keras applications: raw data in, answer out.

    Set ZOO_DEBUG=1 to see the traceback of an error.
    """


for command in (
    weights.list_weights,
    training.fit,
    training.evaluate,
    training.report,
    training.tune,
    answers.predict,
    answers.embed,
    answers.generate,
    answers.chat,
    answers.score,
    speech.transcribe,
    speech.speak,
    weights.export,
    weights.quickstart,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
