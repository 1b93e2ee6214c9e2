"""Keras layers on `keras.ops` and `zoo.kernels`; none imports TensorFlow by itself."""

from zoo.layers.attention import SelfAttention, packed_mask
from zoo.layers.blur_pool import BlurPool2D
from zoo.layers.convolution import Conv2D
from zoo.layers.dropout import Dropout
from zoo.layers.layer_norm import LayerNorm, RMSNorm
from zoo.layers.normalization import BatchNorm
from zoo.layers.recurrent import GRU, LSTM
from zoo.layers.residual import BasicBlock, BottleneckBlock, PreActivationBlock
from zoo.layers.rotary import rotate
from zoo.layers.squeeze_excite import SqueezeExcite
from zoo.layers.time_convolution import Lookahead, TimeConv
from zoo.layers.token_embedding import TokenEmbedding
from zoo.layers.transformer import TransformerBlock

__all__ = [
    "GRU",
    "LSTM",
    "BasicBlock",
    "BatchNorm",
    "BlurPool2D",
    "BottleneckBlock",
    "Conv2D",
    "Dropout",
    "LayerNorm",
    "Lookahead",
    "PreActivationBlock",
    "RMSNorm",
    "SelfAttention",
    "SqueezeExcite",
    "TimeConv",
    "TokenEmbedding",
    "TransformerBlock",
    "packed_mask",
    "rotate",
]
