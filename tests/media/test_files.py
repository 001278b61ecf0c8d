"""Video files: true timestamps, upright pictures in the right colours, ranges, pipes."""

from __future__ import annotations

import gc
import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from films import (
    BLUE,
    GREEN,
    GREY,
    RED,
    UNEVEN_MS,
    Film,
    clicks,
    corners,
    make,
    make_wave,
    number_in,
    picture,
)
from mien.core.errors import ConfigError, VideoSourceError
from mien.media import Frame, open_source
from mien.media.develop import square_pixel_size
from mien.media.files import FileSource
from mien.media.sampling import Sampling

UPRIGHT = np.array([RED, GREEN, BLUE, GREY])
FILMS = {
    "h264.mp4": Film(),
    "vp9.webm": Film("libvpx-vp9"),
    "mpeg4.avi": Film("mpeg4", times_ms=range(0, 600, 40), time_base=Fraction(1, 25)),
    "prores-10-bit.mov": Film("prores_ks", "yuv422p10le"),
    "mjpeg-full-range.mov": Film("mjpeg", "yuvj420p", full_range=True),
    "h264-full-range.mkv": Film(full_range=True),
    "ffv1-rgb-10-bit.mkv": Film("ffv1", "gbrp10le"),
    "hevc.mkv": Film("libx265"),
    "broadcast.ts": Film(),
    "4-4-4.mkv": Film("ffv1", "yuv444p"),
    "grey-16-bit.mkv": Film("ffv1", "gray16le"),
}


def read(path: Path, **options: object) -> list[Frame]:
    with open_source(path, **options) as source:  # type: ignore[arg-type]
        return list(source)


