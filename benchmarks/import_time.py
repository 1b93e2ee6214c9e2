"""Seconds that `import PACKAGE` takes in a fresh Python process."""

import subprocess
import sys
from collections.abc import Callable

CODE = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def step(package: str) -> Callable[[], float]:
    def measure() -> float:
        command = [sys.executable, "-c", CODE.format(package)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])

    return measure
