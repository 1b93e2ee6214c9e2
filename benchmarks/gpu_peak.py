"""The arithmetic that an accelerator is assumed to reach: its data sheet's for dense bfloat16 or float16."""

import shutil
import subprocess

# 10^12 operations a second. The first of these that is in the device's name counts.
PEAKS = {
    "B200": 2250.0,
    "H200": 989.0,
    "H100 PCIe": 756.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
    "A10": 125.0,
    "V100": 125.0,
    "T4": 65.0,
}


def device() -> str | None:
    """The name of the first NVIDIA GPU; None where there is none."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else None


def assumed_peak(name: str) -> float | None:
    """10^12 operations a second of a device of that name; None where it is not in the table.

    Example:
        >>> assumed_peak("NVIDIA H200")
        989.0
    """
    return next((peak for part, peak in PEAKS.items() if part in name), None)
