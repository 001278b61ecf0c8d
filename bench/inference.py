"""Milliseconds a face: one and sixteen at once, one core and two, float32 and 8 bits.

Each figure stands beside its share of the peak: the rate at which this machine multiplied large
matrices of the same kind of numbers in the same run, on as many threads. What a share lacks to 1
is spent on memory, small layers and everything that is no multiplication. All models take turns.

A float bundle without an 8-bit form gets one here. What that is calibrated on decides how right
it is, and nothing about its speed, so faces of noise will do. An 8-bit one gets its float form of
the float weights that lie in it.
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
from mien.bundle.config import GRAPH_FILE, WEIGHTS_FILE
from mien.bundle.find import list_bundles
from mien.bundle.load import load_bundle
from mien.core.errors import BundleError
from mien.core.session import OnnxSession

BUNDLES = ("mien-s", "mien-m")
# Faces at once, and how many times that is timed.
RUNS = {1: 200, 16: 30}
CALIBRATION_FACES = 64
# What is measured: precision, threads, faces at once.
Key = tuple[str, int, int]


def open_bundles(name: str, threads: Sequence[int]) -> dict[tuple[str, int], Bundle]:
    """Return a bundle by precision and number of threads: in float32 and in 8 bits.

    The 8-bit form of a float one is the bundle `NAME-int8` where there is one by that name, else
    made here; so is the float form of one in 8 bits, if it has float weights.

    Args:
        name: The bundle.
        threads: The thread counts.

    Raises:
        BundleError: If a bundle cannot be loaded, or `NAME-int8` is not in 8 bits.
    """
    opened = {count: load_bundle(name, threads=count) for count in threads}
    plain = opened[threads[0]]
    precision = plain.config.precision
    forms = {(precision, count): bundle for count, bundle in opened.items()}
    if precision == "int8":
        graphs = {"fp32": make_float_graph(plain)} if WEIGHTS_FILE in plain.config.files else {}
    elif f"{name}-int8" in {bundle.name for bundle in list_bundles()}:
        forms |= {("int8", count): load_bundle(f"{name}-int8", threads=count) for count in threads}
        found = forms["int8", threads[0]].config.precision
        if found != "int8":
            raise BundleError(f"expected a bundle of precision int8, {name}-int8 is {found}")
        graphs = {}
    else:
        graphs = {"int8": make_int8_graph(plain)}
    made = {
        (kind, count): Bundle(
            config=plain.config, path=plain.path, session=OnnxSession(graph, threads=count)
        )
        for kind, graph in graphs.items()
        for count in threads
    }
    return forms | made


def make_float_graph(bundle: Bundle) -> bytes:
    """Return the float graph of an 8-bit bundle, made of its float weights."""
    # PyTorch, which the base install has not got.
    from safetensors.torch import load

    from mien.models import build_model
    from mien.training.graph import export_graph

    config = bundle.config
    heads = {head.label_set: len(head.labels) for head in config.heads}
    model = build_model(config.architecture.name, heads, config.architecture.options)
    model.load_state_dict(load((bundle.path / WEIGHTS_FILE).read_bytes()))
    return export_graph(model, config)


def make_int8_graph(bundle: Bundle) -> bytes:
    """Return a bundle's graph with 8-bit weights and activations, good for timing alone."""
    from mien.training.quantise import quantise_graph

    faces = random_faces(CALIBRATION_FACES, bundle.config.input.size)
    return quantise_graph((bundle.path / GRAPH_FILE).read_bytes(), faces, bundle.config.input)


def random_faces(count: int, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return (count, size, size) uint8 of noise: a graph's speed does not depend on pixels."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)


def time_bundles(
    bundles: Mapping[str, Mapping[tuple[str, int], Bundle]], runs: Mapping[int, int]
) -> dict[str, dict[Key, Spread]]:
    """Return each bundle's milliseconds of one call, by precision, thread count and batch."""
    spent: dict[str, dict[Key, Spread]] = {name: {} for name in bundles}
    for batch, count in runs.items():
        works = {
            (name, (precision, threads, batch)): partial(
                bundle.predict_logits, random_faces(batch, bundle.config.input.size)
            )
            for name, forms in bundles.items()
            for (precision, threads), bundle in forms.items()
        }
        for (name, key), time in take_turns(works, runs=count).items():
            spent[name][key] = time
    return spent


def rows(
    spent: Mapping[Key, Spread], macs_per_face: int, peaks: Mapping[tuple[str, int], float]
) -> dict[str, dict[str, Any]]:
    """Return a row for each measurement of one bundle.

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
        }
        if ("fp32", threads, batch) in spent:
            times = spent["fp32", threads, batch].median / time.median
            found[name_row(precision, threads, batch)]["times_fp32"] = times
    return found


def name_row(precision: str, threads: int, batch: int) -> str:
    """Return how a row is called: `fp32, 1 thread, batch 16`."""
    return f"{precision}, {threads} thread{'s' * (threads > 1)}, batch {batch}"


def measure(names: Sequence[str], runs: Mapping[int, int] = RUNS) -> dict[str, Any]:
    """Return all rows by bundle, with the peaks that they are compared with.

    Raises:
        BundleError: As `open_bundles`.
    """
    threads = thread_counts()
    bundles = {name: open_bundles(name, threads) for name in names}
    spent = time_bundles(bundles, runs)
    peaks = {("fp32", count): fp32_macs_per_s(count) for count in threads}
    peaks |= {("int8", count): int8_macs_per_s(count) for count in threads}
    found = {}
    for name, forms in bundles.items():
        bundle = next(iter(forms.values()))
        macs = count_macs(bundle.path / GRAPH_FILE)
        found[bundle.name] = {"macs_per_face": macs, "rows": rows(spent[name], macs, peaks)}
    return {
        "peak_gmacs_per_s": {
            f"{precision}, {count} thread{'s' * (count > 1)}": rate / 1e9
            for (precision, count), rate in peaks.items()
        },
        "bundles": found,
    }


def main() -> int:
    """Measure and print JSON; return `NOT_HERE` where there is no bundle."""
    parser = argparse.ArgumentParser(prog="python -m bench.inference", description=__doc__)
    parser.add_argument("bundles", nargs="*", default=BUNDLES, help="by default those that ship")
    cv2.setNumThreads(1)
    try:
        figures = measure(parser.parse_args().bundles)
    except BundleError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_HERE
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
