"""GRU and LSTM loops with a hand-written gradient.

The forward loop keeps the recurrent products. The backward pass computes from them, for all steps at once,
what the gates contribute; its loop is then two element-wise products and one matrix product a step, and the
gradient of the recurrent kernel is one matrix product at the end.

Shapes: T time, B batch, D units.
"""

import tensorflow as tf


def gru_tensorflow(inputs, kernel, bias, state, reverse=False):
    """See `zoo.kernels.recurrent.gru_plain`."""

    @tf.custom_gradient
    def run(inputs, kernel, bias, state):
        h, products = _gru_forward(inputs, kernel, bias, state, reverse)

        def gradient(upstream):
            return _gru_backward(upstream, h, products, inputs, kernel, bias, state, reverse)

        return h, gradient

    return run(inputs, kernel, bias, state)


def lstm_tensorflow(inputs, kernel, states, keep=None, reverse=False):
    """See `zoo.kernels.recurrent.lstm_plain`."""

    @tf.custom_gradient
    def run(inputs, kernel, h0, c0):
        h, c, gates = _lstm_forward(inputs, kernel, h0, c0, keep, reverse)

        def gradient(upstream, upstream_c):
            return _lstm_backward(upstream, upstream_c, h, c, gates, kernel, h0, c0, keep, reverse)

        return (h, c[0 if reverse else -1]), gradient

    return run(inputs, kernel, *states)


@tf.function
def _gru_forward(inputs, kernel, bias, state, reverse):
    units = kernel.shape[0]
    bias = tf.pad(
        tf.cast(bias, kernel.dtype), ((2 * units, 0),)
    )  # a matrix product with bias is one operation

    def step(x, h):
        product = tf.nn.bias_add(tf.matmul(tf.cast(h, kernel.dtype), kernel), bias)
        product = tf.cast(product, "float32")
        x_gates, x_new = tf.split(tf.cast(x, "float32"), (2 * units, units), axis=1)
        p_gates, p_new = tf.split(product, (2 * units, units), axis=1)
        z, r = tf.split(tf.sigmoid(x_gates + p_gates), 2, axis=1)
        new = tf.tanh(x_new + r * p_new)
        h = new + z * (h - new)
        return (h,), (h, product)

    return _loop(step, (inputs,), (state,), 2, reverse)


@tf.function
def _gru_backward(upstream, h, products, inputs, kernel, bias, state, reverse):
    units = kernel.shape[0]
    before = _states_before(h, state, reverse)  # [T, B, D]
    x_gates, x_new = tf.split(tf.cast(inputs, "float32"), (2 * units, units), axis=2)
    p_gates, p_new = tf.split(products, (2 * units, units), axis=2)
    z, r = tf.split(tf.sigmoid(x_gates + p_gates), 2, axis=2)
    new = tf.tanh(x_new + r * p_new)
    to_new = (1.0 - z) * (1.0 - new * new)  # dh -> what enters tanh
    to_z = (before - new) * z * (1.0 - z)
    to_product = to_new * r
    slopes = tf.stack([to_z, to_product * p_new * (1.0 - r), to_product], axis=2)  # [T, B, 3, D]

    def step(y, slope, z, d):
        d = y + d
        gates = tf.reshape(d[:, None] * slope, (-1, 3 * units))
        back = tf.matmul(tf.cast(gates, kernel.dtype), kernel, transpose_b=True)
        return (d * z + tf.cast(back, "float32"),), (d, gates)

    zero = tf.zeros_like(state)
    *(d, gates), d_state = _loop(step, (upstream, slopes, z), (zero,), 2, not reverse, last=True)
    d_inputs = tf.concat([gates[..., : 2 * units], d * to_new], axis=2)
    d_kernel = _kernel_gradient(before, gates, kernel)
    d_bias = tf.reduce_sum(gates[..., 2 * units :], axis=(0, 1))
    return tf.cast(d_inputs, inputs.dtype), d_kernel, tf.cast(d_bias, bias.dtype), d_state


