"""`benchmarks` is no installed package: makes the repository's root importable, however pytest was started."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
