"""Recordings for training: files are read when a batch needs them, so hours of sound take no memory."""

import concurrent.futures
import os

import numpy as np

from zoo.preprocessing.audio_input import audio_list, waveform


class Recordings:
    """Raw utterances as waveforms at one sample rate. Waveforms stay; of a file only the length is kept.

    Every recording is read once at the beginning, so that a bad one is found before training begins.

    Args:
        items: raw utterances, as of `zoo.preprocessing.audio_list`.
        sample_rate: of the waveforms, in Hz.
        known: a dict that remembers the lengths of files from one object to the next, which then reads only
            those at the beginning that have changed.

    Attributes:
        lengths: samples of each, int64 [N].

    Example:
        >>> recordings = Recordings([np.zeros(3, "float32"), (np.zeros(4, "float32"), 8000)], 16000)
        >>> recordings.lengths.tolist()
        [3, 8]
    """

    def __init__(self, items, sample_rate, known=None):
        self._items, self._rate = audio_list(items), sample_rate
        self._known = {} if known is None else known
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            lengths = list(pool.map(self._length, range(len(self._items))))
        self.lengths = np.array(lengths, "int64")

    def __len__(self):
        return len(self._items)

    def __getitem__(self, row):
        """float32 [lengths[row]]."""
        return waveform(self._items[row], self._rate, row)

    def rows(self, chosen):
        """A list of the waveforms of some rows, read side by side."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self.__getitem__, chosen))

    def _length(self, row):
        key = self._file(row)
        if key is None:
            self._items[row] = self[row]
            return len(self._items[row])
        if key not in self._known:
            self._known[key] = len(self[row])
        return self._known[key]

    def _file(self, row):
        """What the length of a file's row depends on; None of sound that is in memory already."""
        item = self._items[row]
        part = item if isinstance(item, dict) else {"path": item}
        path = part.get("path")
        if not isinstance(path, (str, os.PathLike)) or not os.path.isfile(path):
            return None
        stat = os.stat(path)
        return os.fspath(path), stat.st_mtime_ns, stat.st_size, part.get("offset"), part.get("duration")
