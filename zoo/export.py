"""An application to a SavedModel: raw data in, answers out, with TensorFlow alone on the other side."""

import contextlib
import errno
import os
import pathlib
import shutil
import tempfile

import keras
import numpy as np

from zoo.files import make_folder


def export(application, folder):
    """Writes `application.signatures()` as a SavedModel, reloads it, compares it, then puts it at `folder`.

    Args:
        application: an object with `signatures()` (name -> (function, input specs)) and `export_example()`
            (name -> (input, or inputs by name, expected outputs)); maybe `export_resources()` (tables).
        folder: where the SavedModel goes; an older SavedModel there is replaced once the new one is good.

    Raises: ValueError if `folder` holds something else, if the reloaded model disagrees with `predict`, or on
    another backend than TensorFlow.
    """
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"KERAS_BACKEND: expected 'tensorflow' to write a SavedModel, found {keras.backend.backend()!r}; "
            "save_pretrained here, from_pretrained and export there"
        )

    folder = pathlib.Path(folder)
    if folder.exists() and not (folder.is_dir() and (_is_saved_model(folder) or not any(folder.iterdir()))):
        raise ValueError(
            f"folder: expected a new or empty folder or an older SavedModel, found {str(folder)!r}"
        )
    make_folder(folder.parent)
    try:
        partial = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        message = f"folder: expected one that can be made, found {str(folder)!r}: {error.strerror}"
        raise OSError(error.errno, message) from error
    try:
        archive = keras.export.ExportArchive()
        # The variables that endpoints use are found by themselves; the model itself would bring a signature
        # of Keras' guessing. Lookup tables must be named.
        for resource in getattr(application, "export_resources", tuple)():
            archive.track(resource)
        for name, (function, specs) in application.signatures().items():
            archive.add_endpoint(name, function, input_signature=specs)
        _write_out(archive, partial, folder)
        _compare(tf.saved_model.load(str(partial)), application)
        partial.chmod(0o755)
        _replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_out(archive, partial, folder):
    """Into the folder `partial`; where the disk is full, an OSError that names `folder`."""
    import tensorflow as tf

    try:
        archive.write_out(partial, verbose=False)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or error.message.rpartition("; ")[2]
        message = f"folder: {str(folder)!r} was not written and what was there is unchanged: {reason}"
        raise OSError(getattr(error, "errno", None) or errno.EIO, message) from error


def _is_saved_model(folder):
    return (folder / "saved_model.pb").is_file()


def _replace(new, old):
    """Moves folder `new` to `old`; what was there goes away last."""
    if old.exists():
        aside = pathlib.Path(tempfile.mkdtemp(prefix=f".{old.name}.old.", dir=old.parent))
        moved = aside / old.name
        try:
            os.rename(old, moved)
            os.rename(new, old)
        except BaseException:
            if moved.exists() and not old.exists():
                os.rename(moved, old)
            with contextlib.suppress(OSError):
                aside.rmdir()  # not where the old one is still in it
            raise
        shutil.rmtree(aside)
    else:
        os.rename(new, old)


def _compare(loaded, application, tolerance=1e-4):
    import tensorflow as tf

    for name, (raw, expected) in application.export_example().items():
        signature = loaded.signatures[name]
        if isinstance(raw, dict):
            outputs = signature(**{key: tf.constant(value) for key, value in raw.items()})
        else:
            outputs = signature(tf.constant(raw))
        for key, values in expected.items():
            worst = float(np.abs(outputs[key].numpy() - values).max())
            if not worst <= tolerance:
                raise ValueError(
                    f"export: expected {key} of signature {name} within {tolerance} of predict, found a "
                    f"difference of {worst:.3g}"
                )
