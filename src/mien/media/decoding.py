"""One open container: packets in, decoded frames with their times out, whatever it comes from.

Damage is met here: a packet that cannot be read or decoded is counted and left out, and so is a
frame that the decoder had to patch together; where nothing more can be had, reading ends with a
reason instead of an exception, so that the frames before it are not lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags as FormatFlags
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mien.core.errors import VideoSourceError
from mien.media.clock import StreamClock
from mien.media.develop import display_matrix, rotation_degrees, square_pixel_size, to_rgb
from mien.media.frames import MAX_FRAME_PIXELS, DecodedFrame, SourceInfo, SourceKind, UInt8Array

# A file that gives this many errors in a row and no packet between has nothing more to give.
_HOPELESS = 32
# What FFmpeg takes raw video to have where nobody says.
_USUAL_FRAME_RATE = 25.0
# An end that comes earlier than announced by more than this is a file cut off.
_SHORTFALL_S = 0.25
_NO_TIMESTAMPS: int = FormatFlags.no_timestamps.value  # type: ignore[assignment]
_BEGINS_ANYWHERE: int = FormatFlags.ts_discont.value  # type: ignore[assignment]
_REMUX = "`ffmpeg -i IN -c copy OUT.mkv` often repairs such a file"


@dataclass(frozen=True)
class OpenOptions:
    """How a container is opened.

    Attributes:
        threads: Of the decoder.
        timeout_s: How long the other side of a network may be silent; None for files.
        ffmpeg: Options of FFmpeg's demuxer and protocol.
    """

    threads: int = 1
    timeout_s: float | None = None
    ffmpeg: tuple[tuple[str, str], ...] = ()


class ContainerReader:
    """Decodes the best video track of one container.

    Attributes:
        container: PyAV's.
        stream: The video track.
        clock: Gives frames their times.
        clock_start_s: What the clock takes off.
        end_reason: Why reading ended early; None while it goes on and after a clean end.
        first: The first frame, already decoded.
    """

    def __init__(self, file: Any, name: str, options: OpenOptions) -> None:
        """Open a container and decode its first frame.

        Args:
            file: A path or address for FFmpeg, or an object with `read`.
            name: What to call it in errors.
            options: How to open it.

        Raises:
            VideoSourceError: If it cannot be opened or has no frame that can be read.
        """
        self.name = name
        self._is_remote = options.timeout_s is not None
        self._damaged = 0
        self._turns: dict[int, NDArray[np.int8] | None] = {}
        self.end_reason: str | None = None
        self.container = _open(file, name, options)
        try:
            self.stream = _best_video(self.container, name)
            self._prepare(options.threads)
            self.clock_start_s = clock_start_s(self.container)
            self.clock = self._new_clock()
            self._flow = self._decode()
            self.first = self._first_frame()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Free decoder and container."""
        self.container.close()

    @property
    def first_s(self) -> float:
        """The time of the container's first frame."""
        return self._new_clock().read(self.first)

    def frames(self) -> Iterator[DecodedFrame]:
        """Give all frames from where reading stands; those looked at before are not lost."""
        yield from self._timed(self._flow)

    def tail(self) -> Iterator[DecodedFrame]:
        """Give what the decoder still held when reading broke off; frames may lack between them."""
        if self.end_reason is not None:
            with suppress(av.FFmpegError, ValueError):
                yield from self._timed(self._sound(self.stream.decode(None)))

    def peek_s(self) -> float | None:
        """Return the time of the next frame as it says itself; None if it does not, or is none."""
        frame = next(self._flow, None)
        if frame is None:
            return None
        self._flow = _chained(frame, self._flow)
        clock = self._new_clock()
        time_s = clock.read(frame)
        return None if clock.guessed else time_s

    def seek(self, timestamp_s: float) -> None:
        """Go to the last key frame before a time, as far as the container can.

        Raises:
            av.FFmpegError: If it cannot.
        """
        time_base = self.stream.time_base or Fraction(1, av.time_base)
        offset = math.floor((timestamp_s + self.clock_start_s) / time_base)
        self.container.seek(offset, stream=self.stream, backward=True)
        self._damaged, self.end_reason = 0, None
        self.clock = self._new_clock()
        self._flow = self._decode()

    def drain_counts(self) -> tuple[int, int]:
        """Return how much was left out and how many times were guessed since the last call."""
        counts = self._damaged, self.clock.guessed
        self._damaged, self.clock.guessed = 0, 0
        return counts

    def info(self, kind: SourceKind) -> SourceInfo:
        """Say what is known of the source."""
        frame, context = self.first, self.stream.codec_context
        turned = rotation_degrees(self._turn(frame))
        width, height = square_pixel_size(frame.width, frame.height, self._pixel_aspect())
        if turned in (90, 270):
            width, height = height, width
        return SourceInfo(
            name=self.name,
            kind=kind,
            width=width,
            height=height,
            rotation_degrees=turned,
            frame_rate=self._frame_rate(),
            duration_s=self._duration_s(),
            frames=self.stream.frames or None,
            codec=context.name,
            pixel_format=frame.format.name,
            has_audio=bool(self.container.streams.audio),
            clock_start_s=self.clock_start_s,
        )

    def shortfall(self) -> str | None:
        """Say by how much a cleanly read end comes before the announced one, if it does."""
        announced_s, end_s = self._video_end_s(), self.clock.end_s
        if announced_s is None or end_s is None:
            return None
        if announced_s - end_s <= max(_SHORTFALL_S, 3 * self._frame_s()):
            return None
        return (
            f"it ends here, {announced_s - end_s:.2f} s before the {announced_s:.2f} s that its "
            "header announces; the file is cut off or damaged"
        )

    def _prepare(self, threads: int) -> None:
        context = self.stream.codec_context
        if context is None:
            raise VideoSourceError(
                f"{self.name}: no decoder here for its video track; convert it with "
                "`ffmpeg -i IN -c:v libx264 OUT.mp4`"
            )
        if context.width * context.height > MAX_FRAME_PIXELS:
            raise VideoSourceError(_too_large(self.name, context.width, context.height))
        context.options = {**context.options, "max_pixels": str(MAX_FRAME_PIXELS)}
        context.thread_count = threads
        # Frames decoded side by side come later by as many, which a live stream cannot have.
        is_live = self._is_remote and self._duration_s() is None
        context.thread_type = "AUTO" if threads > 1 and not is_live else "SLICE"

    def _first_frame(self) -> av.VideoFrame:
        first = next(self._flow, None)
        if first is None:
            reason = self.end_reason or (
                f"{self._damaged} packets were damaged" if self._damaged else "it has no frames"
            )
            raise VideoSourceError(
                f"{self.name}: no frame can be read: {reason}; get the file anew, or {_REMUX}"
            )
        self._flow = _chained(first, self._flow)
        return first

    def _decode(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                self._damaged += 1
                continue
            yield from self._sound(frames)

    def _sound(self, frames: list[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        for frame in frames:
            if frame.is_corrupt or frame.width * frame.height > MAX_FRAME_PIXELS:
                self._damaged += 1
            else:
                yield frame

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        failures = 0
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.InvalidDataError as error:
                self._damaged += 1
                failures += 1
                if failures == _HOPELESS:
                    self.end_reason = describe(error)
                    return
                packets = self.container.demux(self.stream)
                continue
            except (av.FFmpegError, OSError) as error:
                self.end_reason = describe(error)
                return
            if packet is None:
                return
            failures = 0
            yield packet

    def _timed(self, frames: Iterator[av.VideoFrame]) -> Iterator[DecodedFrame]:
        for frame in frames:
            timestamp_s = self.clock.read(frame)
            # Developed later, perhaps when the container is closed: nothing of it is asked then.
            develop = partial(_develop, frame, self._pixel_aspect(), self._turn(frame))
            yield DecodedFrame(timestamp_s, develop)

    def _turn(self, frame: av.VideoFrame) -> NDArray[np.int8] | None:
        # Read once for each rotation: PyAV's side data and its frame hold each other, so a frame
        # that was asked stays in memory until the garbage collector comes by.
        if frame.rotation not in self._turns:
            self._turns[frame.rotation] = display_matrix(frame)
        return self._turns[frame.rotation]

    def _pixel_aspect(self) -> Fraction | None:
        return self.stream.sample_aspect_ratio or self.stream.codec_context.sample_aspect_ratio

    def _new_clock(self) -> StreamClock:
        return StreamClock(self.stream.time_base, self.clock_start_s, self._frame_s())

    def _frame_s(self) -> float:
        return 1 / (self._frame_rate() or _USUAL_FRAME_RATE)

    def _frame_rate(self) -> float | None:
        rate = self.stream.average_rate
        if not rate and self.container.format.flags & _NO_TIMESTAMPS:
            rate = self.stream.guessed_rate
        return float(rate) if rate and rate > 0 else None

    def _duration_s(self) -> float | None:
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        duration = self.container.duration
        return duration / av.time_base if duration and duration > 0 else None

    def _video_end_s(self) -> float | None:
        """When the video is announced to end; None where only sound or guesses tell."""
        stream, duration_s = self.stream, self._duration_s()
        if duration_s is None or (not stream.duration and self.container.streams.audio):
            return None
        if not stream.start_time or not stream.time_base:
            return duration_s
        return float(stream.start_time * stream.time_base) - self.clock_start_s + duration_s


def _develop(
    frame: av.VideoFrame, pixel_aspect: Fraction | None, turn: NDArray[np.int8] | None
) -> UInt8Array | None:
    try:
        return to_rgb(frame, pixel_aspect, turn)
    except (av.FFmpegError, ValueError):
        return None


def describe(error: Exception) -> str:
    """Put an error of FFmpeg or the system in a user's words."""
    if isinstance(error, av.error.ExitError):
        return "nothing came for too long"
    if isinstance(error, av.error.InvalidDataError):
        return "invalid data; it is damaged, cut off, or no video"
    return str(getattr(error, "strerror", None) or error)


def _open(file: Any, name: str, options: OpenOptions) -> InputContainer:
    try:
        container: InputContainer = av.open(
            file,
            "r",
            options=dict(options.ffmpeg),
            metadata_errors="replace",
            timeout=options.timeout_s,
        )
        return container
    except (av.FFmpegError, OSError, ValueError) as error:
        hint = ""
        if isinstance(error, av.error.InvalidDataError):
            hint = (
                "\nAn MP4 or MOV whose recording was cut off lacks its index and cannot be read; "
                f"of other formats, {_REMUX}"
            )
        raise VideoSourceError(f"cannot open {name}: {describe(error)}{hint}") from error


def _best_video(container: InputContainer, name: str) -> VideoStream:
    tracks = [
        track
        for track in container.streams.video
        if not track.disposition & Disposition.attached_pic
    ]
    if not tracks:
        others = sorted({track.type for track in container.streams})
        raise VideoSourceError(
            f"{name} has no video track, only {', '.join(others) or 'nothing that can be read'}; "
            "expected a video"
        )
    best = container.streams.best("video")
    return best if isinstance(best, VideoStream) and best in tracks else tracks[0]


def clock_start_s(container: InputContainer) -> float:
    """Return where a container's clock begins, in seconds, if it is one that begins anywhere."""
    # Elsewhere 0 is the start, and a first frame that comes later really does.
    begins_anywhere = container.format.flags & _BEGINS_ANYWHERE
    start = container.start_time
    return start / av.time_base if begins_anywhere and start is not None else 0.0


def _too_large(name: str, width: int, height: int) -> str:
    return (
        f"{name}: frames of {width} x {height} pixels; at most {MAX_FRAME_PIXELS / 1e6:.0f} "
        "megapixels are read; scale it down with `ffmpeg -i IN -vf scale=1920:-2 OUT.mp4`"
    )


def _chained(first: av.VideoFrame, rest: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    yield first
    yield from rest
