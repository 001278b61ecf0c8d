"""Where plates and bars stand in a video frame: inside it, over no other face, and steadily.

What was chosen once is kept while it still fits, and something better is only taken once it has
been better for a while; boxes follow a face only once it really moved. So nothing jumps to and
fro because a detector's edges tremble.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mien.core.types import Box

# How long something better must be free before a plate or bars move there.
HOLD_S = 1.0
# Edges of a box that move by less than this part of its side stay: about what a detector trembles.
DEAD_ZONE = 0.015
# How long what was chosen for a person out of sight is remembered.
MEMORY_S = 5.0
# Of a face's own box, what bars may never cover: all but a margin of this part at each edge.
_OWN_MARGIN = 0.22


class Rect(NamedTuple):
    """Whole pixels, the right and lower edges not included."""

    left: int
    top: int
    right: int
    bottom: int

    def meets(self, other: Rect) -> bool:
        """Tell whether the two share a pixel."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def lies_in(self, area: Rect) -> bool:
        """Tell whether no part of it is outside an area."""
        return (
            self.left >= area.left
            and self.top >= area.top
            and self.right <= area.right
            and self.bottom <= area.bottom
        )


Size = tuple[int, int]
# A kind of plate or of bars, and its width and height in pixels.
Option = tuple[str, Size]


@dataclass(frozen=True)
class Wanted:
    """What is to be placed for one face.

    Attributes:
        track_id: The person's number, or None; without it nothing is remembered of them.
        box: Where the face is.
        plates: The plates that would do, best first.
    """

    track_id: int | None
    box: Box
    plates: Sequence[Option]


@dataclass
class Placed:
    """Where one face's parts are drawn.

    Attributes:
        box: The steadied box, whole pixels; it may reach past the frame's edge.
        plate: Kind and place of the plate, or None where there is no room.
        bars: Kind and place of the bars, or None.
    """

    box: Rect
    plate: tuple[str, Rect] | None = None
    bars: tuple[str, Rect] | None = None


class _Spot(NamedTuple):
    key: str
    kind: str
    rect: Rect
    over_own: bool = False


@dataclass
class _Choice:
    key: str = ""
    better_since_s: float | None = None

    def may_stay(self, best: str, now_s: float) -> bool:
        """Tell whether what was chosen, and still fits, is kept although something is better."""
        if best == self.key:
            self.better_since_s = None
            return True
        if self.better_since_s is None:
            self.better_since_s = now_s
        return now_s - self.better_since_s < HOLD_S

    def take(self, key: str) -> None:
        self.key, self.better_since_s = key, None


@dataclass
class _Person:
    box: Box
    seen_s: float
    plate: _Choice = field(default_factory=_Choice)
    bars: dict[str, _Choice] = field(default_factory=dict)


class Layout:
    """Places plates and bars in one frame after the other."""

    def __init__(self) -> None:
        self._people: dict[int, _Person] = {}
        self._kind = _Choice()

    def place(
        self,
        wanted: Sequence[Wanted],
        bars: Sequence[Option],
        area: Rect,
        gap_px: int,
        now_s: float,
    ) -> list[Placed]:
        """Place everything in a frame.

        Args:
            wanted: The faces.
            bars: The kinds of bars that would do, best first. All faces get the same kind, the
                best for which all have room; of the last kind, those that have it.
            area: The part of the frame that may be drawn on.
            gap_px: Between a box and what belongs to it.
            now_s: The frame's time.

        Returns:
            A place for each of `wanted`, in its order.
        """
        self._forget(now_s)
        people = [self._person(one, now_s) for one in wanted]
        placed = [Placed(_whole(person.box)) for person in people]
        # By number and not by size, which changes: who comes first has the first choice.
        order = sorted(range(len(wanted)), key=lambda n: wanted[n].track_id or 1 << 62)
        boxes = [one.box for one in placed]
        plates: list[Rect] = []
        for number in order:
            others = [box for n, box in enumerate(boxes) if n != number] + plates
            spots = list(_plate_spots(boxes[number], wanted[number].plates, area))
            spot = _pick(spots, others, None, people[number].plate, now_s) or _least(spots, plates)
            if spot is not None:
                placed[number].plate = (spot.kind, spot.rect)
                plates.append(spot.rect)
        self._place_bars(placed, people, order, (bars, area, gap_px), now_s)
        return placed

    def _forget(self, now_s: float) -> None:
        self._people = {
            track_id: person
            for track_id, person in self._people.items()
            if 0 <= now_s - person.seen_s <= MEMORY_S
        }

    def _person(self, wanted: Wanted, now_s: float) -> _Person:
        if wanted.track_id is None:
            return _Person(wanted.box, now_s)
        person = self._people.setdefault(wanted.track_id, _Person(wanted.box, now_s))
        person.box, person.seen_s = steadied(person.box, wanted.box), now_s
        return person

    def _place_bars(
        self,
        placed: Sequence[Placed],
        people: Sequence[_Person],
        order: Sequence[int],
        room: tuple[Sequence[Option], Rect, int],
        now_s: float,
    ) -> None:
        kinds = [kind for kind, _ in room[0]]
        if not order or not kinds:
            return
        found: dict[str, dict[int, _Spot]] = {}
        best = kinds[-1]
        for kind in kinds:
            found[kind] = self._bars_of(kind, placed, people, order, room, now_s)
            if len(found[kind]) == len(order):
                best = kind
                break
        shown = self._kind.key
        if shown in kinds and kinds.index(shown) > kinds.index(best):
            if self._kind.may_stay(best, now_s):
                best = shown
                found[best] = self._bars_of(best, placed, people, order, room, now_s)
            else:
                self._kind.take(best)
        else:
            self._kind.take(best)
        for number, spot in found[best].items():
            placed[number].bars = (spot.kind, spot.rect)

    def _bars_of(
        self,
        kind: str,
        placed: Sequence[Placed],
        people: Sequence[_Person],
        order: Sequence[int],
        room: tuple[Sequence[Option], Rect, int],
        now_s: float,
    ) -> dict[int, _Spot]:
        """Find room for bars of one kind, for as many faces as have it."""
        bars, area, gap_px = room
        plates = [one.plate[1] for one in placed if one.plate is not None]
        found: dict[int, _Spot] = {}
        for number in order:
            boxes = [one.box for n, one in enumerate(placed) if n != number]
            taken = [*boxes, *plates, *(spot.rect for spot in found.values())]
            spots = list(_bar_spots(placed[number], (kind, dict(bars)[kind]), area, gap_px))
            choice = people[number].bars.setdefault(kind, _Choice())
            spot = _pick(spots, taken, placed[number].box, choice, now_s)
            if spot is not None:
                found[number] = spot
        return found


