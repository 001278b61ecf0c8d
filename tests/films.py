"""Small real videos, made by PyAV: what is in each frame and when it is shown is known exactly."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

# Quarters of every frame, clockwise from the top left, RGB.
RED, GREEN, BLUE, GREY = (200, 40, 40), (20, 180, 60), (30, 60, 220), (120, 120, 120)
# As a phone films: gaps of every length, to the millisecond.
UNEVEN_MS = (0, 33, 50, 120, 121, 400, 410, 500, 620, 650, 700, 760, 800, 900, 905, 1000, 1100)


def picture(number: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Four coloured quarters, and the frame's number in eight black or white squares."""
    image = np.empty((height, width, 3), np.uint8)
    half_w, half_h = width // 2, height // 2
    image[:half_h, :half_w], image[:half_h, half_w:] = RED, GREEN
    image[half_h:, half_w:], image[half_h:, :half_w] = BLUE, GREY
    for bit in range(8):
        left = bit * width // 8
        image[half_h - 4 : half_h + 4, left : left + width // 8] = 255 * (number >> bit & 1)
    return image


def number_in(image: NDArray[np.uint8]) -> int:
    """The number that `picture` drew."""
    height, width = image.shape[:2]
    squares = [image[height // 2, bit * width // 8 + width // 16].mean() for bit in range(8)]
    return sum(1 << bit for bit, light in enumerate(squares) if light > 127)


def corners(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The colours of the quarters, (4, 3), clockwise from the top left."""
    return np.array([image[4, 4], image[4, -5], image[-5, -5], image[-5, 4]], np.int64)


@dataclass(frozen=True)
class Film:
    """How to make a video."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    times_ms: Sequence[int] = UNEVEN_MS
    time_base: Fraction = Fraction(1, 1000)
    key_every: int = 5
    rotation: float | None = None
    mirrored: bool = False
    pixel_aspect: Fraction | None = None
    full_range: bool = False
    sound: str | None = None
    container: tuple[tuple[str, str], ...] = ()


def make(path: Path, film: Film) -> Path:
    """Encode a film into a file of the kind that its name says."""
    with av.open(str(path), "w", options=dict(film.container)) as output:
        stream = output.add_stream(film.codec, rate=25)
        stream.width, stream.height = film.size
        stream.pix_fmt = film.pixel_format
        context = stream.codec_context
        context.time_base = film.time_base
        context.gop_size = film.key_every
        if film.full_range:
            context.color_range = 2
        if film.pixel_aspect is not None:
            context.sample_aspect_ratio = film.pixel_aspect
        if film.rotation is not None or film.mirrored:
            stream.set_display_rotation(film.rotation or 0, hflip=film.mirrored)
        sound = output.add_stream(film.sound, rate=48_000, layout="mono") if film.sound else None
        for number, time_ms in enumerate(film.times_ms):
            frame = av.VideoFrame.from_ndarray(picture(number, *film.size), format="rgb24")
            frame = frame.reformat(
                format=film.pixel_format, dst_color_range=2 if film.full_range else None
            )
            frame.pts = round(Fraction(time_ms, 1000) / film.time_base)
            frame.time_base = film.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            length_s = film.times_ms[-1] / 1000 + 0.2
            for heard in clicks(length_s):
                output.mux(sound.encode(heard))
            output.mux(sound.encode(None))
    return path


def clicks(length_s: float, rate: int = 48_000, every_s: float = 0.25) -> list[av.AudioFrame]:
    """Sound with a loud burst of 10 ms at every quarter of a second."""
    samples = np.zeros(int(length_s * rate), np.int16)
    burst = (np.sin(np.arange(rate // 100) * 0.4) * 20_000).astype(np.int16)
    for at_s in np.arange(every_s, length_s - 0.02, every_s):
        begin = int(at_s * rate)
        samples[begin : begin + len(burst)] = burst
    frames = []
    for begin in range(0, len(samples), 1024):
        part = samples[begin : begin + 1024]
        frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
        frames.append(frame)
    return frames


def heard_at(path: Path, every_s: float = 0.25) -> list[float]:
    """When a file's bursts of sound begin, in seconds, by its own timestamps."""
    found: list[float] = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            assert frame.pts is not None and frame.time_base is not None
            values = frame.to_ndarray().astype(float)
            if frame.format.name.startswith("s16"):
                values = values / 32768
            loud = np.flatnonzero(np.abs(values).max(axis=0) > 0.2)
            for sample in loud:
                at_s = float(frame.pts * frame.time_base) + sample / frame.sample_rate
                if not found or at_s - found[-1] > every_s / 2:
                    found.append(at_s)
    return found


def make_wave(path: Path) -> Path:
    """A second of silence, without any picture."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000))
    return path
