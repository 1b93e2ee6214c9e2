"""Images to normalised tensors, the way the weights were trained.

Shapes: B batch, H height and W width of the raw image, h and w those the network takes, C channels.
"""

import keras
import tensorflow as tf

from zoo.preprocessing.orientation import exif_orientation, upright

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "area")


@keras.saving.register_keras_serializable("zoo")
class ImagePreprocessor:
    """Channels, resize, centre crop and normalisation: y = (x / 255 - mean) / std.

    All of it is TensorFlow ops, so one object serves tf.data pipelines and exported graphs. Colour turns
    grey by luma weights, grey turns colour by repetition, an alpha channel is dropped.

    Args:
        image_size: (h, w) that the network takes, in pixels.
        channels: 1 (grey) or 3 (colour).
        mean, std: one number a channel, in units of the full pixel range (0..1).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "area"; antialiased when it shrinks.
        crop_ratio: the resized image is 1 / crop_ratio larger than the crop, in (0, 1]; 224 / 256 = 0.875
            is usual for ImageNet weights. With 1 the image is resized to (h, w) whatever its aspect.

    Example:
        >>> prepare = ImagePreprocessor((28, 28), channels=1, mean=(0.5,), std=(0.5,))
        >>> prepare(tf.fill((2, 60, 40, 3), 255)).shape
        TensorShape([2, 28, 28, 1])
    """

    def __init__(
        self, image_size, channels=3, mean=(0.0,), std=(1.0,), interpolation="bilinear", crop_ratio=1.0
    ):
        size = tuple(image_size) if isinstance(image_size, (list, tuple)) else ()
        if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
            raise ValueError(f"image_size: expected two integers of at least 1, found {image_size!r}")
        if channels not in (1, 3):
            raise ValueError(f"channels: expected 1 (grey) or 3 (colour), found {channels}")
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation: expected one of {INTERPOLATIONS}, found {interpolation!r}")
        if not 0 < crop_ratio <= 1:
            raise ValueError(f"crop_ratio: expected a number in (0, 1], found {crop_ratio}")
        for name, values in (("mean", mean), ("std", std)):
            if len(values) not in (1, channels):
                raise ValueError(f"{name}: expected 1 or {channels} numbers, found {len(values)}")
        self.image_size = size
        self.channels = channels
        self.mean = tuple(float(m) for m in mean)
        self.std = tuple(float(s) for s in std)
        self.interpolation = interpolation
        self.crop_ratio = crop_ratio

    @property
    def output_shape(self):
        """Shape (None, h, w, C) of what the network takes."""
        return (None, *self.image_size, self.channels)

    def decode(self, encoded):
        """JPEG, PNG, BMP or GIF bytes (a scalar string; the first frame of a GIF) -> uint8 [H, W, C].

        A JPEG that says how the camera was held comes back upright.
        """
        image = tf.io.decode_image(encoded, expand_animations=False)
        image.set_shape((None, None, None))
        image = upright(image, exif_orientation(encoded))
        return self._convert_channels_dynamic(image)

    def resize(self, images):
        """Any number of channels and size -> float32 [..., h, w, C] in 0..255; rank 3 or 4."""
        images = self.convert_channels(tf.convert_to_tensor(images))
        height, width = self.image_size
        if images.shape[-3:-1] == (height, width):
            return tf.cast(images, "float32")
        if images.dtype != "uint8":
            images = tf.cast(images, "float32")
        if self.crop_ratio == 1.0:
            images = tf.image.resize(images, (height, width), self.interpolation, antialias=True)
        else:
            images = self._resize_and_crop(images)
        images = tf.cast(images, "float32")
        overshoots = self.interpolation in ("bicubic", "lanczos3")
        return tf.clip_by_value(images, 0.0, 255.0) if overshoots else images

    def _resize_and_crop(self, images):
        height, width = self.image_size
        shape = tf.cast(tf.shape(images)[-3:-1], "float32")
        target = tf.constant((height, width), "float32") / self.crop_ratio
        scale = tf.reduce_max(target / shape)
        size = tf.maximum(tf.cast(tf.round(shape * scale), "int32"), (height, width))
        images = tf.image.resize(images, size, self.interpolation, antialias=True)
        return tf.image.crop_to_bounding_box(
            images, (size[0] - height) // 2, (size[1] - width) // 2, height, width
        )

    def normalize(self, images):
        """float [..., h, w, C] in 0..255 -> float32, (x / 255 - mean) / std."""
        scale = tf.constant([1.0 / (255.0 * s) for s in self.std], "float32")
        shift = tf.constant([-m / s for m, s in zip(self.mean, self.std, strict=True)], "float32")
        return tf.cast(images, "float32") * scale + shift

    def __call__(self, images):
        """uint8 or float 0..255 [B, H, W, any C] -> float32 [B, h, w, C], normalised."""
        return self.normalize(self.resize(images))

    def from_bytes(self, encoded):
        """Encoded images, strings [B] -> float32 [B, h, w, C], normalised."""
        encoded = tf.convert_to_tensor(encoded, "string")
        spec = tf.TensorSpec((*self.image_size, self.channels), "float32")
        return self.normalize(
            tf.map_fn(lambda one: self.resize(self.decode(one)), encoded, fn_output_signature=spec)
        )

    def convert_channels(self, images):
        """Grey, grey + alpha, colour or colour + alpha -> C channels; the number must be known."""
        found = images.shape[-1]
        if found is None:
            return self._convert_channels_dynamic(images)
        if found not in (1, 2, 3, 4):
            raise ValueError(
                f"images: expected 1 (grey), 3 (colour) or 2 and 4 (with alpha) channels, found {found} "
                f"in shape {tuple(images.shape)}"
            )
        if found in (2, 4):
            images = images[..., : found - 1]
        if images.shape[-1] == self.channels:
            return images
        if self.channels == 3:
            return tf.repeat(images, 3, axis=-1)
        grey = tf.tensordot(tf.cast(images, "float32"), tf.constant((0.2989, 0.587, 0.114)), 1)[..., None]
        return tf.cast(tf.round(grey), images.dtype) if images.dtype.is_integer else grey

    def _convert_channels_dynamic(self, image):
        """`convert_channels` for one image whose number of channels is known only at run time."""

        def known(channels):
            def convert():
                fixed = tf.ensure_shape(image, (*image.shape[:-1], channels))
                return self.convert_channels(fixed)

            return convert

        converted = tf.switch_case(tf.shape(image)[-1] - 1, [known(n) for n in (1, 2, 3, 4)])
        converted.set_shape((*image.shape[:-1], self.channels))
        return converted

    def get_config(self):
        names = ("image_size", "channels", "mean", "std", "interpolation", "crop_ratio")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
