"""`benchmarks` is no installed package: puts the root on the path, however pytest was started."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