def times_by_packets(path: Path) -> list[float]:
    """What the container says, with no decoder between: pts times time base, in order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return sorted(
            float(packet.pts * stream.time_base)
            for packet in container.demux(stream)
            if packet.pts is not None
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, film in FILMS.items():
        make(folder / name, film)
    return folder


@pytest.mark.parametrize("name", FILMS)
def test_every_frame_comes_with_its_own_timestamp(folder: Path, name: str) -> None:
    with open_source(folder / name) as source:
        frames = list(source)
        info, report = source.info, source.report
    times_s = [frame.timestamp_s for frame in frames]
    assert [frame.index for frame in frames] == list(range(len(FILMS[name].times_ms)))
    assert [number_in(frame.image_rgb) for frame in frames] == list(range(len(frames)))
    raw_s = times_by_packets(folder / name)
    assert times_s == pytest.approx([at_s - info.clock_start_s for at_s in raw_s], abs=1e-9)
    # Matroska and MPEG-TS count in other ticks than the film; no tick is longer than this.
    assert times_s == pytest.approx([ms / 1000 for ms in FILMS[name].times_ms], abs=0.00051)
    assert report.complete
    assert report.guessed_times == 0
    assert (info.width, info.height) == (64, 48)


@pytest.mark.parametrize("name", [name for name in FILMS if "grey" not in name])
def test_colours_are_those_that_were_filmed(folder: Path, name: str) -> None:
    first = read(folder / name)[0].image_rgb
    assert first.shape == (48, 64, 3)
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert np.abs(corners(first) - UPRIGHT).max() <= 8


def test_untagged_high_definition_has_the_colours_of_bt709(tmp_path: Path) -> None:
    path = make(tmp_path / "hd.mkv", Film(size=(1280, 720), times_ms=[0]))
    # The film's own conversion was BT.601's, so BT.709 must show other colours, computed here.
    kr, kb = 0.299, 0.114
    red, green, blue = (value / 255 for value in RED)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    u, v = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    kr, kb = 0.2126, 0.0722
    expected_red = luma + 2 * (1 - kr) * v
    expected_blue = luma + 2 * (1 - kb) * u
    expected_green = (luma - kr * expected_red - kb * expected_blue) / (1 - kr - kb)
    expected = np.array([expected_red, expected_green, expected_blue]) * 255
    assert np.abs(corners(read(path)[0].image_rgb)[0] - expected).max() <= 4


@pytest.mark.parametrize(
    ("counterclockwise", "mirrored", "degrees"),
    [(0, False, 0), (-90, False, 90), (90, False, 270), (180, False, 180), (0, True, 0)],
)
def test_rotation_is_undone(
    tmp_path: Path, counterclockwise: int, mirrored: bool, degrees: int
) -> None:
    film = Film(rotation=counterclockwise, mirrored=mirrored, times_ms=[0, 40])
    path = make(tmp_path / "turned.mp4", film)
    with open_source(path) as source:
        image, info = next(source).image_rgb, source.info
    stored = np.stack([[RED, GREEN], [GREY, BLUE]])
    shown = np.rot90(stored, k=counterclockwise // 90)
    shown = shown[:, ::-1] if mirrored else shown
    expected = np.array([shown[0, 0], shown[0, 1], shown[1, 1], shown[1, 0]])
    assert np.abs(corners(image) - expected).max() <= 8
    assert info.rotation_degrees == degrees
    assert image.shape[:2] == (info.height, info.width)
    assert (info.width, info.height) == ((48, 64) if degrees in (90, 270) else (64, 48))


def test_pixels_that_are_not_square_become_square(tmp_path: Path) -> None:
    path = make(tmp_path / "wide.mp4", Film(pixel_aspect=Fraction(4, 3), times_ms=[0, 40]))
    with open_source(path) as source:
        assert (source.info.width, source.info.height) == (85, 48)
        image = next(source).image_rgb
    assert image.shape == (48, 85, 3)
    assert np.abs(corners(image) - UPRIGHT).max() <= 8


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(None, (64, 48)), (Fraction(1, 2), (64, 96)), (Fraction(2), (128, 48)), (99, (64, 48))],
)
def test_shorter_side_grows(aspect: Fraction | None, size: tuple[int, int]) -> None:
    assert square_pixel_size(64, 48, aspect) == size


def test_info_is_known_before_decoding(tmp_path: Path) -> None:
    even = Film(times_ms=range(0, 1000, 40), sound="aac")
    with open_source(make(tmp_path / "a film 🎬.mp4", even)) as source:
        info = source.info
    assert info.name.endswith("a film 🎬.mp4")
    assert (info.kind, info.codec, info.pixel_format) == ("file", "h264", "yuv420p")
    assert (info.frames, info.frame_rate, info.has_audio) == (25, 25.0, True)
    assert info.duration_s == pytest.approx(1.0)
    assert info.to_dict()["width"] == 64


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "broadcast.ts", "mpeg4.avi"])
@pytest.mark.parametrize("start_s", [0.0, 0.04, 0.3, 0.4, 0.52])
def test_range_begins_with_the_first_frame_that_is_not_before(
    folder: Path, name: str, start_s: float
) -> None:
    everything = read(folder / name)
    part = read(folder / name, start_s=start_s, end_s=0.55)
    expected = [f for f in everything if start_s - 1e-6 <= f.timestamp_s < 0.55]
    assert [f.timestamp_s for f in part] == [f.timestamp_s for f in expected]
    assert [number_in(f.image_rgb) for f in part] == [number_in(f.image_rgb) for f in expected]
    assert [f.index for f in part] == list(range(len(part)))


def test_range_after_the_end_is_empty(folder: Path) -> None:
    with open_source(folder / "h264.mp4", start_s=100) as source:
        assert list(source) == []
        assert source.report.complete


def test_every_nth_frame(folder: Path) -> None:
    frames = read(folder / "h264.mp4", every_n=4)
    assert [frame.index for frame in frames] == [0, 4, 8, 12, 16]
    assert [number_in(frame.image_rgb) for frame in frames] == [0, 4, 8, 12, 16]


def test_one_frame_in_each_slot_of_time(folder: Path) -> None:
    frames = read(folder / "h264.mp4", every_s=0.2)
    slots, expected = set(), []
    for ms in UNEVEN_MS:
        if ms // 200 not in slots:
            slots.add(ms // 200)
            expected.append(ms)
    assert [round(frame.timestamp_s * 1000) for frame in frames] == expected


@pytest.mark.parametrize("name", ["broadcast.ts", "vp9.webm"])
def test_a_pipe_is_read_like_the_file(folder: Path, name: str) -> None:
    pipe = io.BytesIO((folder / name).read_bytes())
    with open_source(pipe) as source:
        assert source.info.kind == "pipe"
        piped = list(source)
    assert [f.timestamp_s for f in piped] == [f.timestamp_s for f in read(folder / name)]


def test_standard_input_is_a_dash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "broadcast.ts").open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        with open_source("-", every_n=5) as source:
            assert len(list(source)) == 4
            assert source.info.name == "-"


def test_an_mp4_with_its_index_behind_does_not_fit_through_a_pipe(folder: Path) -> None:
    content = (folder / "h264.mp4").read_bytes()
    index_at = content.index(b"moov") - 4
    # So much before the index that FFmpeg cannot keep it all in mind.
    padding = (4_000_008).to_bytes(4, "big") + b"free" + bytes(4_000_000)
    pipe = io.BytesIO(content[:index_at] + padding + content[index_at:])
    with pytest.raises(VideoSourceError, match="faststart"):
        open_source(pipe)


def test_raw_video_without_timestamps_is_told_by_its_rate(tmp_path: Path) -> None:
    path = make(tmp_path / "raw.h264", Film(times_ms=range(0, 400, 40)))
    with open_source(path) as source:
        frames = list(source)
        assert source.report.guessed_times == 10
    rate = source.info.frame_rate or 25
    assert [f.timestamp_s for f in frames] == pytest.approx([n / rate for n in range(10)])


def test_a_pixel_is_a_frame(tmp_path: Path) -> None:
    film = Film("ffv1", "bgr0", size=(1, 1), times_ms=[0, 40])
    frames = read(make(tmp_path / "dot.mkv", film))
    assert [frame.image_rgb.shape for frame in frames] == [(1, 1, 3)] * 2


def test_frames_that_are_too_large_are_refused_before_decoding(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limit is lowered, for a film beyond the real one would take a gigabyte to make.
    monkeypatch.setattr("mien.media.decoding.MAX_FRAME_PIXELS", 64 * 48 - 1)
    with pytest.raises(VideoSourceError, match=r"64 x 48 pixels; at most"):
        open_source(folder / "h264.mp4")
    monkeypatch.setattr("mien.media.decoding.MAX_FRAME_PIXELS", 64 * 48)
    assert len(read(folder / "h264.mp4")) == len(UNEVEN_MS)


@pytest.mark.parametrize(
    "name", ['100% sure: it\'s [a] "clip" 🎬.mp4', " leading and trailing .mp4", "日本語.mp4"]
)
def test_odd_names_are_names(folder: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((folder / "h264.mp4").read_bytes())
    assert len(read(path)) == len(UNEVEN_MS)
    for address in (str(path), path.as_uri()):
        with open_source(address) as source:
            assert len(list(source)) == len(UNEVEN_MS)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(VideoSourceError, match="has no video track, only audio"):
        open_source(make_wave(tmp_path / "sound.wav"))


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as output:
        cover = output.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        sound = output.add_stream("aac", rate=48_000, layout="mono")
        frame = av.VideoFrame.from_ndarray(picture(0), format="rgb24").reformat(format="yuvj420p")
        output.mux([*cover.encode(frame), *cover.encode(None)])
        for heard in clicks(0.5):
            output.mux(sound.encode(heard))
        output.mux(sound.encode(None))
    with pytest.raises(VideoSourceError, match="has no video track"):
        open_source(path)


@pytest.mark.parametrize(
    ("content", "text"), [(b"", "empty.mp4"), (b"not a video" * 50, "cannot open")]
)
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "empty.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoSourceError, match=text):
        open_source(path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoSourceError, match="does not exist"):
        open_source(tmp_path / "nothing.mp4")


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    with pytest.raises(VideoSourceError, match=r"no frame can be read|cannot open"):
        open_source(path)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"every_n": 0}, "every_n"),
        ({"every_s": 0.0}, "every_s"),
        ({"every_s": float("nan")}, "every_s"),
        ({"every_n": 2, "every_s": 0.1}, "not both"),
        ({"start_s": -1.0, "end_s": -2.0}, r"start_s.*end_s"),
        ({"start_s": 5.0, "end_s": 5.0}, "end_s"),
    ],
)
def test_sampling_that_cannot_be_is_refused(
    folder: Path, options: dict[str, float], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        open_source(folder / "h264.mp4", **options)  # type: ignore[arg-type]


def test_a_closed_source_says_so(folder: Path) -> None:
    source = open_source(folder / "h264.mp4")
    next(source)
    source.close()
    source.close()
    with pytest.raises(VideoSourceError, match="closed"):
        next(source)


def test_several_threads_give_the_same_frames(folder: Path) -> None:
    one, many = read(folder / "h264.mp4"), read(folder / "h264.mp4", threads=3)
    assert [f.timestamp_s for f in one] == [f.timestamp_s for f in many]
    assert all(np.array_equal(a.image_rgb, b.image_rgb) for a, b in zip(one, many, strict=True))


def test_a_frame_is_freed_as_soon_as_it_is_let_go(tmp_path: Path) -> None:
    """Nothing waits for the garbage collector: 8 MB a frame would soon be gigabytes."""
    path = make(tmp_path / "film.mp4", Film(times_ms=range(0, 4000, 40), rotation=90))

    def frames_alive() -> int:
        # `type`, since `isinstance` asks objects of other libraries for their class, and some warn.
        return sum(type(one) is av.VideoFrame for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        with open_source(path) as source:
            alive = [frames_alive() for _ in source]
    finally:
        gc.enable()
    assert len(alive) == 100
    assert max(alive) <= 8


def test_an_interrupted_source_ends_though_nothing_is_wanted_for_long(folder: Path) -> None:
    with open_source(folder / "h264.mp4", every_s=0.1) as source:
        next(source)
        source.interrupt()
        assert list(source) == []
        assert source.report.complete


def test_a_strangers_file_opens_nothing_but_itself(folder: Path) -> None:
    """A list of files is a container to FFmpeg, and leads to other files of this machine."""
    make(folder / "secret.ts", Film())
    playlist = folder / "talk.mp4"
    playlist.write_text("ffconcat version 1.0\nfile 'secret.ts'\n")
    with FileSource(playlist, Sampling()) as source:
        assert next(source).index == 0
    for demuxer in ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts"):
        with pytest.raises(VideoSourceError, match="cannot open a talk:") as refused:
            FileSource(playlist, Sampling(), name="a talk", demuxer=demuxer)
        assert str(folder) not in str(refused.value)
    with FileSource(folder / "h264.mp4", Sampling(), name="a", demuxer="mov,mp4") as source:
        assert (source.info.name, len(list(source))) == ("a", len(UNEVEN_MS))
