"""Real data, checked by sha256: images and texts, in memory or as files. Imports no TensorFlow."""

from zoo.datasets.array_dataset import ArrayDataset
from zoo.datasets.audio_dataset import AudioDataset
from zoo.datasets.brown_tags import brown_tags
from zoo.datasets.character_corpus import shakespeare_1mb
from zoo.datasets.digit_voices import digit_voices
from zoo.datasets.digits import digits
from zoo.datasets.fashion_mnist import fashion_mnist
from zoo.datasets.image_folder import FileDataset, image_folder
from zoo.datasets.loading import load
from zoo.datasets.phone_prompts import phone_prompts
from zoo.datasets.prompts_english import prompts_english
from zoo.datasets.rated_sentences import rated_sentences
from zoo.datasets.shakespeare import TextCorpus, shakespeare
from zoo.datasets.speech_files import read_speech
from zoo.datasets.spoken_digits import digit_strings, spoken_digits
from zoo.datasets.synthetic_speech import speak_texts
from zoo.datasets.text_dataset import TextDataset
from zoo.datasets.text_files import (
    read_columns,
    read_folder,
    read_json_lines,
    read_squad,
    read_table,
    read_texts,
)

__all__ = [
    "ArrayDataset",
    "AudioDataset",
    "FileDataset",
    "TextCorpus",
    "TextDataset",
    "brown_tags",
    "digit_strings",
    "digit_voices",
    "digits",
    "fashion_mnist",
    "image_folder",
    "load",
    "phone_prompts",
    "prompts_english",
    "rated_sentences",
    "read_columns",
    "read_folder",
    "read_json_lines",
    "read_speech",
    "read_squad",
    "read_table",
    "read_texts",
    "shakespeare",
    "shakespeare_1mb",
    "speak_texts",
    "spoken_digits",
]
