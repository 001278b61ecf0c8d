"""One MP4 file that grows: H.264 packets in, playable at any moment up to half a second ago.

While it is written the file is a chain of fragments, each whole by itself, so that it can be
played up to the last of them after a crash or on a full disk; finishing makes it an ordinary MP4
with one index (FFmpeg's `hybrid_fragmented`).
"""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import ColorRange, Colorspace

from mien.media.audio import Soundtrack
from mien.media.frames import UInt8Array

# Fine enough for every frame rate and every container's own ticks.
TIME_BASE = Fraction(1, 90_000)
_CONTAINER_OPTIONS = {
    # delay_moov keeps the time of a first frame that comes after 0.
    "movflags": "+frag_keyframe+delay_moov+hybrid_fragmented",
    "frag_duration": "500000",
    "flush_packets": "1",
}
_USUAL_FRAME_RATE = 30
_BT709 = 1


class Mp4File:
    """An H.264 track, and a soundtrack beside it."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        codec_options: dict[str, str],
        threads: int,
        soundtrack: Soundtrack | None,
    ) -> None:
        """Begin a file.

        Args:
            path: Where; what is there is replaced.
            size: (width, height) in pixels, both even.
            codec_options: x264's.
            threads: Of the encoder; 0 for as many as there are cores.
            soundtrack: To lay under the frames.

        Raises:
            av.FFmpegError: If it cannot be written.
        """
        self._output = av.open(f"file:{path}", "w", format="mp4", options=_CONTAINER_OPTIONS)
        self._soundtrack = soundtrack
        self._last_pts: int | None = None
        self._last_length = round(1 / _USUAL_FRAME_RATE / TIME_BASE)
        self._stream = self._output.add_stream(
            "libx264", rate=_USUAL_FRAME_RATE, options=codec_options
        )
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = TIME_BASE
        context.thread_count = threads
        # Where frames are reordered across its last two fragments, FFmpeg's index leaves out the
        # last frame shown.
        context.max_b_frames = 0
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        if soundtrack is not None:
            soundtrack.add_to(self._output)

    def add(self, image_rgb: UInt8Array, pts: int) -> None:
        """Encode one frame.

        Args:
            image_rgb: (h, w, 3) uint8 RGB of the file's size.
            pts: When it is shown, in ticks of `TIME_BASE`; later than the one before.

        Raises:
            av.FFmpegError: If it cannot be written.
        """
        frame = av.VideoFrame.from_ndarray(image_rgb, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        # A frame lasts until the next one; how long the last one does, only the ones before tell.
        if self._last_pts is not None:
            self._last_length = pts - self._last_pts
        frame.pts, frame.time_base, frame.duration = pts, TIME_BASE, self._last_length
        self._last_pts = pts
        self._output.mux(self._stream.encode(frame))
        if self._soundtrack is not None:
            self._soundtrack.write_until(float(pts * TIME_BASE))

    def finish(self) -> None:
        """Write what the encoder still holds, the rest of the sound and the index, and close.

        Raises:
            av.FFmpegError: If it cannot be written.
        """
        self._output.mux(self._stream.encode(None))
        if self._soundtrack is not None and self._last_pts is not None:
            self._soundtrack.finish(float((self._last_pts + self._last_length) * TIME_BASE))
        self._output.close()

    def abandon(self) -> None:
        """Close after a failure; what is in the file stays as it is."""
        with suppress(av.FFmpegError, OSError):
            self._output.close()
