"""Raw data to tensors, graph-safe: the same object runs in `fit`, in `predict` and inside a SavedModel."""

from zoo.preprocessing.byte_pair import BytePair
from zoo.preprocessing.image import ImagePreprocessor
from zoo.preprocessing.image_augmentation import ImageAugmentation
from zoo.preprocessing.image_input import find_bad_image, image_dataset
from zoo.preprocessing.text import TextPreprocessor
from zoo.preprocessing.wordpiece import WordPiece

__all__ = [
    "BytePair",
    "ImageAugmentation",
    "ImagePreprocessor",
    "TextPreprocessor",
    "WordPiece",
    "find_bad_image",
    "image_dataset",
]
