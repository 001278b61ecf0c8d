"""Opening FER2013: parsed the first time, memory-mapped every time after.

python -m bench.data_cache --data DIR     DIR holds fer2013.csv in any form

Each open is a new process with a cache folder of its own; its time is that of
`open_dataset` without the interpreter's start and the imports. Memory is the process's peak,
first for parsing, then for reading every pixel of the memory map.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import NOT_HERE

REPO = Path(__file__).resolve().parents[1]
RUNS = 7


def default_data() -> Path:
    """Return `MIEN_DATA`, or the data folder beside the repository."""
    return Path(os.environ.get("MIEN_DATA", REPO.parent / "shared" / "data"))


def peak_mb() -> float:
    """Return this process's peak resident memory in MB (1e6 bytes).

    Linux's own high-water mark, where there is one: `ru_maxrss` may be the parent's.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def open_once(data: Path, cache: Path) -> dict[str, Any]:
    """Open the dataset in this process and return its time, faces and peak memory."""
    from mien.data import open_dataset

    started = time.perf_counter()
    dataset = open_dataset(data, cache_dir=cache)
    seconds = time.perf_counter() - started
    opened_mb = peak_mb()
    mean = float(dataset.images_gray.mean())
    return {
        "seconds": seconds,
        "faces": len(dataset),
        "mean": mean,
        "peak_mb": opened_mb,
        "peak_all_read_mb": peak_mb(),
    }


def open_in_child(data: Path, cache: Path) -> dict[str, Any]:
    """Do `open_once` in a process of its own."""
    command = [sys.executable, "-m", "bench.data_cache", "--data", str(data), "--once", str(cache)]
    done = subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def measure(data: Path) -> dict[str, Any]:
    """Return seconds and peak memory of the first open, and of the later ones."""
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
        first = open_in_child(data, Path(folder))
        later = [open_in_child(data, Path(folder)) for _ in range(RUNS)]
    return {
        "runs": RUNS,
        "faces": first["faces"],
        "first_open_s": first["seconds"],
        "second_open_median_s": statistics.median(run["seconds"] for run in later),
        "second_open_limit_s": 1.0,
        "first_open_peak_mb": first["peak_mb"],
        "all_pixels_read_peak_mb": max(run["peak_all_read_mb"] for run in (first, *later)),
        "peak_limit_mb": 1500.0,
    }


def main() -> int:
    """Measure and print JSON; return `NOT_HERE` where there is no dataset."""
    parser = argparse.ArgumentParser(prog="python -m bench.data_cache", description=__doc__)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--once", type=Path, metavar="CACHE", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if not wanted.data.exists():
        sys.stderr.write(f"no dataset at {wanted.data}; set MIEN_DATA or give --data\n")
        return NOT_HERE
    data = wanted.data.resolve()
    figures = open_once(data, wanted.once) if wanted.once else measure(data)
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
