"""Scenes with known truth: people who move, stop, cross, hide each other, leave and come back.

A head goes from place to place with the least jerk (Flash and Hogan 1985), rests there and sways.
That is on purpose not the model of any tracker here. The larger of two faces is the nearer one
and hides the other. Frames come at uneven times, and some never come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.types import Box

WIDTH, HEIGHT = 1280, 720
# A face whose box is hidden further than this counts as out of sight.
LEAST_VISIBLE = 0.5
# A head is larger than its face by this share on each side, and hides what is behind all of it.
HEAD_MARGIN = 0.2
# Who comes back after this long begins a visit with another id.
VISIT_GAP_S = 2.0


@dataclass(frozen=True)
class Scene:
    """What happens, in words of people.

    Attributes:
        name: For tables.
        people: How many there are.
        rate_hz: Frames a second, in the mean.
        move_s: Shortest and longest way from place to place.
        rest_s: Shortest and longest rest there.
        stride: How far people go at once, as a share of the picture's width.
        sides_px: Smallest and largest face.
    """

    name: str
    people: int
    rate_hz: float
    move_s: tuple[float, float]
    rest_s: tuple[float, float]
    stride: float
    sides_px: tuple[float, float] = (70, 150)


SCENES = (
    Scene("panel of 5, seated, 15 fps", 5, 15, (0.5, 1.5), (0.5, 3.0), 0.06),
    Scene("6 people crossing, 25 fps", 6, 25, (2.0, 4.0), (0.0, 0.3), 0.7),
    Scene("10 people, a crowd, 10 fps", 10, 10, (1.0, 3.0), (0.2, 1.5), 0.3),
    Scene("4 people sampled, 4 fps", 4, 4, (1.0, 2.5), (0.5, 2.0), 0.3),
)
# For a real detector: faces large enough for the one that comes with mien.
DRAWN = Scene("4 people crossing, drawn, 12 fps", 4, 12, (1.5, 3.0), (0.0, 0.5), 0.6, (150, 250))


@dataclass(frozen=True)
class TrueFace:
    """One person in one frame: number of the visit, who it is, where, and how much shows (0..1)."""

    visit: int
    person: int
    box: Box
    visible: float


@dataclass(frozen=True)
class TrueFrame:
    """Everybody in view, the farthest first."""

    timestamp_s: float
    faces: tuple[TrueFace, ...]


def make_frames(scene: Scene, seed: int, seconds: float) -> Iterator[TrueFrame]:
    """Yield a scene's frames; the same seed gives the same scene."""
    rng = np.random.default_rng(seed)
    walkers = [_Walker(scene, rng, seconds) for _ in range(scene.people)]
    visits: dict[int, tuple[int, float]] = {}
    count = 0
    for now_s in _frame_times(scene.rate_hz, seconds, rng):
        boxes = {who: walker.box(now_s) for who, walker in enumerate(walkers)}
        seen = []
        in_view = {who: box for who, box in boxes.items() if _is_in_view(box)}
        for who, box in sorted(in_view.items(), key=lambda item: item[1].side):
            visit, last_s = visits.get(who, (0, -np.inf))
            if now_s - last_s > VISIT_GAP_S:
                count += 1
                visit = count
            visits[who] = visit, now_s
            nearer = [other for other in in_view.values() if other.side > box.side]
            seen.append(TrueFace(visit, who, box, _visible(box, nearer)))
        yield TrueFrame(now_s, tuple(seen))


class _Walker:
    """Where one head is at any time."""

    def __init__(self, scene: Scene, rng: np.random.Generator, seconds: float) -> None:
        low, high = scene.sides_px
        place = np.array([rng.uniform(0.05, 0.95), rng.uniform(0.25, 0.65), rng.uniform(low, high)])
        self._times, self._places = [0.0], [place]
        while self._times[-1] < seconds:
            for span, step in ((scene.rest_s, 0.0), (scene.move_s, scene.stride)):
                way = rng.normal(0, [step, step / 6, step * (high - low) / 2])
                place = np.clip(place + way, [-0.25, 0.2, low], [1.25, 0.75, high])
                self._times.append(self._times[-1] + float(rng.uniform(*span)) + 1e-3)
                self._places.append(place)
        self._shape = rng.uniform(1.15, 1.35)
        self._sway = rng.uniform(0.02, 0.07, 2)
        self._sway_hz, self._phase = rng.uniform(0.4, 1.2, 2), rng.uniform(0, 2 * np.pi, 2)

    def box(self, now_s: float) -> Box:
        number = int(np.searchsorted(self._times, now_s, side="right")) - 1
        number = min(max(number, 0), len(self._times) - 2)
        start_s, end_s = self._times[number : number + 2]
        share = min((now_s - start_s) / (end_s - start_s), 1.0)
        eased = 10 * share**3 - 15 * share**4 + 6 * share**5
        before, after = self._places[number : number + 2]
        x, y, side = before + eased * (after - before)
        sway = side * self._sway * np.sin(2 * np.pi * self._sway_hz * now_s + self._phase)
        centre_x, centre_y = x * WIDTH + sway[0], y * HEIGHT + sway[1]
        half_width, half_height = side / 2 / self._shape**0.5, side / 2 * self._shape**0.5
        return Box(
            float(centre_x - half_width),
            float(centre_y - half_height),
            float(centre_x + half_width),
            float(centre_y + half_height),
        )


def _frame_times(rate_hz: float, seconds: float, rng: np.random.Generator) -> Iterator[float]:
    now_s = 0.0
    while now_s < seconds:
        yield now_s
        # One frame in thirty is lost.
        frames = 2 if rng.random() < 1 / 30 else 1
        now_s += frames * float(rng.uniform(0.7, 1.3)) / rate_hz


def _is_in_view(box: Box) -> bool:
    return _shared(box, Box(0, 0, WIDTH, HEIGHT)) > 0.6


def _visible(box: Box, nearer: list[Box]) -> float:
    grid: NDArray[np.bool_] = np.ones((12, 12), np.bool_)
    xs = box.x1 + box.width * (np.arange(12) + 0.5) / 12
    ys = box.y1 + box.height * (np.arange(12) + 0.5) / 12
    for other in nearer:
        left, right = other.x1 - HEAD_MARGIN * other.width, other.x2 + HEAD_MARGIN * other.width
        top, bottom = other.y1 - HEAD_MARGIN * other.height, other.y2 + HEAD_MARGIN * other.height
        inside_x, inside_y = (xs > left) & (xs < right), (ys > top) & (ys < bottom)
        grid &= ~(inside_y[:, None] & inside_x)
    return float(grid.mean())


def _shared(box: Box, other: Box) -> float:
    width = min(box.x2, other.x2) - max(box.x1, other.x1)
    height = min(box.y2, other.y2) - max(box.y1, other.y1)
    return max(width, 0.0) * max(height, 0.0) / (box.width * box.height)
