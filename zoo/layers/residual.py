"""Residual blocks of ResNet (He et al. 2015, arXiv:1512.03385; pre-activation: arXiv:1603.05027).

Shapes: B batch, H height, W width, C channels, C' channels of the output, s stride.
"""

import keras
from keras import ops

from zoo.layers.blur_pool import BlurPool2D
from zoo.layers.convolution import Conv2D
from zoo.layers.normalization import BatchNorm
from zoo.layers.squeeze_excite import SqueezeExcite


class ResidualBlock(keras.layers.Layer):
    """What the three blocks share: their arguments, the shortcut, stochastic depth and the build.

    A block lists its layers in `build` with `self.add(name, layer, shape)`, which builds each one on the
    shape it will see and returns the shape that follows.
    """

    expansion = 1

    def __init__(
        self,
        filters,
        stride=1,
        shortcut="conv",
        squeeze_excite=0.0,
        antialias=False,
        drop_path=0.0,
        zero_init=True,
        epsilon=1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if shortcut not in ("conv", "pool"):
            raise ValueError(f"shortcut: expected 'conv' or 'pool', found {shortcut!r}")
        if not 0 <= drop_path < 1:
            raise ValueError(f"drop_path: expected a probability in [0, 1), found {drop_path}")
        self.filters = filters
        self.stride = stride
        self.shortcut = shortcut
        self.squeeze_excite = squeeze_excite
        self.antialias = antialias
        self.drop_path = drop_path
        self.zero_init = zero_init
        self.epsilon = epsilon

    def add(self, name, layer, shape):
        """Builds `layer` on `shape`, keeps it as attribute `name`, returns its output shape."""
        layer.build(shape)
        setattr(self, name, layer)
        return layer.compute_output_shape(shape)

    def conv(self, name, filters, kernel_size, stride=1):
        return Conv2D(filters, kernel_size, stride, name=name, dtype=self.dtype_policy)

    def norm(self, name, last=False):
        gamma = "zeros" if last and self.zero_init else "ones"
        return BatchNorm(epsilon=self.epsilon, gamma_initializer=gamma, name=name, dtype=self.dtype_policy)

    def add_conv(self, name, filters, shape):
        """A 3x3 convolution that carries the block's stride, blurred after it where `antialias`."""
        blur = self.antialias and self.stride > 1
        shape = self.add(name, self.conv(name, filters, 3, 1 if blur else self.stride), shape)
        self.blur = BlurPool2D(self.stride, name="blur", dtype=self.dtype_policy) if blur else None
        if blur:
            self.blur.build(shape)
            self.blurred_shape = self.blur.compute_output_shape(shape)
            return self.blurred_shape
        return shape

    def add_shortcut(self, shape, norm=True):
        """Identity where shapes agree, else [pool ->] 1x1 convolution [-> norm]."""
        channels = self.filters * self.expansion
        self.projects = self.stride > 1 or shape[-1] != channels
        self.shortcut_pool = self.shortcut_conv = self.shortcut_norm = None
        if not self.projects:
            return
        pools = self.stride > 1 and (self.shortcut == "pool" or self.antialias)
        if pools:
            self.shortcut_pool = keras.layers.AveragePooling2D(
                self.stride,
                padding="same",
                data_format="channels_last",
                name="shortcut_pool",
                dtype=self.dtype_policy,
            )
            shape = self.shortcut_pool.compute_output_shape(shape)
        stride = 1 if pools else self.stride
        shape = self.add("shortcut_conv", self.conv("shortcut_conv", channels, 1, stride), shape)
        if norm:
            self.add("shortcut_norm", self.norm("shortcut_norm"), shape)

    def add_tail(self, shape):
        """Squeeze-excite and stochastic depth on the residual branch."""
        self.excite = self.drop = None
        if self.squeeze_excite:
            self.add(
                "excite", SqueezeExcite(self.squeeze_excite, name="excite", dtype=self.dtype_policy), shape
            )
        if self.drop_path:
            self.drop = keras.layers.Dropout(
                self.drop_path, noise_shape=(None, 1, 1, 1), name="drop", dtype=self.dtype_policy
            )

    def call_shortcut(self, x, training):
        if not self.projects:
            return x
        if self.shortcut_pool is not None:
            x = self.shortcut_pool(x)
        x = self.shortcut_conv(x)
        return x if self.shortcut_norm is None else self.shortcut_norm(x, training=training)

    def call_tail(self, y, training):
        if self.excite is not None:
            y = self.excite(y)
        return y if self.drop is None else self.drop(y, training=training)

    def call_blur(self, y):
        return y if self.blur is None else self.blur(y)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        height, width = (None if n is None else -(-n // self.stride) for n in (height, width))
        return batch, height, width, self.filters * self.expansion

    def get_config(self):
        names = ("filters", "stride", "shortcut", "squeeze_excite", "antialias")
        names += ("drop_path", "zero_init", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("zoo")
class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions and a shortcut: y = relu(f(x) + shortcut(x)).

    Args:
        filters: channels C' of the output.
        stride: spatial stride s of the first convolution.
        shortcut: where shapes differ, "conv" for a strided 1x1 convolution, "pool" for average pooling
            before it (ResNet-D, arXiv:1812.01187).
        squeeze_excite: bottleneck ratio of squeeze-and-excitation, 0 for none (arXiv:1709.01507).
        antialias: blur where the stride is (arXiv:1904.11486).
        drop_path: probability in [0, 1) that a training example skips f (arXiv:1603.09382).
        zero_init: start as the identity: gamma of the last norm is 0 (arXiv:1706.02677).
        epsilon: of the norms.
        **kwargs: `name`, `dtype`.

    Input: float [B, H, W, C]. Output: float [B, ceil(H/s), ceil(W/s), C'].

    Example:
        >>> BasicBlock(64, stride=2)(keras.ops.zeros((1, 28, 28, 16))).shape
        (1, 14, 14, 64)
    """

    def build(self, input_shape):
        shape = self.add_conv("conv1", self.filters, input_shape)
        self.add("norm1", self.norm("norm1"), self.conv1.compute_output_shape(input_shape))
        shape = self.add("conv2", self.conv("conv2", self.filters, 3), shape)
        self.add("norm2", self.norm("norm2", last=True), shape)
        self.add_tail(shape)
        self.add_shortcut(input_shape)
        self.built = True

    def call(self, x, training=None):
        y = ops.relu(self.norm1(self.conv1(x), training=training))
        y = self.conv2(self.call_blur(y))  # [B, H/s, W/s, C']
        y = self.call_tail(self.norm2(y, training=training), training)
        return ops.relu(y + self.call_shortcut(x, training))


@keras.saving.register_keras_serializable("zoo")
class BottleneckBlock(ResidualBlock):
    """1x1, 3x3, 1x1 convolutions, four times as wide at the end: y = relu(f(x) + shortcut(x)).

    The stride sits in the 3x3 convolution ("v1.5"), or in the first 1x1 with `stride_first=True` (the
    paper's, and keras.applications').

    Args:
        filters: channels of the middle; the output has C' = 4 * filters.
        stride_first: put the stride in the first 1x1 convolution.
        stride, shortcut, squeeze_excite, antialias, drop_path, zero_init, epsilon: see `BasicBlock`.
        **kwargs: `name`, `dtype`.

    Input: float [B, H, W, C]. Output: float [B, ceil(H/s), ceil(W/s), 4 * filters].

    Example:
        >>> BottleneckBlock(64, stride=2)(keras.ops.zeros((1, 28, 28, 16))).shape
        (1, 14, 14, 256)
    """

    expansion = 4

    def __init__(self, filters, stride=1, stride_first=False, **kwargs):
        super().__init__(filters, stride, **kwargs)
        if stride_first and self.antialias:
            raise ValueError("stride_first: expected False with antialias=True, which blurs after the 3x3")
        self.stride_first = stride_first

    def build(self, input_shape):
        shape = self.add(
            "conv1", self.conv("conv1", self.filters, 1, self.stride if self.stride_first else 1), input_shape
        )
        self.add("norm1", self.norm("norm1"), shape)
        if self.stride_first:
            self.blur = None
            shape = self.add("conv2", self.conv("conv2", self.filters, 3), shape)
        else:
            shape = self.add_conv("conv2", self.filters, shape)
        self.add("norm2", self.norm("norm2"), (*shape[:3], self.filters))
        shape = self.add("conv3", self.conv("conv3", self.filters * self.expansion, 1), shape)
        self.add("norm3", self.norm("norm3", last=True), shape)
        self.add_tail(shape)
        self.add_shortcut(input_shape)
        self.built = True

    def call(self, x, training=None):
        y = ops.relu(self.norm1(self.conv1(x), training=training))
        y = ops.relu(self.norm2(self.conv2(y), training=training))  # [B, H/s, W/s, C'/4]
        y = self.norm3(self.conv3(self.call_blur(y)), training=training)  # [B, H/s, W/s, C']
        y = self.call_tail(y, training)
        return ops.relu(y + self.call_shortcut(x, training))

    def get_config(self):
        return {**super().get_config(), "stride_first": self.stride_first}


@keras.saving.register_keras_serializable("zoo")
class PreActivationBlock(ResidualBlock):
    """Norm and activation before each convolution: y = f(x) + shortcut(x) (arXiv:1603.05027).

    The block of wide residual networks (arXiv:1605.07146). A network of these ends with a norm and an
    activation of its own.

    Args: those of `BasicBlock`; `zero_init` has no norm to act on and is ignored.

    Input: float [B, H, W, C]. Output: float [B, ceil(H/s), ceil(W/s), C'].

    Example:
        >>> PreActivationBlock(64, stride=2)(keras.ops.zeros((1, 28, 28, 16))).shape
        (1, 14, 14, 64)
    """

    def build(self, input_shape):
        self.add("norm1", self.norm("norm1"), input_shape)
        shape = self.add_conv("conv1", self.filters, input_shape)
        self.add("norm2", self.norm("norm2"), self.conv1.compute_output_shape(input_shape))
        shape = self.add("conv2", self.conv("conv2", self.filters, 3), shape)
        self.add_tail(shape)
        self.add_shortcut(input_shape, norm=False)
        self.built = True

    def call(self, x, training=None):
        pre = ops.relu(self.norm1(x, training=training))
        y = ops.relu(self.norm2(self.conv1(pre), training=training))
        y = self.conv2(self.call_blur(y))  # [B, H/s, W/s, C']
        y = self.call_tail(y, training)
        return y + self.call_shortcut(pre if self.projects else x, training)
