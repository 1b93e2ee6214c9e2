"""The table of `replica_table.py` on JAX: its devices share the batches, or the transformer blocks.

    KERAS_BACKEND=jax XLA_FLAGS=--xla_force_host_platform_device_count=4 python replica_table_jax.py KEY ...

A key is APPLICATION-CASE-STRATEGY. Prints the largest differences from one device as JSON, a line each.
"""

import json
import sys

from replica_table import APPLICATIONS, BATCH, CASES, add_test_folders, difference, train

from zoo.training import strategy

# JAX takes no strings, batch norm on it is of one kind, and no batch of a device is ever empty.
NOT_HERE = ("bool_and_string_inputs", "fused_batch_norm", "sgd_odd_batches", "xla")
TRANSFORMERS = ("text_classifier",)
# Each length of text and sound is compiled anew: two steps, and answers where the application has its own.
# SGD, since Adam steps as far where a gradient is rounding alone, as of a bias before a softmax over places.
SHORT = {
    "two_steps": {"rows": 2 * BATCH, "optimizer": "sgd"},
    "two_steps_and_answers": {"rows": 2 * BATCH, "optimizer": "sgd", "answers": True},
}
OWN_ANSWERS = ("text_generator", "question_answerer", "speech_recognizer")


def keys():
    """What the tests ask for."""
    first = next(iter(APPLICATIONS))
    found = [f"{first}-{case}-data_parallel" for case in CASES if case not in NOT_HERE]
    others = [name for name in APPLICATIONS if name != first]
    found += [f"{name}-{_short(name)}-data_parallel" for name in others]
    return found + [f"{name}-{_short(name)}-model_parallel" for name in TRANSFORMERS]


def _short(name):
    return "two_steps_and_answers" if name in OWN_ANSWERS else "two_steps"


def measure(key, known):
    name, case, several = key.split("-")
    example = APPLICATIONS[name]()
    arguments = {**(CASES | SHORT)[case], "never_empty": False}
    if (name, case) not in known:
        known[name, case] = train(example, strategy.choose("one", quiet=True), **arguments)
    values = train(example, strategy.choose(several, quiet=True), **arguments)
    return max(difference(a, b) for a, b in zip(known[name, case], values, strict=True))


def main(*chosen):
    add_test_folders()
    known = {}
    for key in chosen:
        try:
            found = measure(key, known)
        except BaseException as error:
            skipped = type(error).__name__ == "Skipped"  # pytest's, for a package that is missing
            found = "skipped" if skipped else f"{type(error).__name__}: {str(error)[:2000]}"
        print(json.dumps({key: found}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
