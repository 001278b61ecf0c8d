"""What a moving picture gives, wherever it comes from: frames, and an account of the reading.

`VideoSource` is the one form that files, pictures in a row, cameras and streams share. It does
the sampling and the bookkeeping; a kind of source only says what comes next.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import VideoSourceError
from mien.media.sampling import FramePicker, Sampling

_log = logging.getLogger(__name__)

UInt8Array = NDArray[np.uint8]
SourceKind = Literal["file", "pictures", "animation", "camera", "stream", "pipe"]

# The largest frame that is read: 8K for both eyes and all around (8192 x 8192) has just room. The
# smallest is one pixel. What is larger is refused before a byte of it is decoded.
MAX_FRAME_PIXELS = 8192 * 8192


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a source.

    Attributes:
        index: The frame's number, counted from 0 at the start of the range, before sampling. What
            a decoder had to leave out is not counted, unreadable pictures of a sequence are.
        timestamp_s: Seconds from the source's start by its own clock; never goes back.
        image_rgb: (h, w, 3) uint8, 0..255, upright, with square pixels. It is the caller's own.
    """

    index: int
    timestamp_s: float
    image_rgb: UInt8Array


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source once it is open; what it does not say itself is None.

    Attributes:
        name: Path, address without password, or name, as a user would know it.
        kind: `file`, `pictures`, `animation`, `camera`, `stream` or `pipe`.
        width: Of the first frame as given out: upright, square pixels.
        height: The same.
        rotation_degrees: How far frames are turned clockwise to be upright: 0, 90, 180 or 270.
        frame_rate: Frames a second on average, as the source says; not a promise.
        duration_s: Its length, as the source says.
        frames: How many it has, as the source says.
        codec: For example `h264`.
        pixel_format: As it is stored, for example `yuv420p10le`.
        has_audio: Whether there is sound as well.
        clock_start_s: What was taken off every timestamp, since the clock of broadcast formats
            (MPEG-TS, RTSP) begins anywhere. Add it to get what `ffprobe` calls `pts_time`.
    """

    name: str
    kind: SourceKind
    width: int
    height: int
    rotation_degrees: int = 0
    frame_rate: float | None = None
    duration_s: float | None = None
    frames: int | None = None
    codec: str | None = None
    pixel_format: str | None = None
    has_audio: bool = False
    clock_start_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class SourceBreak:
    """A place where a source broke off.

    Attributes:
        timestamp_s: The time of the last frame before it; None where there was none.
        reason: What happened, in words.
        resumed: Whether frames came again after it, as those of a stream may.
    """

    timestamp_s: float | None
    reason: str
    resumed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values."""
        return asdict(self)

    def __str__(self) -> str:
        when = "at its start" if self.timestamp_s is None else f"after {self.timestamp_s:.3f} s"
        return f"broke off {when}{' and went on' if self.resumed else ''}: {self.reason}"


@dataclass(frozen=True)
class SourceReport:
    """How reading has gone so far; final once the source has ended.

    Attributes:
        decoded: Frames of the range that have come by, sampled or not.
        given: Frames given out.
        damaged: Frames or packets that could not be read, or only patched up, and were left out.
        guessed_times: Frames whose timestamp was missing or went back, so that it was told from
            the frame before.
        reconnects: How often a stream was opened anew.
        breaks: Where the source broke off, in order of time.
    """

    decoded: int = 0
    given: int = 0
    damaged: int = 0
    guessed_times: int = 0
    reconnects: int = 0
    breaks: tuple[SourceBreak, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing was left out."""
        return not self.damaged and not self.breaks

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values."""
        return {**asdict(self), "breaks": [one.to_dict() for one in self.breaks]}


@dataclass
class Tally:
    """The running account behind a `SourceReport`."""

    decoded: int = 0
    given: int = 0
    damaged: int = 0
    guessed_times: int = 0
    reconnects: int = 0
    breaks: list[SourceBreak] = field(default_factory=list)

    def note_break(self, name: str, found: SourceBreak) -> None:
        """Keep a break, and log it for who looks there."""
        self.breaks.append(found)
        _log.warning("%s %s", name, found)

    def report(self) -> SourceReport:
        """Return the account as it is now."""
        return SourceReport(**{**vars(self), "breaks": tuple(self.breaks)})


@dataclass(frozen=True, eq=False)
class DecodedFrame:
    """A frame whose picture is made only if it is wanted.

    Attributes:
        timestamp_s: Seconds from the source's start.
        develop: Gives the picture, (h, w, 3) uint8 RGB, or None if it proves to be unreadable.
    """

    timestamp_s: float
    develop: Callable[[], UInt8Array | None]


class VideoSource(ABC):
    """Frames one after the other, once: a context manager and an iterator.

    One thread at a time may use it, but for `info`, `report` and `interrupt`.

    One frame at a time is decoded, so memory does not grow with length. Leaving the `with` block,
    or `close`, frees everything.

    Attributes:
        info: What is known of it.
    """

    info: SourceInfo

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._tally = Tally()
        self._frames: Iterator[Frame] | None = None
        self._is_closed = False

    @property
    def report(self) -> SourceReport:
        """How reading has gone so far."""
        return self._tally.report()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._is_closed:
            raise VideoSourceError(f"{self.info.name} is closed; open it again to read it")
        if self._frames is None:
            self._frames = self._sampled()
        return next(self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of file, device or connection; may be called again."""
        if not self._is_closed:
            self._is_closed = True
            self._frames = None
            self._release()

    def interrupt(self) -> None:
        """Have a reading that waits for something give up soon; may be called from any thread."""
        return None

    @abstractmethod
    def _decoded(self) -> Iterator[DecodedFrame]:
        """Give every frame in order, from the start of the range or from before it."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of file, device or connection."""

    def _sampled(self) -> Iterator[Frame]:
        picker = FramePicker(self._sampling)
        for decoded in self._decoded():
            if picker.is_before_range(decoded.timestamp_s):
                continue
            if picker.is_past_range(decoded.timestamp_s):
                return
            index, self._tally.decoded = self._tally.decoded, self._tally.decoded + 1
            if not picker.takes(decoded.timestamp_s):
                continue
            image_rgb = decoded.develop()
            if image_rgb is None:
                self._tally.damaged += 1
                continue
            self._tally.given += 1
            yield Frame(index, decoded.timestamp_s, image_rgb)
