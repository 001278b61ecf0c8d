"""Video files of every container and codec that PyAV reads, and the same through a pipe."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av

from mien.core.errors import VideoSourceError
from mien.media.decoding import ContainerReader, OpenOptions
from mien.media.frames import DecodedFrame, SourceBreak, SourceInfo, SourceKind, VideoSource
from mien.media.sampling import SAME_TIME_S, Sampling

# How far before the wanted start to look for a key frame: first at it, then further back, since
# some containers find the key frame after it. At last everything is decoded from the beginning.
_LOOK_BACK_S = (0.0, 5.0)


class ContainerSource(VideoSource):
    """Frames of one container that is read once, with an account of its damage."""

    def __init__(self, reader: ContainerReader, kind: SourceKind, sampling: Sampling) -> None:
        """Take over an open container."""
        super().__init__(sampling)
        self._reader = reader
        self._is_interrupted = False
        self.info: SourceInfo = reader.info(kind)

    def interrupt(self) -> None:
        """Have the source end with the frame at hand, also where none is wanted for long."""
        self._is_interrupted = True

    def _release(self) -> None:
        self._reader.close()

    def _decoded(self) -> Iterator[DecodedFrame]:
        for decoded in itertools.chain(self._reader.frames(), self._reader.tail()):
            self._account()
            if self._is_interrupted:
                return
            yield decoded
        self._account()
        reason = self._reader.end_reason or self._reader.shortfall()
        if reason is not None:
            found = SourceBreak(self._reader.clock.last_s, reason)
            self._tally.note_break(self.info.name, found)

    def _account(self) -> None:
        damaged, guessed = self._reader.drain_counts()
        self._tally.damaged += damaged
        self._tally.guessed_times += guessed


class FileSource(ContainerSource):
    """A video file.

    A range that begins later is sought where the container can, then decoded up to its first
    frame, so it begins exactly there.
    """

    def __init__(
        self,
        path: Path,
        sampling: Sampling,
        threads: int = 1,
        *,
        name: str | None = None,
        demuxer: str | None = None,
    ) -> None:
        """Open a file.

        Args:
            path: The file.
            sampling: Which frames are wanted.
            threads: Of the decoder.
            name: What to call it; None for its path.
            demuxer: Of a file that a stranger sent: the one kind of container that it may be, by
                FFmpeg's name, and nothing but the file itself is opened. A playlist would name
                other files of this machine, and addresses.

        Raises:
            VideoSourceError: If it is missing, no video, or has no frame that can be read.
        """
        self._name = name or str(path)
        if not path.is_file():
            problem = "is no file" if path.exists() else "does not exist"
            raise VideoSourceError(f"{self._name} {problem}; expected a video file")
        self._path = path
        confined = (("format_whitelist", demuxer or ""), ("protocol_whitelist", "file"))
        self._options = OpenOptions(threads=threads, ffmpeg=confined if demuxer else ())
        super().__init__(self._open(), "file", sampling)

    def _open(self) -> ContainerReader:
        # `file:` keeps FFmpeg from taking a name with a colon for a protocol.
        return ContainerReader(f"file:{self._path}", self._name, self._options)

    def _decoded(self) -> Iterator[DecodedFrame]:
        if self._sampling.start_s is not None:
            self._go_to(self._sampling.start_s)
        yield from super()._decoded()

    def _go_to(self, start_s: float) -> None:
        """Have the reader stand at a frame at or before a time."""
        reader = self._reader
        if reader.first_s >= start_s:
            return
        for back_s in _LOOK_BACK_S:
            try:
                reader.seek(max(start_s - back_s, 0.0))
            except av.FFmpegError:
                break
            landed_s = reader.peek_s()
            if landed_s is not None and landed_s <= start_s + SAME_TIME_S:
                # What the decoder left out on its way here is not the range's damage.
                reader.drain_counts()
                return
        reader.close()
        self._reader = self._open()


class PipeSource(ContainerSource):
    """A video that comes through a pipe, such as standard input: read once, forward only."""

    def __init__(
        self, stream: BinaryIO, sampling: Sampling, threads: int = 1, name: str = "-"
    ) -> None:
        """Read from a binary stream, which stays the caller's to close.

        Raises:
            VideoSourceError: If what comes is no video, or of a kind that cannot be read forward.
        """
        try:
            reader = ContainerReader(_Forward(stream), name, OpenOptions(threads=threads))
        except VideoSourceError as error:
            raise VideoSourceError(
                f"{error}\nThrough a pipe an MP4 or MOV must have its index in front: write it "
                "with `-movflags +faststart`, or send MPEG-TS or Matroska"
            ) from error
        super().__init__(reader, "pipe", sampling)


class _Forward:
    """A stream that PyAV cannot seek in, read as it comes."""

    def __init__(self, stream: BinaryIO) -> None:
        # read1 gives what is there; read would wait until a whole buffer has come.
        self.read = getattr(stream, "read1", stream.read)
