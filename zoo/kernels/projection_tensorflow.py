"""Products of bfloat16 in loops that XLA compiles."""

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla
from tensorflow.compiler.xla import xla_data_pb2

DIMENSIONS = xla_data_pb2.DotDimensionNumbers(
    lhs_batch_dimensions=[0],
    rhs_batch_dimensions=[0],
    lhs_contracting_dimensions=[2],
    rhs_contracting_dimensions=[1],
)


def products_tensorflow(x, y):
    """x [G, R, D] times y [G, D, P] -> [G, R, P], bfloat16.

    With a sum in float32 XLA leaves it to its library; else it makes all of y float32 at every step.
    """
    return tf.cast(xla.dot_general(x, y, DIMENSIONS, preferred_element_type=tf.float32), tf.bfloat16)
