"""What is damaged, cut off or endless: what could be read is kept, the break is named."""

from __future__ import annotations

import gc
import itertools
import random
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from films import Film, make, number_in, picture
from mien.core.errors import VideoSourceError
from mien.media import SourceBreak, SourceReport, VideoSource, open_source

SECONDS_4 = range(0, 4000, 40)
FASTSTART = (("movflags", "faststart"),)
FILMS = {
    "h264.mp4": Film(times_ms=SECONDS_4, container=FASTSTART, sound="aac"),
    "vp9.webm": Film("libvpx-vp9", times_ms=SECONDS_4),
    "mpeg4.avi": Film("mpeg4", times_ms=SECONDS_4, time_base=Fraction(1, 25)),
    "broadcast.ts": Film(times_ms=SECONDS_4),
    "mjpeg.mov": Film("mjpeg", "yuvj420p", times_ms=SECONDS_4, container=FASTSTART),
    "prores.mov": Film("prores_ks", "yuv422p10le", times_ms=range(0, 400, 40)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, film in FILMS.items():
        make(folder / name, film)
    return folder


def numbers_and_report(path: Path) -> tuple[list[int], list[float], SourceReport]:
    with open_source(path) as source:
        frames = [(number_in(frame.image_rgb), frame.timestamp_s) for frame in source]
        return [number for number, _ in frames], [at_s for _, at_s in frames], source.report


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "mpeg4.avi", "mjpeg.mov"])
def test_what_lies_before_a_cut_is_kept_and_the_cut_is_named(
    folder: Path, tmp_path: Path, name: str
) -> None:
    content = (folder / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: len(content) * 6 // 10])
    numbers, times_s, report = numbers_and_report(path)
    assert 10 < len(numbers) < 95
    assert numbers == sorted(set(numbers))
    # Frames that refer to others come in another order, so the cut may take some before the last.
    assert numbers[-1] - len(numbers) <= 2
    assert times_s == pytest.approx([number * 0.04 for number in numbers], abs=0.00051)
    (found,) = report.breaks
    assert found.timestamp_s == times_s[-1]
    assert not found.resumed
    assert not report.complete
    assert f"after {times_s[-1]:.3f} s" in str(found)


@pytest.mark.parametrize("name", FILMS)
def test_a_whole_file_has_no_break(folder: Path, name: str) -> None:
    numbers, _, report = numbers_and_report(folder / name)
    assert len(numbers) == len(FILMS[name].times_ms)
    assert report == SourceReport(decoded=len(numbers), given=len(numbers))


def test_a_packet_that_is_damaged_is_counted_and_skipped(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / "mjpeg.mov").read_bytes())
    with av.open(str(folder / "mjpeg.mov")) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for number in (30, 31, 57):
        position, size = packets[number]
        assert position is not None
        content[position : position + size] = bytes(size)
    path = tmp_path / "holes.mov"
    path.write_bytes(content)
    numbers, times_s, report = numbers_and_report(path)
    assert numbers == [n for n in range(100) if n not in (30, 31, 57)]
    assert times_s == pytest.approx([n * 0.04 for n in numbers])
    assert report.damaged == 3
    assert report.breaks == ()


def test_frames_that_lack_their_reference_are_left_out(folder: Path, tmp_path: Path) -> None:
    # Tuned in between two key frames, as one is to a broadcast.
    content = (folder / "broadcast.ts").read_bytes()
    with av.open(str(folder / "broadcast.ts")) as container:
        keys = [p.pos for p in container.demux(video=0) if p.is_keyframe and p.pos is not None]
    path = tmp_path / "tuned-in.ts"
    # The tables (PAT and PMT) are in the first packets of 188 bytes.
    path.write_bytes(content[: 188 * 3] + content[keys[4] + 188 :])
    numbers, _, _ = numbers_and_report(path)
    assert numbers == list(range(numbers[0], 100))
    assert numbers[0] % 5 == 0


def variants(content: bytes, seed: int, cuts: int, flips: int) -> list[bytes]:
    """Cut, and flipped in 1 to 40 bytes; every other one within the first 2 kB, the headers."""
    draw = random.Random(seed)
    made = [content[: draw.randrange(1, len(content))] for _ in range(cuts)]
    for number in range(flips):
        flipped = bytearray(content)
        reach = min(len(content), 2048) if number % 2 else len(content)
        for _ in range(draw.choice((1, 4, 40))):
            flipped[draw.randrange(reach)] = draw.randrange(256)
        made.append(bytes(flipped))
    return made


def read_all(source: VideoSource) -> None:
    last_s = -float("inf")
    for frame in itertools.islice(source, 2000):
        assert frame.timestamp_s > last_s
        last_s = frame.timestamp_s
        assert frame.image_rgb.dtype == np.uint8
        assert frame.image_rgb.ndim == 3
        assert frame.image_rgb.shape[2] == 3


@pytest.mark.parametrize("name", FILMS)
def test_cut_and_flipped_bytes_end_in_frames_or_in_a_clear_error(
    tmp_path: Path, folder: Path, name: str
) -> None:
    path = tmp_path / name
    # The start of a film is enough, and quick.
    short = Film(**{**vars(FILMS[name]), "times_ms": FILMS[name].times_ms[:12]})
    content = make(tmp_path / f"short-{name}", short).read_bytes()
    refused = 0
    for variant in variants(content, seed=len(name), cuts=8, flips=24):
        path.write_bytes(variant)
        began = time.process_time()
        try:
            with open_source(path) as source:
                read_all(source)
        except VideoSourceError as error:
            refused += 1
            assert name in str(error)
        assert time.process_time() - began < 5
    assert refused < 32


def make_endless(path: Path, frames: int) -> Path:
    """One JPEG over and over: a long film that is quick to make."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        frame = av.VideoFrame.from_ndarray(picture(7, 160, 120), format="rgb24")
        (first,) = stream.encode(frame.reformat(format="yuvj420p"))
        data = bytes(first)
        for number in range(frames):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            output.mux(packet)
    return path


def data_bytes() -> int:
    """The memory this process has asked for: the kernel can put it away, and it still counts."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_stays_flat_over_3000_frames(tmp_path: Path) -> None:
    path = make_endless(tmp_path / "long.mkv", frames=3000)
    with open_source(path) as source:
        for _ in itertools.islice(source, 300):
            pass
        early = data_bytes()
        # A picture is 57.6 kB: to keep one in fifty would be seen.
        assert sum(1 for _ in source) == 2700
        assert data_bytes() - early < 3e6


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_closing_gives_everything_back(tmp_path: Path) -> None:
    path = make_endless(tmp_path / "long.mkv", frames=20)
    early = None
    for number in range(50):
        with open_source(path) as source:
            next(source)
        if number == 10:
            early = data_bytes()
    assert early is not None
    # A decoder and its buffers are some 100 kB, so 39 of them would be seen.
    assert data_bytes() - early < 2e6


def test_breaks_read_as_sentences() -> None:
    assert str(SourceBreak(None, "x")) == "broke off at its start: x"
    assert str(SourceBreak(1.5, "x", resumed=True)) == "broke off after 1.500 s and went on: x"
