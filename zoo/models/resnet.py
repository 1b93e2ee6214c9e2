"""ResNet (He et al. 2015, arXiv:1512.03385) with the choices of arXiv:1812.01187 ("bag of tricks").

Shapes: B batch, H height, W width, C channels of the image, D channels of a stage, N classes.
"""

import keras
from keras import ops

from zoo.layers import BasicBlock, BatchNorm, BlurPool2D, BottleneckBlock, Conv2D, PreActivationBlock
from zoo.models.classifier import Classifier

BLOCKS = {"basic": BasicBlock, "bottleneck": BottleneckBlock, "preactivation": PreActivationBlock}
STEMS = ("small", "conv7", "deep")
BLOCK_OPTIONS = ("shortcut", "squeeze_excite", "antialias", "zero_init", "epsilon", "stride_first")


@keras.saving.register_keras_serializable("zoo")
class ResNet(Classifier):
    """A stem, stages of residual blocks, global average pooling and a linear head.

    Args:
        stage_blocks: number of blocks of each stage.
        stage_filters: filters of each stage's blocks; every stage but the first halves H and W.
        num_classes: N, or None for no head: the output is then the pooled [B, D].
        block: "basic", "bottleneck" or "preactivation".
        stem: "small" (one 3x3, for images of about 32 px), "conv7" (7x7 stride 2 and max pooling) or "deep"
            (three 3x3, ResNet-D, and max pooling).
        stem_filters: channels after the stem.
        drop_path: stochastic depth; the probability grows linearly from 0 to this at the last block.
        dropout: dropout rate before the head.
        block_options: further arguments of every block: `shortcut`, `squeeze_excite`, `antialias`,
            `zero_init`, `epsilon`, and `stride_first` of the bottleneck.
        **kwargs: `name`, `dtype`.

    Input: float [B, H, W, C], normalised; any C, fixed when the model is built.
    Output: logits, float32 [B, N].

    Example:
        >>> model = ResNet((1, 1), (8, 16), num_classes=10, block="basic", stem="small", stem_filters=8)
        >>> model(keras.ops.zeros((2, 28, 28, 1))).shape
        (2, 10)
        >>> [x.shape for x in model.features(keras.ops.zeros((2, 28, 28, 1)))]
        [(2, 28, 28, 8), (2, 14, 14, 16)]
    """

    def __init__(
        self,
        stage_blocks,
        stage_filters,
        num_classes=1000,
        block="bottleneck",
        stem="conv7",
        stem_filters=64,
        drop_path=0.0,
        dropout=0.0,
        block_options=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if block not in BLOCKS:
            raise ValueError(f"block: expected one of {sorted(BLOCKS)}, found {block!r}")
        if stem not in STEMS:
            raise ValueError(f"stem: expected one of {STEMS}, found {stem!r}")
        if len(stage_blocks) != len(stage_filters):
            raise ValueError(
                f"stage_filters: expected {len(stage_blocks)} numbers, one for each of "
                f"stage_blocks={tuple(stage_blocks)}, found {tuple(stage_filters)}"
            )
        known = [name for name in BLOCK_OPTIONS if name != "stride_first" or block == "bottleneck"]
        if unknown := sorted(set(block_options or {}) - set(known)):
            raise ValueError(f"block_options: expected some of {known} for block={block!r}, found {unknown}")
        self.stage_blocks = tuple(stage_blocks)
        self.stage_filters = tuple(stage_filters)
        self.num_classes = num_classes
        self.block = block
        self.stem = stem
        self.stem_filters = stem_filters
        self.drop_path = drop_path
        self.dropout = dropout
        self.block_options = dict(block_options or {})
        self.epsilon = self.block_options.get("epsilon", 1e-5)
        self.antialias = self.block_options.get("antialias", False)

        policy = self.dtype_policy
        self.stem_convs = [
            Conv2D(filters, size, stride, name=f"stem_conv{i + 1}", dtype=policy)
            for i, (filters, size, stride) in enumerate(self._stem_plan())
        ]
        norms = 0 if block == "preactivation" and stem == "small" else len(self.stem_convs)
        self.stem_norms = [
            BatchNorm(epsilon=self.epsilon, name=f"stem_norm{i + 1}", dtype=policy) for i in range(norms)
        ]
        self.stem_blur = BlurPool2D(2, name="stem_blur", dtype=policy) if self.antialias else None
        self.stages = self._make_stages()
        preactivated = block == "preactivation"
        self.final_norm = (
            BatchNorm(epsilon=self.epsilon, name="final_norm", dtype=policy) if preactivated else None
        )
        self.head_dropout = (
            keras.layers.Dropout(dropout, name="head_dropout", dtype=policy) if dropout else None
        )
        self.head = self.make_head(num_classes)

    def _stem_plan(self):
        """(filters, kernel size, stride) of each convolution of the stem."""
        width = self.stem_filters
        plans = {
            "small": [(width, 3, 1)],
            "conv7": [(width, 7, 2)],
            "deep": [(width // 2, 3, 2), (width // 2, 3, 1), (width, 3, 1)],
        }
        return plans[self.stem]

    def _make_stages(self):
        total = sum(self.stage_blocks)
        stages, index = [], 0
        for stage, (count, filters) in enumerate(zip(self.stage_blocks, self.stage_filters, strict=True)):
            blocks = []
            for i in range(count):
                blocks.append(
                    BLOCKS[self.block](
                        filters,
                        stride=2 if stage and not i else 1,
                        drop_path=self.drop_path * index / max(1, total - 1),
                        name=f"stage{stage + 1}_block{i + 1}",
                        dtype=self.dtype_policy,
                        **self.block_options,
                    )
                )
                index += 1
            stages.append(blocks)
        return stages

    def build(self, input_shape):
        shape = tuple(input_shape)
        for index, conv in enumerate(self.stem_convs):
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
            if index < len(self.stem_norms):
                self.stem_norms[index].build(shape)
        if self.stem_blur is not None:
            self.stem_blur.build(shape)
        for block in self.blocks:
            block.build(shape)
            shape = block.compute_output_shape(shape)
        if self.final_norm is not None:
            self.final_norm.build(shape)
        self.build_head(shape[-1])
        self.built = True

    @property
    def blocks(self):
        """All residual blocks in order."""
        return [block for stage in self.stages for block in stage]

    def features(self, x, training=None):
        """The output of every stage: a list of float [B, H/s, W/s, D], finest first.

        Use it for transfer, detection or segmentation. s is 1, 2, 4, ... after the small stem and 4, 8,
        16, 32 after the others. Pre-activation stages are given before their closing norm.
        """
        if not self.built:
            self.build(x.shape)
        x = self.call_stem(x, training)
        outputs = []
        for stage in self.stages:
            for block in stage:
                x = block(x, training=training)
            outputs.append(x)
        return outputs

    def call_stem(self, x, training=None):
        x = ops.cast(x, self.compute_dtype)
        for index, conv in enumerate(self.stem_convs):
            x = conv(x)
            if index < len(self.stem_norms):
                x = ops.relu(self.stem_norms[index](x, training=training))
        if self.stem == "small":
            return x
        x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))  # zeros after relu: the maximum ignores them
        if self.stem_blur is None:
            return ops.max_pool(x, 3, strides=2, data_format="channels_last")  # [B, H/4, W/4, D]
        return self.stem_blur(ops.max_pool(x, 3, strides=1, data_format="channels_last"))

    def call(self, x, training=None):
        x = self.features(x, training)[-1]
        if self.final_norm is not None:
            x = ops.relu(self.final_norm(x, training=training))
        x = ops.mean(x, axis=(1, 2))  # [B, D]
        if self.head_dropout is not None:
            x = self.head_dropout(x, training=training)
        return x if self.head is None else self.head(x)  # [B, N]

    def compute_output_shape(self, input_shape):
        width = self.stage_filters[-1] * BLOCKS[self.block].expansion
        return input_shape[0], width if self.num_classes is None else self.num_classes

    def get_config(self):
        names = (
            "stage_blocks stage_filters num_classes block stem stem_filters drop_path dropout block_options"
        )
        config = keras.layers.Layer.get_config(self)
        return {**config, **{name: getattr(self, name) for name in names.split()}}
