"""A temporary folder that lives as long as the process of a contender."""

import atexit
import pathlib
import shutil
import tempfile


def scratch_folder() -> pathlib.Path:
    folder = tempfile.mkdtemp(prefix="zoo-benchmark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pathlib.Path(folder)
