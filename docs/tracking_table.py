"""The table of how well faces keep their ids, from what `python -m bench.tracking` prints."""

from __future__ import annotations

from typing import Any

HEAD = ("scene", "tracker", "true faces", "switches", "fragments", "MOTA", "IDF1")


def tracking_rows(figures: dict[str, Any]) -> list[list[str]]:
    """Return a row for each scene and tracker; a scene is named in its first row alone."""
    return [
        [
            scene if number == 0 else "",
            name,
            f"{one['faces']:,}",
            f"{one['switches']:,}",
            f"{one['fragments']:,}",
            f"{one['mota']:.3f}",
            f"{one['idf1']:.3f}",
        ]
        for scene, trackers in figures["scenes"].items()
        for number, (name, one) in enumerate(trackers.items())
    ]


def tracking_words(figures: dict[str, Any]) -> str:
    """Return what stands under the table: how much was measured, and the cost of a frame."""
    boxes = f"{figures['seeds']} seeds of {figures['seconds_a_seed']:g} s each"
    drawn = f"{figures['drawn_seeds']} of {figures['drawn_seconds_a_seed']:g} s"
    cost_ms = figures["frame_of_10_faces_ms"]
    return (
        f"{boxes}, of the drawn scene {drawn}. A frame with ten faces takes `FaceTracker` "
        f"{cost_ms:.2f} ms on one core."
    )
