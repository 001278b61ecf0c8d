"""What a measurement was made on: figures of speed mean nothing without it."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mien.core.machine import cpu_name

# The libraries whose speed the measurements depend on.
LIBRARIES = ("mien", "numpy", "opencv-python-headless", "onnxruntime", "ai-edge-litert", "torch")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def memory_gib() -> float | None:
    """Return the machine's memory in GiB, or None where it cannot be asked."""
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def version_of(library: str) -> str | None:
    """Return the installed version of a library, or None."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory, load, system, Python, libraries and thread settings."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": memory_gib(),
        "load_1min": None if load is None else round(load, 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: version_of(name) for name in LIBRARIES},
        "threads": {name: os.environ.get(name) for name in THREAD_VARIABLES},
    }


if __name__ == "__main__":
    json.dump(describe_machine(), sys.stdout, indent=2)
    sys.stdout.write("\n")
