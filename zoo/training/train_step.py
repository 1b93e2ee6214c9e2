"""One train step for all applications: the same numbers on any number of devices, through plain `fit`.

`TrainStep` is the mixin of the running backend. On one device Keras' own step is right, and it is that step.

With replicas i = 1..R, micro-batches j = 1..k, c_ij the count of examples (of tokens, where the loss is
weighted by them), N = sum c_ij and l_ij the mean loss of a micro-batch:

    g = sum_ij (c_ij / N) grad l_ij          all-reduced, in float32 of the variables
    skip the step everywhere if g is not finite (float16), else clip by the norm of g, then update
"""

import keras

if keras.backend.backend() == "tensorflow":
    from zoo.training.train_step_tensorflow import TrainStep
elif keras.backend.backend() == "jax":
    from zoo.training.train_step_jax import TrainStep
else:

    class TrainStep:
        """Keras' own step, on one device."""


__all__ = ["TrainStep"]
