"""GRU and LSTM loops compiled by XLA in chunks of steps, with a hand-written gradient.

A chunk has a fixed number of steps, so one program serves sequences of every length: the last chunk is
padded and stops early. The forward loop keeps its gates. The backward pass computes from them, for all steps
of a chunk at once, what the gates contribute; its loop is then a few element-wise products and one matrix
product a step, and the gradient of the recurrent kernel is one matrix product at the end.

Shapes: T time, C steps of a chunk, B batch, D units.
"""

import tensorflow as tf
from keras import ops

from zoo.kernels.compiled_tensorflow import compiled

CHUNK = 40


def gru_tensorflow(inputs, kernel, bias, state, keep=None, reverse=False):
    """See `zoo.kernels.recurrent.gru_plain`."""
    masks, units = () if keep is None else (keep,), kernel.shape[0]

    @tf.custom_gradient
    def run(inputs, kernel, bias, state):
        (h, gates), _ = _in_chunks(
            _gru_forward, (units, 4 * units), (inputs, *masks), (kernel, bias), (state,), reverse
        )

        def gradient(upstream):
            before = _states_before(h, state, reverse)
            sequences = (upstream, before, gates, *masks)
            weights = (tf.transpose(kernel),)
            zero = (tf.zeros_like(state),)
            (d_inputs, d_product), (d_state,) = _in_chunks(
                _gru_backward, (3 * units, 3 * units), sequences, weights, zero, not reverse
            )
            d_kernel = _kernel_gradient(before, d_product, kernel)
            d_bias = tf.reduce_sum(d_product[..., 2 * units :], axis=(0, 1))
            return tf.cast(d_inputs, inputs.dtype), d_kernel, tf.cast(d_bias, bias.dtype), d_state

        return h, gradient

    return run(inputs, kernel, bias, state)


def lstm_tensorflow(inputs, kernel, states, keep=None, reverse=False):
    """See `zoo.kernels.recurrent.lstm_plain`."""
    masks, units = () if keep is None else (keep,), kernel.shape[0]

    @tf.custom_gradient
    def run(inputs, kernel, h0, c0):
        (h, c, gates), (_, last_c) = _in_chunks(
            _lstm_forward, (units, units, 4 * units), (inputs, *masks), (kernel,), (h0, c0), reverse
        )

        def gradient(upstream, upstream_c):
            before = _states_before(h, h0, reverse)
            sequences = (upstream, c, _states_before(c, c0, reverse), gates, *masks)
            weights = (tf.transpose(kernel),)
            begin = tf.zeros_like(h0), upstream_c
            (d_gates,), (d_h0, d_c0) = _in_chunks(
                _lstm_backward, (4 * units,), sequences, weights, begin, not reverse
            )
            return tf.cast(d_gates, inputs.dtype), _kernel_gradient(before, d_gates, kernel), d_h0, d_c0

        return (h, last_c), gradient

    return run(inputs, kernel, *states)


@compiled
def _gru_forward(steps, reverse, inputs, *rest):
    """h float32 [C, B, D] and z, r, h', h[t-1] U_h + b side by side, [C, B, 4 D]; the last h."""
    *masks, kernel, bias, state = rest
    units = kernel.shape[0]
    bias, times = tf.cast(bias, "float32"), _times(kernel)

    def step(x, *rest):
        *mask, h = rest
        product = times(h)
        x = tf.cast(x, "float32")
        gates = tf.sigmoid(x[:, : 2 * units] + product[:, : 2 * units])
        z, r = gates[:, :units], gates[:, units:]
        inner = product[:, 2 * units :] + bias
        new = tf.tanh(x[:, 2 * units :] + r * inner)
        new_h = new + z * (h - new)
        h = tf.where(mask[0] > 0, new_h, h) if mask else new_h
        return (h,), (h, tf.concat([gates, new, inner], axis=1))

    return _loop(step, (inputs, *masks), (state,), (units, 4 * units), steps, reverse)


@compiled
def _gru_backward(steps, reverse, upstream, before, gates, *rest):
    """Gradients of the inputs and of the recurrent product, float32 [C, B, 3 D] both; of the state before."""
    *masks, turned, d_state = rest
    units, times = turned.shape[1], _times(turned)
    z, r, new, inner = tf.split(gates, 4, axis=2)
    to_new = (1.0 - z) * (1.0 - new * new)  # dh -> what enters tanh
    to_z = (before - new) * z * (1.0 - z)
    to_r = to_new * inner * r * (1.0 - r)
    if masks:
        to_new, to_z, to_r = (slope * masks[0] for slope in (to_new, to_z, to_r))
        z = z * masks[0] + (1.0 - masks[0])

    def step(y, z, to_new, r, to_z, to_r, d):
        d = y + d
        d_gates, d_new = tf.concat([d * to_z, d * to_r], axis=1), d * to_new
        d_product = tf.concat([d_gates, d_new * r], axis=1)
        d = d * z + times(d_product)
        return (d,), (tf.concat([d_gates, d_new], axis=1), d_product)

    sequences = (upstream, z, to_new, r, to_z, to_r)
    return _loop(step, sequences, (d_state,), (3 * units, 3 * units), steps, reverse)


