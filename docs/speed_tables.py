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
    """Return milliseconds a face in float32 and in 8 bits, by bundle, batch and thread count."""
    head = ["model", "faces, cores", "float32", "of the peak", "8 bits", "of the peak"]
    rows = []
    for name, bundle in figures["bundles"].items():
        for batch, cores in _settings(bundle["rows"]):
            faces = FACES.get(batch, f"{batch} faces at once")
            cells = [f"`{name}`", f"{faces}, {CORES.get(cores, cores)}"]
            for kind in ("fp32", "int8"):
                row = bundle["rows"].get(f"{kind}, {cores}, batch {batch}")
                cells += _milliseconds(row) if row else ["", ""]
            rows.append([*cells, f"{row['times_fp32']:.2f}" if row and "times_fp32" in row else ""])
    return [*head, "times as fast"], rows


def _milliseconds(row: dict[str, Any]) -> list[str]:
    spread = f"{row['low']:.2f} to {row['high']:.2f}"
    return [f"{row['ms_per_face']:.2f} ms ({spread})", f"{row['share_of_peak']:.0%}"]


def _settings(rows: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (batch, threads) of the rows `PRECISION, THREADS, batch BATCH`, each once."""
    seen = set()
    for name in rows:
        _, cores, batch = name.split(", ")
        if (batch, cores) not in seen:
            seen.add((batch, cores))
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


def load_table(figures: dict[str, Any]) -> Table:
    """Return how quickly so many cameras at once are answered, a row for each number."""
    fps = figures["rows"][0]["fps"]
    head = [f"cameras, {fps:g} frames a second each", "frames read a second", "skipped"]
    rows = []
    for row in figures["rows"]:
        trips = row.get("round_trip_ms", {})
        share = row["server_cpu_share"]
        rows.append(
            [
                str(row["cameras"]),
                f"{row['frames_per_s']:.0f}",
                f"{row['skipped'] / max(1, row['sent']):.0%}",
                *(f"{trips[name]:.0f} ms" if trips else "" for name in ("p50", "p95", "p99")),
                "" if share is None else f"{share:.0%}",
            ]
        )
    return [*head, "p50", "p95", "p99", "cores taken by the server"], rows


def load_words(figures: dict[str, Any]) -> str:
    """Return what stands under the table: the goal, and where the time of a frame goes."""
    many = figures["cameras_goal"]
    told = [
        f"Frames of {figures['width']} x {figures['height']}, `{figures['bundle']}` and "
        f"{figures['detector']}, {figures['seconds']:g} s each, on {figures['cores']} cores that "
        f"the sender shares. The goal: {many} cameras with p95 under "
        f"{figures['p95_goal_ms']:g} ms."
    ]
    for row in figures["rows"]:
        if row["cameras"] == many and "stages_ms" in row:
            stages = ", ".join(f"{name} {ms:.1f}" for name, ms in row["stages_ms"].items())
            cpu_ms = row["server_cpu_ms_a_frame"]
            taken = "" if cpu_ms is None else f", {cpu_ms:.1f} ms of CPU in the server"
            told.append(
                f"Where a frame's round trip goes with {many} cameras, mean milliseconds: "
                f"{stages}{taken}; the sender takes {row['generator_cpu_share']:.0%} of the cores."
            )
    by_batch = figures["face_cpu_ms_by_batch"]
    sizes = ", ".join(f"{ms:.2f} in a run of {size}" for size, ms in by_batch.items())
    told.append(
        "What the model takes for a face after a search for faces, milliseconds of CPU on one "
        f"core: {sizes}; a run of 4 takes {by_batch['4'] / by_batch['1']:.0%} of the time a face."
    )
    return "\n\n".join(told)
