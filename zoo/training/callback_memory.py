"""What Keras' callbacks remember from epoch to epoch, for checkpoints."""

import keras
import numpy as np

# Keras' callbacks have no way to give their state out, so it is named here.
REMEMBERED = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best", "epochs_since_last_save"),
}


def memory(callbacks):
    """(numbers, arrays) that `recall` takes: the first for JSON, the second by name.

    A callback of another kind takes part by two methods: `get_state()` gives a dict for JSON and
    `set_state(dict)` takes it.

    Example:
        >>> stopping = keras.callbacks.EarlyStopping()
        >>> stopping.wait = 2
        >>> memory([stopping])[0]["0/EarlyStopping"]["wait"]
        2
    """
    numbers, arrays = {}, {}
    for i, callback in enumerate(callbacks):
        name = f"{i}/{type(callback).__name__}"
        if hasattr(callback, "get_state"):
            numbers[name] = callback.get_state()
            continue
        for field in _fields(callback):
            value = getattr(callback, field, None)
            if field == "best_weights":
                for j, weights in enumerate(value or ()):
                    arrays[f"callbacks/{name}/{field}/{j:05d}"] = np.array(weights, order="C")
            elif value is not None:
                numbers.setdefault(name, {})[field] = np.asarray(value).item()
    return numbers, arrays


def recall(callbacks, numbers, arrays):
    """Puts back what `memory` gave, where the callback in that place is still of that class."""
    for i, callback in enumerate(callbacks):
        name = f"{i}/{type(callback).__name__}"
        if hasattr(callback, "set_state") and hasattr(callback, "get_state"):
            if name in numbers:
                callback.set_state(numbers[name])
            continue
        for field, value in numbers.get(name, {}).items():
            setattr(callback, field, value)
        weights = sorted(key for key in arrays if key.startswith(f"callbacks/{name}/best_weights/"))
        if weights:
            callback.best_weights = [arrays[key] for key in weights]


def _fields(callback):
    return next((fields for kind, fields in REMEMBERED.items() if isinstance(callback, kind)), ())
