"""The tables of how fast videos are read, from what `python -m bench.video` prints."""

from __future__ import annotations

from typing import Any

HEAD = ("720p, 30 frames a second, two faces", "detector", "times real time", "at least", "against")


def video_rows(figures: dict[str, Any]) -> list[list[str]]:
    """Return a row for each way to read the clip and each detector, beside its goal.

    The last column has how many times as fast as one frame after the other it is.
    """
    goals = {"every frame": "every_frame_goal", "5 frames a second": "sampled_goal"}
    rows = []
    for detector, measured in figures["detectors"].items():
        ways = measured["ways"]
        for name, row in ways.items():
            kind = name.partition(",")[0]
            slow = ways[f"{kind}, one after the other by analyze"]["times_real_time"]
            goal = figures[goals[name]] if name in goals else None
            rows.append(
                [
                    name,
                    detector,
                    f"{row['times_real_time']:.1f} ({row['low']:.1f} to {row['high']:.1f})",
                    "" if goal is None else f"{goal:g}",
                    f"{row['times_real_time'] / slow:.1f}",
                ]
            )
    return rows


def video_words(figures: dict[str, Any]) -> str:
    """Return what stands under the table: the clip, the stages, what prediction costs, memory."""
    clip, memory = figures["clip"], figures["memory"]
    minute, hour = memory["minute"], memory["hour"]
    parts = [
        f"A clip of {clip['seconds']:g} s, {clip['mbit_per_s']:.1f} Mbit/s, on "
        f"{figures['cores']} cores; in brackets the slowest and the fastest run. `against` is how "
        "many times as fast as `analyze` called with one frame after the other."
    ]
    for detector, measured in figures["detectors"].items():
        spent = ", ".join(f"{name} {ms:.1f}" for name, ms in measured["stages_cpu_ms"].items())
        parts.append(f"Milliseconds of CPU a frame with {detector}: {spent}.")
        parts += [
            f"{name.rpartition('faces ')[2].capitalize()}, {row['predicted_share']:.0%} of boxes "
            f"are predicted; they overlap those of a search by {row['iou_with_search']:.2f} in the "
            f"mean (IoU), and {row['same_dominant']:.0%} of their faces have the same dominant "
            "expression."
            for name, row in measured["ways"].items()
            if "iou_with_search" in row
        ]
    parts.append(
        f"Peak memory of a fresh process: {minute['peak_mb']:.0f} MB for a film of one minute, "
        f"{hour['peak_mb']:.0f} MB for one of an hour ({memory['width']} x {memory['height']}, "
        f"{memory['rate_hz']:g} frames a second, {minute['frames']:,} and {hour['frames']:,} "
        "frames)."
    )
    return "\n\n".join(parts)