@compiled
def _lstm_forward(steps, reverse, inputs, *rest):
    """h and c, float32 [C, B, D], and the gates i, f, g, o side by side, [C, B, 4 D]; the last h and c."""
    *masks, kernel, h0, c0 = rest
    units, times = kernel.shape[0], _times(kernel)

    def step(x, *rest):
        *mask, h, c = rest
        i, f, g, o = tf.split(tf.cast(x, "float32") + times(h), 4, axis=1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        new_c = f * c + i * g
        new_h = o * tf.tanh(new_c)
        if mask:
            new_h, new_c = (tf.where(mask[0] > 0, new, old) for new, old in ((new_h, h), (new_c, c)))
        return (new_h, new_c), (new_h, new_c, tf.concat([i, f, g, o], axis=1))

    return _loop(step, (inputs, *masks), (h0, c0), (units, units, 4 * units), steps, reverse)


@compiled
def _lstm_backward(steps, reverse, upstream, c, c_before, gates, *rest):
    """Gradient of the gates before their functions, float32 [C, B, 4 D]; of h and c before."""
    *masks, turned, d_h, d_c = rest
    units, times = turned.shape[1], _times(turned)
    i, f, g, o = tf.split(gates, 4, axis=2)
    tanh_c = tf.tanh(c)
    h_to_c, h_to_o = o * (1.0 - tanh_c * tanh_c), tanh_c * o * (1.0 - o)
    c_to_i, c_to_f, c_to_g = g * i * (1.0 - i), c_before * f * (1.0 - f), i * (1.0 - g * g)
    if masks:
        h_to_c, h_to_o, c_to_i, c_to_f, c_to_g = (
            slope * masks[0] for slope in (h_to_c, h_to_o, c_to_i, c_to_f, c_to_g)
        )
        f = f * masks[0] + (1.0 - masks[0])

    def step(y, h_to_c, h_to_o, c_to_i, c_to_f, c_to_g, f, *rest):
        *mask, dh, dc = rest
        dh = y + dh
        dc = dc + dh * h_to_c
        d_gates = tf.concat([dc * c_to_i, dc * c_to_f, dc * c_to_g, dh * h_to_o], axis=1)
        back = times(d_gates)
        if mask:
            back += dh * (1.0 - mask[0])
        return (back, dc * f), (d_gates,)

    sequences = (upstream, h_to_c, h_to_o, c_to_i, c_to_f, c_to_g, f, *masks)
    return _loop(step, sequences, (d_h, d_c), (4 * units,), steps, reverse)


def _times(kernel):
    """x -> x times the kernel, float32 [B, D'], of an x rounded to the kernel's precision.

    XLA has no fast product of bfloat16 on a CPU; of the same numbers in float32 it has one.
    """
    exact = tf.cast(kernel, "float32")
    return lambda x: tf.matmul(tf.cast(tf.cast(x, kernel.dtype), "float32"), exact)


def _loop(step, sequences, states, widths, steps, reverse):
    """`step(*sequences[t], *states) -> states, outputs` over the first `steps` of a chunk, or its last ones.

    Returns: the outputs, float32 [C, B, width] each, 0 where no step was made; the states then.
    """
    batch = tf.shape(states[0])[0]

    def body(number, states, outputs):
        t = CHUNK - 1 - number if reverse else number
        states, results = step(*(s[t] for s in sequences), *states)
        return (
            number + 1,
            states,
            [ops.slice_update(o, (t, 0, 0), r[None]) for o, r in zip(outputs, results, strict=True)],
        )

    outputs = [tf.zeros((CHUNK, batch, width)) for width in widths]
    _, states, outputs = tf.while_loop(lambda number, *_: number < steps, body, (0, tuple(states), outputs))
    return tuple(outputs), states


def _in_chunks(chunk, widths, sequences, weights, states, reverse):
    """`chunk(steps, reverse, *C steps of the sequences, *weights, *states) -> outputs, states` over all T.

    Nothing in it has a gradient: its callers bring their own.

    Returns: the outputs, float32 [T, B, width] each; the last states.
    """
    sequences, weights, states = tf.nest.map_structure(tf.stop_gradient, (sequences, weights, states))
    length, batch = tf.unstack(tf.shape(sequences[0])[:2])
    chunks = -(-length // CHUNK)
    missing = chunks * CHUNK - length
    padding = (missing, 0) if reverse else (0, missing)
    whole = [tf.pad(s, (padding, (0, 0), (0, 0))) for s in sequences]
    shapes = [(CHUNK, sequences[0].shape[1], width) for width in widths]
    writes = [tf.TensorArray("float32", chunks, element_shape=shape) for shape in shapes]

    def body(number, states, writes):
        index = chunks - 1 - number if reverse else number
        steps = tf.minimum(length - number * CHUNK, CHUNK)
        parts = [tf.slice(w, (index * CHUNK, 0, 0), (CHUNK, batch, w.shape[2])) for w in whole]
        for part, sequence in zip(parts, sequences, strict=True):
            part.set_shape((CHUNK, *sequence.shape[1:]))
        results, after = chunk(steps, reverse, *parts, *weights, *states)
        # A program that was traced for any batch serves this one, too, and does not say its size.
        states = tuple(tf.ensure_shape(new, old.shape) for new, old in zip(after, states, strict=True))
        return number + 1, states, [array.write(index, r) for array, r in zip(writes, results, strict=True)]

    _, states, writes = tf.while_loop(lambda number, *_: number < chunks, body, (0, tuple(states), writes))
    outputs = [tf.reshape(w.stack(), (-1, batch, width)) for w, width in zip(writes, widths, strict=True)]
    outputs = [output[missing:] if reverse else output[:length] for output in outputs]
    return tuple(tf.ensure_shape(o, (None, *s[1:])) for o, s in zip(outputs, shapes, strict=True)), states


def _states_before(states, first, reverse):
    """What every step started from, [T, B, D]."""
    parts = [states[1:], first[None]] if reverse else [first[None], states[:-1]]
    return tf.concat(parts, axis=0)


def _kernel_gradient(before, gates, kernel):
    before = tf.reshape(before, (-1, kernel.shape[0]))
    gates = tf.reshape(gates, (-1, kernel.shape[1]))
    return tf.matmul(tf.cast(before, kernel.dtype), tf.cast(gates, kernel.dtype), transpose_a=True)
