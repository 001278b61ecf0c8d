"""The tables of docs/speed.md: what `make bench` and bench.keras_cnn6 say, as heads and rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Table = tuple[list[str], list[list[str]]]
CORES = {"1 thread": "one core", "2 threads": "two cores"}
FACES = {"1": "one face", "16": "16 faces at once"}
# As bench.keras_cnn6 names them.
COMPETITORS = {
    "keras-xla": "Keras 3 with TensorFlow, with XLA as by default",
    "keras": "Keras 3 with TensorFlow, without XLA",
    "mien": "mien, the same work",
    "mien-recipe": "mien, augmenting as its recipe does",
}


def inference_table(figures: dict[str, Any]) -> Table:
    """Return milliseconds a face in float32 and in 8 bits, for each batch and thread count."""
    head = [f"`{figures['bundle']}`, a face", "float32", "of the peak", "8 bits", "of the peak"]
    rows = []
    for batch, cores in _settings(figures["rows"]):
        both = [figures["rows"][f"{kind}, {cores}, batch {batch}"] for kind in ("fp32", "int8")]
        faces = FACES.get(batch, f"{batch} faces at once")
        cells = [f"{faces}, {CORES.get(cores, cores)}"]
        for row in both:
            spread = f"{row['low']:.2f} to {row['high']:.2f}"
            cells += [f"{row['ms_per_face']:.2f} ms ({spread})", f"{row['share_of_peak']:.0%}"]
        rows.append([*cells, f"{both[1]['times_fp32']:.2f}"])
    return [*head, "times as fast"], rows


def _settings(rows: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (batch, threads) of the rows `PRECISION, THREADS, batch BATCH`, each once."""
    for name in rows:
        precision, cores, batch = name.split(", ")
        if precision == "fp32":
            yield batch.removeprefix("batch "), cores


def training_table(figures: dict[str, Any]) -> Table:
    """Return images a second of mien's training, for each thread count."""
    head = [f"`{figures['network']}`, batches of {figures['batch']}", "images a second"]
    rows = [
        [
            CORES.get(cores, cores),
            f"{row['images_per_s']:.0f} ({row['low']:.0f} to {row['high']:.0f})",
            f"{row['share_of_peak']:.0%}",
        ]
        for cores, row in figures["rows"].items()
    ]
    return [*head, "of the peak"], rows


def keras_table(figures: dict[str, Any]) -> Table:
    """Return images a second of all that were trained in turn, and their ratio to Keras."""
    head = [f"`{figures['network']}`, batches of {figures['batch']}", "cores", "images a second"]
    rows = [
        [
            COMPETITORS[name],
            cores.partition(" ")[0],
            f"{row['images_per_s']:.0f} ({row['low']:.0f} to {row['high']:.0f})",
            f"{row['share_of_peak']:.0%}",
            f"{row['times_keras']:.2f}",
        ]
        for cores, competitors in figures["rows"].items()
        for name, row in competitors.items()
    ]
    return [*head, "of the peak", "times the quicker Keras"], rows
