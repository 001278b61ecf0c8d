"""Milliseconds a face: one and sixteen at once, one core and two, float32 and 8 bits.

Each figure stands beside its share of the peak: the rate at which this machine multiplied large
matrices of the same kind of numbers in the same run, on as many threads. What a share lacks to 1
is spent on memory, small layers and everything that is no multiplication. All models take turns.

Where there is no 8-bit bundle one is made here. What it is calibrated on decides how right it
is, and nothing about its speed, so faces of noise will do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np

from bench import NOT_HERE
from bench.peak import fp32_macs_per_s, int8_macs_per_s, thread_counts
from bench.recognition import count_macs
from bench.timing import Spread, take_turns
from mien.bundle.bundle import Bundle
from mien.bundle.config import GRAPH_FILE
from mien.bundle.find import list_bundles
from mien.bundle.load import load_bundle
from mien.core.errors import BundleError
from mien.core.session import OnnxSession

# Faces at once, and how many times that is timed.
RUNS = {1: 200, 16: 30}
CALIBRATION_FACES = 64
# What is measured: precision, threads, faces at once.
Key = tuple[str, int, int]


def find_int8(name: str) -> str | None:
    """Return the bundle's 8-bit form where it is known by name, `NAME-int8`."""
    known = {bundle.name for bundle in list_bundles()}
    return f"{name}-int8" if f"{name}-int8" in known else None


def open_bundles(
    name: str, int8: str | None, threads: Sequence[int]
) -> dict[tuple[str, int], Bundle]:
    """Return the float and the 8-bit bundle for each number of threads.

    Args:
        name: A float32 bundle.
        int8: Its 8-bit form; None makes one.
        threads: The thread counts.

    Raises:
        BundleError: If a bundle cannot be loaded, or is not of the precision that it is for.
    """
    opened = {("fp32", count): load_bundle(name, threads=count) for count in threads}
    plain = opened["fp32", threads[0]]
    if int8 is not None:
        opened |= {("int8", count): load_bundle(int8, threads=count) for count in threads}
    else:
        graph = make_int8_graph(plain)
        opened |= {
            ("int8", count): Bundle(
                config=plain.config, path=plain.path, session=OnnxSession(graph, threads=count)
            )
            for count in threads
        }
    for bundle, wanted in ((name, "fp32"), (int8, "int8")):
        precision = opened[wanted, threads[0]].config.precision
        if bundle is not None and precision != wanted:
            raise BundleError(f"expected a bundle of precision {wanted}, {bundle} is {precision}")
    return opened


def make_int8_graph(bundle: Bundle) -> bytes:
    """Return a bundle's graph with 8-bit weights and activations, good for timing alone."""
    from mien.training.quantise import quantise_graph

    faces = random_faces(CALIBRATION_FACES, bundle.config.input.size)
    return quantise_graph((bundle.path / GRAPH_FILE).read_bytes(), faces, bundle.config.input)


def random_faces(count: int, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return (count, size, size) uint8 of noise: a graph's speed does not depend on pixels."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)


def time_bundles(
    bundles: Mapping[tuple[str, int], Bundle], runs: Mapping[int, int]
) -> dict[Key, Spread]:
    """Return milliseconds of one call for each precision, thread count and batch."""
    spent: dict[Key, Spread] = {}
    size = next(iter(bundles.values())).config.input.size
    for batch, count in runs.items():
        faces = random_faces(batch, size)
        works = {
            (precision, threads, batch): partial(bundle.predict_logits, faces)
            for (precision, threads), bundle in bundles.items()
        }
        spent |= take_turns(works, runs=count)
    return spent


def rows(
    spent: Mapping[Key, Spread], macs_per_face: int, peaks: Mapping[tuple[str, int], float]
) -> dict[str, dict[str, Any]]:
    """Return a row for each measurement.

    Args:
        spent: Milliseconds of one call.
        macs_per_face: Multiplications of the graph.
        peaks: MACs a second by precision and threads.
    """
    found = {}
    for (precision, threads, batch), time in spent.items():
        limit_ms = 1000 * batch * macs_per_face / peaks[precision, threads]
        found[name_row(precision, threads, batch)] = {
            **time.to_dict("ms_per_face", scale=1 / batch),
            "share_of_peak": limit_ms / time.median,
            "times_fp32": spent["fp32", threads, batch].median / time.median,
        }
    return found


def name_row(precision: str, threads: int, batch: int) -> str:
    """Return how a row is called: `fp32, 1 thread, batch 16`."""
    return f"{precision}, {threads} thread{'s' * (threads > 1)}, batch {batch}"


def measure(name: str, int8: str | None, runs: Mapping[int, int] = RUNS) -> dict[str, Any]:
    """Return all rows, with the peaks that they are compared with.

    Raises:
        BundleError: As `open_bundles`.
    """
    threads = thread_counts()
    bundles = open_bundles(name, int8, threads)
    spent = time_bundles(bundles, runs)
    peaks = {("fp32", count): fp32_macs_per_s(count) for count in threads}
    peaks |= {("int8", count): int8_macs_per_s(count) for count in threads}
    macs = count_macs(bundles["fp32", threads[0]].path / GRAPH_FILE)
    return {
        "bundle": bundles["fp32", threads[0]].name,
        "int8_bundle": int8 or "made here, for its speed alone",
        "macs_per_face": macs,
        "peak_gmacs_per_s": {
            f"{precision}, {count} thread{'s' * (count > 1)}": rate / 1e9
            for (precision, count), rate in peaks.items()
        },
        "rows": rows(spent, macs, peaks),
    }


def main() -> int:
    """Measure and print JSON; return `NOT_HERE` where there is no bundle."""
    parser = argparse.ArgumentParser(prog="python -m bench.inference", description=__doc__)
    parser.add_argument("--bundle", default="mien-s")
    parser.add_argument("--int8", help="its 8-bit form; BUNDLE-int8 where there is one, else made")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        figures = measure(wanted.bundle, wanted.int8 or find_int8(wanted.bundle))
    except BundleError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_HERE
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
