"""What a record must say about where and when it was measured."""

import datetime
import importlib.metadata
import os
import pathlib
import platform

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
PACKAGES = ("keras-zoo", "keras", "tensorflow", "torch", "numpy", "keras-hub", "transformers", "jax")


def describe(threads: int) -> dict[str, str]:
    """Date, machine and versions, in the order they are printed."""
    model, flags = _processor()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": model,
        "cores": str(os.cpu_count()),
        "threads": str(threads),
        "flags": " ".join(flag for flag in FLAGS if flag in flags) or "unknown",
        "load at start": load,
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; True where that is not known."""
    flags = _processor()[1]
    return not flags or any(flag in flags for flag in ("avx512_bf16", "amx_bf16"))


def resident_memory(field: str) -> int | None:
    """VmRSS (now) or VmHWM (at most so far) of this process, in bytes; None where /proc does not say it."""
    path = pathlib.Path("/proc/self/status")
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    return None


def _processor() -> tuple[str, list[str]]:
    """Model name and feature flags, from /proc where there is one."""
    path = pathlib.Path("/proc/cpuinfo")
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    model = found.get("model name") or platform.processor() or platform.machine()
    family = [found[key] for key in ("cpu family", "model") if key in found]
    return f"{model} (family {', model '.join(family)})" if family else model, found.get("flags", "").split()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
