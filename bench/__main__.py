"""Run every measurement in turn, show one table, and keep the figures with the machine.

make bench                                     all but those that need more than mien
make bench BENCH_ARGS="recognition start"      some of them
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import NOT_HERE
from bench.machine import THREAD_VARIABLES, describe_machine

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
TIMEOUT_S = 1800
NOT_MEASUREMENTS = {"machine", "peak", "timing", "workers"}
# Measured when asked for by name: they need more than mien's own environment.
ON_REQUEST = {"keras_cnn6"}


def measurements() -> list[str]:
    """Return the names of the measurements: the modules of this folder."""
    names = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    return sorted(names - NOT_MEASUREMENTS)


def run_measurement(name: str) -> dict[str, Any]:
    """Run one measurement in a process of its own, on one thread unless the caller set more.

    Returns:
        `status` (`measured`, `not here` or `failed`), and `figures` or the `reason`.
    """
    one_thread = {variable: os.environ.get(variable, "1") for variable in THREAD_VARIABLES}
    started = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{name}"],
            cwd=FOLDER.parent,
            env={**os.environ, **one_thread},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"status": "failed", "reason": f"took more than {TIMEOUT_S} s"}
    seconds = round(time.perf_counter() - started, 1)
    last_words = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if done.returncode == NOT_HERE:
        return {"status": "not here", "reason": last_words}
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        return {"status": "failed", "reason": f"exit code {done.returncode}: {last_words}"}
    try:
        return {"status": "measured", "seconds": seconds, "figures": json.loads(done.stdout)}
    except ValueError:
        return {"status": "failed", "reason": f"printed no JSON: {done.stdout[:80]!r}"}


def flatten(figures: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of every figure in nested objects and lists."""
    if isinstance(figures, dict):
        for key, value in figures.items():
            yield from flatten(value, f"{path}.{key}" if path else str(key))
    elif isinstance(figures, list):
        for number, value in enumerate(figures):
            yield from flatten(value, f"{path}[{number}]")
    else:
        yield path, figures


def as_text(value: Any) -> str:
    """Return a figure with four significant digits, anything else as it is."""
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def table_of(results: dict[str, dict[str, Any]]) -> Table:
    """Return one table of all figures, and of what was not measured and why."""
    table = Table("measurement", "figure", "value")
    for name, result in results.items():
        table.add_section()
        if result["status"] != "measured":
            table.add_row(name, result["status"], result["reason"])
            continue
        for number, (figure, value) in enumerate(flatten(result["figures"])):
            table.add_row(name if number == 0 else "", figure, as_text(value))
    return table


def main() -> int:
    """Run the chosen measurements; return 1 if one failed, 2 on wrong use."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    which = f"of {', '.join(measurements())}; if none, all but {', '.join(ON_REQUEST)}"
    parser.add_argument("names", nargs="*", help=which)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go")
    wanted = parser.parse_args()
    names = wanted.names or [name for name in measurements() if name not in ON_REQUEST]
    unknown = sorted(set(names) - set(measurements()))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(measurements())}")
    console = Console(stderr=True)
    machine = describe_machine()
    if machine["load_1min"] and machine["load_1min"] > 0.5:
        console.print(
            f"[yellow]This machine is busy (load {machine['load_1min']}); "
            "figures of speed will be too slow."
        )
    results = {}
    for name in names:
        with console.status(f"measuring {name}"):
            results[name] = run_measurement(name)
    wanted.out.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")
    out = Console()
    out.print(table_of(results))
    out.print(f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}")
    out.print(f"Kept in {wanted.out}")
    return int(any(result["status"] == "failed" for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
