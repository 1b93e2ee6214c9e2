"""Training augmentation of image batches, by Keras' own layers where they do it per image.

Shapes: B batch, h and w height and width that the network takes, C channels, N classes.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("zoo")
class ImageAugmentation:
    """Random crop, flip, RandAugment, random erasing, MixUp and CutMix of a batch in 0..255.

    Args:
        crop: pixels of zero padding on each side before a random crop of the same size; 0 for none. Each
            image has its own window (`keras.layers.RandomCrop` takes one for the whole batch).
        resized_crop: smallest share of the image's area that a random crop keeps, resized to (h, w)
            ("Inception crop", arXiv:1409.4842); 0 for none. It acts on the raw image, before `crop`.
        flip: mirror left and right at random.
        rand_augment: magnitude in [0, 1] of `keras.layers.RandAugment` (arXiv:1909.13719); 0 for none.
        erase: probability of erasing a rectangle of noise, 2 to 33 % of the area (arXiv:1708.04896).
        mixup: alpha of MixUp (arXiv:1710.09412); 0 for none.
        cutmix: alpha of CutMix (arXiv:1905.04899); 0 for none. With both, half of the batches get each.

    Example:
        >>> augment = ImageAugmentation(crop=4, flip=True, erase=0.5)
        >>> images, labels = augment(tf.zeros((8, 28, 28, 1)), tf.one_hot(tf.range(8), 10))
        >>> images.shape, labels.shape
        (TensorShape([8, 28, 28, 1]), TensorShape([8, 10]))
    """

    def __init__(
        self, crop=0, resized_crop=0.0, flip=False, rand_augment=0.0, erase=0.0, mixup=0.0, cutmix=0.0
    ):
        for name, value in (("resized_crop", resized_crop), ("rand_augment", rand_augment), ("erase", erase)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: expected a number in [0, 1], found {value}")
        for name, value in (("crop", crop), ("mixup", mixup), ("cutmix", cutmix)):
            if value < 0:
                raise ValueError(f"{name}: expected a number of at least 0, found {value}")
        if not isinstance(flip, bool):
            raise ValueError(f"flip: expected True or False, found {flip!r}")
        self.crop = crop
        self.resized_crop = resized_crop
        self.flip = flip
        self.rand_augment = rand_augment
        self.erase = erase
        self.mixup = mixup
        self.cutmix = cutmix
        self._layers = self._make_layers()
        self._mixers = self._make_mixers()

    def _make_layers(self):
        layers = []
        if self.flip:
            layers.append(keras.layers.RandomFlip("horizontal", dtype="float32"))
        if self.rand_augment:
            layers.append(
                keras.layers.RandAugment(value_range=(0, 255), factor=self.rand_augment, dtype="float32")
            )
        if self.erase:
            erase = (self.erase, self.erase)  # Keras draws the probability itself from this range
            layers.append(
                keras.layers.RandomErasing(
                    factor=erase, scale=(0.02, 0.33), value_range=(0, 255), dtype="float32"
                )
            )
        return layers

    def _make_mixers(self):
        mixers = []
        if self.mixup:
            mixers.append(keras.layers.MixUp(alpha=self.mixup, dtype="float32"))
        if self.cutmix:
            mixers.append(keras.layers.CutMix(factor=self.cutmix, dtype="float32"))
        return mixers

    @property
    def mixes_labels(self):
        """Whether labels come back as mixtures of two classes."""
        return bool(self._mixers)

    def crop_raw(self, image, size):
        """One raw image [H, W, C] -> a random `resized_crop` of it, float32 [h, w, C]."""
        begin, extent, _ = tf.image.sample_distorted_bounding_box(
            tf.shape(image),
            tf.zeros((1, 0, 4)),
            area_range=(self.resized_crop, 1.0),
            aspect_ratio_range=(3 / 4, 4 / 3),
            use_image_if_no_bounding_boxes=True,
        )
        return tf.image.resize(tf.slice(image, begin, extent), size, antialias=True)

    def __call__(self, images, labels, seed=None):
        """float [B, h, w, C] in 0..255 and one-hot labels [B, N] -> the same shapes, augmented.

        With `seed`, an int64 scalar, the same one gives the same augmentation. Without it calls that run in
        parallel race for the next random numbers.
        """
        if seed is None:
            return self._augment(images, labels, None)
        seeds = _Seeds(seed)
        drawing = [part for layer in (*self._layers, *self._mixers) for part in layer._flatten_layers()]
        for layer in drawing:  # past Keras' own bookkeeping of attributes
            layer.__dict__["_get_seed_generator"] = lambda backend=None: seeds
        try:
            return self._augment(images, labels, seeds)
        finally:
            for layer in drawing:
                del layer.__dict__["_get_seed_generator"]

    def _augment(self, images, labels, seeds):
        if self.crop:
            images = random_crop(images, self.crop, seeds and seeds.next())
        for layer in self._layers:
            grey = images.shape[-1] == 1 and isinstance(layer, keras.layers.RandAugment)
            images = layer(tf.repeat(images, 3, axis=-1) if grey else images, training=True)
            images = images[..., :1] if grey else images  # Keras' colour operations want three channels
        if not self._mixers:
            return images, labels
        batch = {"images": images, "labels": tf.cast(labels, "float32")}
        if len(self._mixers) == 1:
            batch = self._mixers[0](batch, training=True)
        else:
            first, second = (lambda m=m: m(batch, training=True) for m in self._mixers)
            draw = tf.random.uniform(()) if seeds is None else tf.random.stateless_uniform((), seeds.next())
            batch = tf.cond(draw < 0.5, first, second)
        return batch["images"], batch["labels"]

    def get_config(self):
        names = ("crop", "resized_crop", "flip", "rand_augment", "erase", "mixup", "cutmix")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class _Seeds(keras.random.SeedGenerator):
    """Seeds for Keras' layers that derive from one number which comes with the batch."""

    def __init__(self, number):
        self.number = tf.cast(number, "int64")
        self.drawn = 0

    def next(self, ordered=True):
        self.drawn += 1
        return tf.stack([self.number, tf.constant(self.drawn, "int64")])


def random_numbers():
    """An endless data set of int64 numbers, others in each pass: seeds, to be zipped with batches."""
    return tf.data.Dataset.random(rerandomize_each_iteration=True)


def random_crop(images, pad, seed=None):
    """Pads [B, h, w, C] by `pad` zeros on each side and cuts a random [h, w] window out of each image."""
    shape = tf.shape(images)
    batch, height, width = shape[0], shape[1], shape[2]
    padded = tf.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    if seed is None:
        offset = tf.random.uniform((2, batch), 0, 2 * pad + 1, "int32")
    else:
        offset = tf.random.stateless_uniform((2, batch), seed, 0, 2 * pad + 1, "int32")
    rows = offset[0][:, None] + tf.range(height)  # [B, h]
    columns = offset[1][:, None] + tf.range(width)  # [B, w]
    index = rows[:, :, None] * (width + 2 * pad) + columns[:, None, :]  # [B, h, w] into flattened pixels
    flat = tf.reshape(padded, (batch, -1, images.shape[-1]))
    cropped = tf.gather(flat, index, axis=1, batch_dims=1)
    return tf.ensure_shape(cropped, images.shape)