@tf.function
def _lstm_forward(inputs, kernel, h0, c0, keep, reverse):
    units = kernel.shape[0]

    def step(x, *rest):
        *masked, h, c = rest
        gates = tf.cast(x, "float32") + tf.cast(tf.matmul(tf.cast(h, kernel.dtype), kernel), "float32")
        i, f, _, o = tf.split(tf.sigmoid(gates), 4, axis=1)  # one call, a quarter of it unused
        new_c = f * c + i * tf.tanh(gates[:, 2 * units : 3 * units])
        new_h = o * tf.tanh(new_c)
        if masked:
            new_h, new_c = (tf.where(masked[0] > 0, new, old) for new, old in ((new_h, h), (new_c, c)))
        return (new_h, new_c), (new_h, new_c, gates)

    sequences = (inputs,) if keep is None else (inputs, keep)
    return _loop(step, sequences, (h0, c0), 3, reverse)


@tf.function
def _lstm_backward(upstream, upstream_c, h, c, gates, kernel, h0, c0, keep, reverse):
    units = kernel.shape[0]
    h_before, c_before = _states_before(h, h0, reverse), _states_before(c, c0, reverse)
    i, f, g, o = tf.split(gates, 4, axis=2)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    tanh_c = tf.tanh(c)
    h_to_c = o * (1.0 - tanh_c * tanh_c)
    h_to_o = tanh_c * o * (1.0 - o)
    slopes = tf.stack([g * i * (1.0 - i), c_before * f * (1.0 - f), i * (1.0 - g * g)], axis=2)
    if keep is not None:
        h_to_c, h_to_o, slopes = h_to_c * keep, h_to_o * keep, slopes * keep[:, :, None]
        f = f * keep + (1.0 - keep)

    def step(y, h_to_c, h_to_o, slope, f, *rest):
        *masked, dh, dc = rest
        dh = y + dh
        dc = dc + dh * h_to_c
        from_c = tf.reshape(dc[:, None] * slope, (-1, 3 * units))
        gates = tf.concat([from_c, dh * h_to_o], axis=1)
        back = tf.cast(tf.matmul(tf.cast(gates, kernel.dtype), kernel, transpose_b=True), "float32")
        if masked:
            back += dh * (1.0 - masked[0])
        return (back, dc * f), (gates,)

    sequences = (upstream, h_to_c, h_to_o, slopes, f, *(() if keep is None else (keep,)))
    begin = tf.zeros_like(h0), upstream_c
    gates, d_h0, d_c0 = _loop(step, sequences, begin, 1, not reverse, last=True)
    return tf.cast(gates, kernel.dtype), _kernel_gradient(h_before, gates, kernel), d_h0, d_c0


def _loop(step, sequences, states, outputs, reverse, last=False):
    """`step(*sequences[t], *states) -> states, outputs` over all t; stacked outputs, then the last states."""
    length = tf.shape(sequences[0])[0]
    reads = [tf.TensorArray(s.dtype, length).unstack(s) for s in sequences]
    writes = [tf.TensorArray("float32", length) for _ in range(outputs)]

    def body(count, states, writes):
        t = length - 1 - count if reverse else count
        states, results = step(*(array.read(t) for array in reads), *states)
        return count + 1, states, [array.write(t, r) for array, r in zip(writes, results, strict=True)]

    _, states, writes = tf.while_loop(
        lambda count, *_: count < length, body, (0, tuple(states), writes), maximum_iterations=length
    )
    stacked = [array.stack() for array in writes]
    return (*stacked, *states) if last else tuple(stacked)


def _states_before(states, first, reverse):
    """What every step started from, [T, B, D]."""
    parts = [states[1:], first[None]] if reverse else [first[None], states[:-1]]
    return tf.concat(parts, axis=0)


def _kernel_gradient(before, gates, kernel):
    before = tf.reshape(before, (-1, kernel.shape[0]))
    gates = tf.reshape(gates, (-1, kernel.shape[1]))
    return tf.matmul(tf.cast(before, kernel.dtype), tf.cast(gates, kernel.dtype), transpose_a=True)
