"""AdamW whose step is one kernel."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class AdamW(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` in a third of the time under TensorFlow: 150 to 45 ms for 23M weights.

    Same arguments, state and numbers. With several replicas, `amsgrad` or weights that are not float32, and
    on other backends, the step is Keras' own.

    Args:
        learning_rate: a number or a schedule.
        layer_rates: by the name of a layer, what the learning rate of the weights in it is multiplied by; a
            weight belongs to the outermost of these layers in its path. 1 for all others.
        **kwargs: the other arguments of `keras.optimizers.AdamW`.

    Reference: arXiv:1711.05101.

    Example:
        >>> AdamW(1e-4, weight_decay=0.01).get_config()["weight_decay"]
        0.01
    """

    def __init__(self, learning_rate=1e-3, layer_rates=None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        object.__setattr__(self, "layer_rates", {k: float(v) for k, v in (layer_rates or {}).items()})
        object.__setattr__(self, "_kernels", {})  # TensorFlow would track, and refuse to save, these keys

    def _apply_weight_decay(self, variables):
        if self._has_kernel(variables):
            return
        decay = self.weight_decay
        for rate, places in self._by_rate(variables):
            self.weight_decay = decay * rate
            super()._apply_weight_decay([variables[i] for i in places])
        self.weight_decay = decay

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        if not self._has_kernel(trainable_variables):
            for rate, places in self._by_rate(trainable_variables):
                parts = ([of[i] for i in places] for of in (list(grads), trainable_variables))
                super()._backend_update_step(*parts, learning_rate if rate == 1 else learning_rate * rate)
            return
        step = ops.cast(self.iterations + 1, "float32")
        correction = ops.sqrt(1 - ops.power(self.beta_2, step)) / (1 - ops.power(self.beta_1, step))
        rate = ops.cast(learning_rate, "float32")
        gradients = [ops.convert_to_tensor(gradient, "float32") for gradient in grads]  # sparse ones too
        self._kernel(trainable_variables)(gradients, rate * correction, rate * (self.weight_decay or 0.0))

    def rate_of(self, variable):
        """What the learning rate of a weight is multiplied by."""
        layers = variable.path.split("/")
        return next((self.layer_rates[name] for name in layers if name in self.layer_rates), 1.0)

    def _by_rate(self, variables):
        """(rate, numbers of the variables that have it) of each rate among them."""
        rates = (
            [self.rate_of(variable) for variable in variables] if self.layer_rates else [1.0] * len(variables)
        )
        return [(rate, [i for i, own in enumerate(rates) if own == rate]) for rate in dict.fromkeys(rates)]

    def _has_kernel(self, variables):
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            return False
        strategy = getattr(self, "_distribution_strategy", None)
        if strategy is None or strategy.num_replicas_in_sync > 1:
            return False
        return all(keras.backend.standardize_dtype(variable.dtype) == "float32" for variable in variables)

    def _kernel(self, variables):
        from zoo.kernels.adam_tensorflow import make_adam_tensorflow

        key = tuple(id(variable) for variable in variables)
        if key not in self._kernels:
            places = [self._get_variable_index(variable) for variable in variables]
            parts = (variables, *([of[i] for i in places] for of in (self._momentums, self._velocities)))
            self._kernels[key] = make_adam_tensorflow(
                *([variable.value for variable in part] for part in parts),
                [self._use_weight_decay(variable) for variable in variables],
                [self.rate_of(variable) for variable in variables],
                self.beta_1,
                self.beta_2,
                self.epsilon,
            )
        return self._kernels[key]

    def get_config(self):
        return {**super().get_config(), "layer_rates": self.layer_rates}
