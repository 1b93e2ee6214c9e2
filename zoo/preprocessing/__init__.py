"""Raw data to tensors, graph-safe: the same object runs in `fit`, in `predict` and inside a SavedModel."""

from zoo.metrics.spoken_text import normalize_text, numbers_to_digits, spell_number
from zoo.metrics.written_text import written_text
from zoo.preprocessing.audio import AudioPreprocessor, resample
from zoo.preprocessing.audio_augmentation import AudioAugmentation
from zoo.preprocessing.audio_input import audio_list, read_audio, waveform
from zoo.preprocessing.audio_stream import pcm_pieces, resample_pieces
from zoo.preprocessing.byte_pair import BytePair
from zoo.preprocessing.image import ImagePreprocessor
from zoo.preprocessing.image_augmentation import ImageAugmentation
from zoo.preprocessing.image_input import find_bad_image, image_dataset, unreadable_image
from zoo.preprocessing.row_checks import failed_check
from zoo.preprocessing.text import TextPreprocessor
from zoo.preprocessing.token_file import TokenFile
from zoo.preprocessing.waveforms import WaveformPreprocessor
from zoo.preprocessing.wordpiece import WordPiece

__all__ = [
    "AudioAugmentation",
    "AudioPreprocessor",
    "BytePair",
    "ImageAugmentation",
    "ImagePreprocessor",
    "TextPreprocessor",
    "TokenFile",
    "WaveformPreprocessor",
    "WordPiece",
    "audio_list",
    "failed_check",
    "find_bad_image",
    "image_dataset",
    "normalize_text",
    "numbers_to_digits",
    "pcm_pieces",
    "read_audio",
    "resample",
    "resample_pieces",
    "spell_number",
    "unreadable_image",
    "waveform",
    "written_text",
]
