"""Real data, checked by sha256: images as NumPy arrays or as files of a folder. Imports no TensorFlow."""

from zoo.datasets.array_dataset import ArrayDataset
from zoo.datasets.digits import digits
from zoo.datasets.fashion_mnist import fashion_mnist
from zoo.datasets.image_folder import FileDataset, image_folder
from zoo.datasets.loading import load

__all__ = ["ArrayDataset", "FileDataset", "digits", "fashion_mnist", "image_folder", "load"]
