"""A recipe: everything a published result needs, as literal numbers."""

import dataclasses

from zoo.training.recipe_fields import FIELDS


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How an application is trained. `Application.compile(recipe)` and `fit` read their defaults from it.

    Args:
        epochs, batch_size: batch_size is over all devices.
        epoch_steps: batches of an epoch, drawn anew for each; None for all of the data.
        accumulate: micro-batches that a batch is cut into where it does not fit in memory.
        optimizer: a name of `zoo.training.optimizers.OPTIMIZERS`.
        learning_rate: the peak of the schedule.
        warmup: steps of linear warm-up; a number below 1 is a share of all steps.
        schedule: "constant", "linear" or "cosine" after the warm-up.
        momentum, weight_decay, ema, clip_norm: see `zoo.training.make_optimizer`.
        layer_decay: a layer's learning rate is that of the layer above it times this, the head's is
            `learning_rate` (arXiv:1801.06146); for encoders of texts, with "adamw".
        lora: rank of low-rank changes that train in place of the network (arXiv:2106.09685); 0 for none.
        patience: epochs without a better `monitor` after which training stops, with the weights of the best
            epoch; 0: all epochs.
        monitor: a metric of the validation split.
        label_smoothing: share of the target spread over all classes (arXiv:1512.00567).
        augment: arguments of the preprocessing's augmentation.
        train_sizes: pairs (first epoch, side in pixels) of progressive resizing (arXiv:2104.00298); none: the
            preprocessor's size throughout. Validation always sees the preprocessor's size.
        precision: a Keras dtype policy.
        seed: of weights, order and augmentation.
        name: of the result, for instance "resnet20.fashion_mnist".
        application, model, data: what to build and on what.
        start: pretrained weights to begin from, in place of `model`.
        preprocessor: arguments of the preprocessor.
        decoder: of a speech recognizer: arguments of a `zoo.decoding.BeamSearch`; "order" and "least" of the
            `zoo.decoding.NGram` that is trained on the transcripts for it, and on "texts", names of data sets
            or .txt files of a sentence a line; {}: greedy decoding.
        train_split, validation_split, test_split: names of the data's splits; "" for none of the last two.

    Raises: ValueError for a value that a field cannot have.

    Example:
        >>> Recipe(epochs=2).replace(batch_size=64).batch_size
        64
    """

    epochs: int = 10
    batch_size: int = 128
    epoch_steps: int | None = None
    accumulate: int = 1
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    warmup: float = 0.05
    schedule: str = "cosine"
    momentum: float = 0.9
    weight_decay: float = 0.0
    ema: float | None = None
    clip_norm: float | None = None
    layer_decay: float = 1.0
    lora: int = 0
    patience: int = 0
    monitor: str = "val_loss"
    label_smoothing: float = 0.0
    augment: dict = dataclasses.field(default_factory=dict)
    train_sizes: tuple = ()
    precision: str = "float32"
    seed: int = 0
    name: str = ""
    application: str = ""
    model: str = ""
    start: str = ""
    data: str = ""
    preprocessor: dict = dataclasses.field(default_factory=dict)
    decoder: dict = dataclasses.field(default_factory=dict)
    train_split: str = "train"
    validation_split: str = "validation"
    test_split: str = "test"

    def __post_init__(self):
        for field in dataclasses.fields(self):  # a recipe read back from JSON equals the one written
            value = _frozen(getattr(self, field.name))
            expected, fits = FIELDS[field.name]
            if not fits(value):
                raise ValueError(f"{field.name}: expected {expected}, found {value!r}")
            object.__setattr__(self, field.name, value)

    def replace(self, **changes) -> "Recipe":
        """A copy with some fields changed; unknown names raise a ValueError that lists the fields."""
        known = [field.name for field in dataclasses.fields(self)]
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise ValueError(f"recipe: expected fields among {known}, found {unknown}")
        return dataclasses.replace(self, **changes)

    def warmup_steps(self, total_steps: int) -> int:
        """Steps of warm-up in a run of `total_steps`."""
        steps = self.warmup * total_steps if self.warmup < 1 else self.warmup
        return min(int(steps), total_steps)

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)


def _frozen(value):
    """Lists as tuples, in depth."""
    if isinstance(value, dict):
        return {key: _frozen(entry) for key, entry in value.items()}
    return tuple(_frozen(entry) for entry in value) if isinstance(value, (list, tuple)) else value