def steadied(shown: Box, seen: Box) -> Box:
    """Move a box that is shown towards where it was seen, no further than it has to.

    Each edge stays until it is wrong by more than `DEAD_ZONE` of the box's side.
    """
    slack = DEAD_ZONE * seen.side
    return Box(
        *(
            min(max(old, new - slack), new + slack)
            for old, new in zip(
                (shown.x1, shown.y1, shown.x2, shown.y2),
                (seen.x1, seen.y1, seen.x2, seen.y2),
                strict=True,
            )
        )
    )


def _pick(
    spots: Sequence[_Spot],
    taken: Sequence[Rect],
    own: Rect | None,
    choice: _Choice,
    now_s: float,
) -> _Spot | None:
    """Choose the first free spot, or the one chosen before while that is free.

    A face's own box is not to be covered either, but by spots that are meant to, at its margin.
    """

    def is_free(spot: _Spot) -> bool:
        if own is not None and spot.rect.meets(_core(own) if spot.over_own else own):
            return False
        return not any(spot.rect.meets(other) for other in taken)

    best = next((spot for spot in spots if is_free(spot)), None)
    if best is None:
        return None
    before = next((spot for spot in spots if spot.key == choice.key), None)
    if before is not None and is_free(before) and choice.may_stay(best.key, now_s):
        return before
    choice.take(best.key)
    return best


def _least(spots: Sequence[_Spot], plates: Sequence[Rect]) -> _Spot | None:
    """Return the smallest plate that covers no other plate, or else just the smallest."""
    smallest = [spot for spot in spots if spot.kind == spots[-1].kind]
    free = (s for s in smallest if not any(s.rect.meets(plate) for plate in plates))
    return next(free, smallest[-1] if smallest else None)


def _plate_spots(box: Rect, plates: Sequence[Option], area: Rect) -> Iterator[_Spot]:
    for kind, (width, height) in plates:
        left = _within(box.left, width, area.left, area.right)
        for side, top in (
            ("above", box.top - height),
            ("below", box.bottom),
            ("inside", _within(box.top, height, area.top, area.bottom)),
        ):
            rect = Rect(left, top, left + width, top + height)
            if rect.lies_in(area):
                yield _Spot(f"{kind} {side}", kind, rect)


def _bar_spots(placed: Placed, option: Option, area: Rect, gap_px: int) -> Iterator[_Spot]:
    kind, (width, height) = option
    box = placed.box
    plate = placed.plate[1] if placed.plate else box
    beyond = min(box.top, plate.top), max(box.bottom, plate.bottom)
    right, left = box.right + gap_px, box.left - gap_px - width
    tops = {
        "upper": _within(box.top, height, area.top, area.bottom),
        "lower": _within(box.bottom - height, height, area.top, area.bottom),
    }
    across = _within(box.left, width, area.left, area.right)
    corners = {
        f"over {name} {side}": (x, y)
        for name, y in (("top", area.top + gap_px), ("bottom", area.bottom - gap_px - height))
        for side, x in (
            ("right", area.right - gap_px - width),
            ("left", area.left + gap_px),
        )
    }
    places = {
        **{f"right {name}": (right, top) for name, top in tops.items()},
        **{f"left {name}": (left, top) for name, top in tops.items()},
        "below": (across, beyond[1] + gap_px),
        "above": (across, beyond[0] - gap_px - height),
        **corners,
    }
    for key, (x, y) in places.items():
        rect = Rect(x, y, x + width, y + height)
        # Bars in a corner that the face does not reach would belong to nobody.
        if rect.lies_in(area) and (key not in corners or rect.meets(box)):
            yield _Spot(f"{kind} {key}", kind, rect, over_own=key in corners)


def _within(start: int, length: int, least: int, most: int) -> int:
    """Shift a span so that it lies between two edges, as far as it can."""
    return max(min(start, most - length), least)


def _core(box: Rect) -> Rect:
    x = round(_OWN_MARGIN * (box.right - box.left))
    y = round(_OWN_MARGIN * (box.bottom - box.top))
    return Rect(box.left + x, box.top + y, box.right - x, box.bottom - y)


def _whole(box: Box) -> Rect:
    left, top = round(box.x1), round(box.y1)
    return Rect(left, top, max(round(box.x2), left + 1), max(round(box.y2), top + 1))
