"""The sound of a source, laid under a video that is written: copied, or encoded if need be."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from mien.core.errors import VideoWriteError
from mien.media.decoding import clock_start_s, describe

_log = logging.getLogger(__name__)

# What players expect in an MP4 and FFmpeg puts there as it is.
COPIED_CODECS = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
# ISO/IEC 14496-3, table of sampling frequencies, without those that hardly any player knows.
_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
_USUAL_RATE = 48_000
# How far before the start to look for the first packet, since seeking is not exact.
_LOOK_BACK_S = 1.0


class Soundtrack:
    """The best audio track of a file, handed over packet by packet as a video grows.

    Damaged sound never ends the pictures: it ends there, and `account` says so.

    Attributes:
        account: What becomes of it, in words; None if the file has no sound.
    """

    def __init__(self, source: Path, start_s: float) -> None:
        """Open a file for its sound.

        Args:
            source: The file.
            start_s: The time of the source that is 0 in the new video.

        Raises:
            VideoWriteError: If it cannot be opened.
        """
        try:
            self._input: InputContainer = av.open(f"file:{source}", metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoWriteError(
                f"cannot take the sound from {source}: {describe(error)}"
            ) from error
        best = self._input.streams.best("audio")
        self._track = best if isinstance(best, AudioStream) else None
        self._shift_s = start_s + clock_start_s(self._input)
        self._start_s = start_s
        self._is_copied = self._track is not None and self._fits_mp4(self._track)
        self._output: OutputContainer | None = None
        self._target: AudioStream | None = None
        self._flow: Iterator[tuple[float, list[Packet[AudioStream]]]] = iter(())
        self._held: tuple[float, list[Packet[AudioStream]]] | None = None
        self.account: str | None = None
        if self._track is not None:
            how = "copied" if self._is_copied else "encoded to aac"
            self.account = f"{self._codec()}, {how}"

    def add_to(self, output: OutputContainer) -> None:
        """Make room for the sound in an MP4 that has no packets yet."""
        if self._track is None:
            return
        self._output = output
        if self._start_s > _LOOK_BACK_S:
            with suppress(av.FFmpegError):
                self._input.seek(int((self._shift_s - _LOOK_BACK_S) * av.time_base))
        if self._is_copied:
            self._target = output.add_stream_from_template(self._track)
            self._flow = self._copied(self._track, self._target)
        else:
            rate = self._track.rate if self._track.rate in _AAC_RATES else _USUAL_RATE
            layout = "mono" if self._track.channels == 1 else "stereo"
            self._target = output.add_stream("aac", rate=rate, layout=layout)
            self._flow = self._encoded(self._track, self._target, layout, rate)

    def write_until(self, end_s: float) -> None:
        """Hand over all sound that begins before a time of the new video.

        Raises:
            av.FFmpegError: If the MP4 cannot be written.
        """
        while self._output is not None:
            self._held = self._held or self._next()
            if self._held is None or self._held[0] >= end_s:
                return
            for packet in self._held[1]:
                self._output.mux(packet)
            self._held = None

    def finish(self, end_s: float) -> None:
        """Hand over the sound up to the video's end, and what the encoder still holds.

        Raises:
            av.FFmpegError: If the MP4 cannot be written.
        """
        self.write_until(end_s)
        if self._output is not None and self._target is not None and not self._is_copied:
            self._output.mux(self._target.encode(None))

    def close(self) -> None:
        """Let go of the file."""
        self._input.close()

    def _fits_mp4(self, track: AudioStream) -> bool:
        # AAC of broadcasts (ADTS) tells in every packet what an MP4 must be told once, before.
        is_adts = self._codec() == "aac" and not track.codec_context.extradata
        return self._codec() in COPIED_CODECS and not is_adts

    def _codec(self) -> str:
        context = self._track.codec_context if self._track is not None else None
        return context.name if context is not None else "unknown"

    def _next(self) -> tuple[float, list[Packet[AudioStream]]] | None:
        try:
            return next(self._flow, None)
        except (av.FFmpegError, ValueError) as error:
            self.account = f"{self.account}, ended early: {describe(error)}"
            _log.warning("sound %s", self.account)
            return None

    def _copied(
        self, track: AudioStream, target: AudioStream
    ) -> Iterator[tuple[float, list[Packet[AudioStream]]]]:
        last_dts = None
        for packet in self._input.demux(track):
            if packet.pts is None or packet.dts is None:
                continue
            shift = round(self._shift_s / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            is_early = self._start_s > 0 and packet.pts < 0
            if is_early or (last_dts is not None and packet.dts <= last_dts):
                continue
            last_dts = packet.dts
            packet.stream = target
            yield float(packet.pts * packet.time_base), [packet]

    def _encoded(
        self, track: AudioStream, target: AudioStream, layout: str, rate: int
    ) -> Iterator[tuple[float, list[Packet[AudioStream]]]]:
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        for packet in self._input.demux(track):
            for decoded in packet.decode():
                if decoded.pts is None or decoded.time_base is None:
                    continue
                decoded.pts -= round(self._shift_s / decoded.time_base)
                start_s = float(decoded.pts * decoded.time_base)
                if start_s < 0:
                    continue
                for frame in resampler.resample(decoded):
                    yield start_s, target.encode(frame)
