"""How long a user waits before anything happens: import, help, and a photo from a cold start.

Each figure is the time of a whole new process, start of the interpreter included; the import
is also given alone, as the interpreter's own start is not mien's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
PHOTO = REPO / "tests" / "assets" / "astronaut.png"
RUNS = 9


def process_seconds(*command: str) -> float:
    """Return the median seconds of a whole process, the first run (cold caches) left out."""
    seconds = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def measure() -> dict[str, Any]:
    """Return the medians in seconds, each beside what it should stay under."""
    mien = str(Path(sys.executable).with_name("mien"))
    python = process_seconds(sys.executable, "-c", "pass")
    return {
        "runs": RUNS,
        "python_s": python,
        "import_mien_s": process_seconds(sys.executable, "-c", "import mien") - python,
        "import_mien_limit_s": 0.3,
        "help_s": process_seconds(mien, "--help"),
        "predict_photo_s": process_seconds(mien, "predict", str(PHOTO)),
        "predict_photo_limit_s": 1.5,
    }


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)
