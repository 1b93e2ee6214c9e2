"""Arithmetic of a model and of the machine, for the share of the machine that a run uses."""

import time


def training_flops(model, spec):
    """Floating point operations of forward and backward for one example: three times the forward's.

    Counted are products and what TensorFlow's profiler knows besides; of the recurrent layers of `zoo.layers`
    also the product of every step with the state.

    Args:
        model: a built model, TensorFlow backend.
        spec: `tf.TensorSpec`s of its inputs with a batch axis first and no other unknown size.

    Example:
        >>> import tensorflow as tf
        >>> dense = keras.Sequential([keras.Input((100,)), keras.layers.Dense(10, use_bias=False)])
        >>> training_flops(dense, tf.TensorSpec((None, 100)))
        6000
    """
    import tensorflow as tf

    one = tf.nest.map_structure(lambda s: tf.TensorSpec((1, *s.shape[1:]), s.dtype), spec)
    steps = []
    with _states_counted(model, steps):
        graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(one).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    return 3 * (tf.compat.v1.profiler.profile(graph, options=options).total_float_ops + sum(steps))


class _states_counted:
    """While it lasts the recurrent layers of `model` add the operations of their loops to a list."""

    def __init__(self, model, counts):
        from zoo.layers.recurrent import Recurrent

        self.layers = [v for v in model._flatten_layers() if isinstance(v, Recurrent)]
        self.counts = counts
        self.steps = None

    def __enter__(self):
        for layer in self.layers:
            self._count(layer)

    def _count(self, layer):
        run = layer.run

        def counted(x, *arguments, **options):
            time_axis = 0 if layer.time_major else 1
            sizes = [recurrent.shape[0] * recurrent.shape[1] for _, recurrent, _ in layer.weights_of]
            self.steps = x.shape[time_axis] or self.steps  # of what comes out of a loop it is not known
            self.counts.append(2 * self.steps * sum(sizes))
            return run(x, *arguments, **options)

        object.__setattr__(layer, "run", counted)

    def __exit__(self, *_):
        for layer in self.layers:
            object.__delattr__(layer, "run")


def product_speed(side=1024, repeats=5):
    """Floating point operations a second of a float32 product of two `side` x `side` matrices, the best time.

    What a network can reach on this device at most; of one device, TensorFlow backend.

    Example:
        >>> product_speed(side=64) > 0
        True
    """
    import tensorflow as tf

    a, times = tf.ones((side, side)), []
    product = tf.function(lambda: tf.reduce_sum(tf.linalg.matmul(a, a)))
    for _ in range(1 + repeats):
        begin = time.perf_counter()
        product().numpy()
        times.append(time.perf_counter() - begin)
    return 2 * side**3 / min(times[1:])
