"""Kinds of video told by their first bytes are what FFmpeg takes them for; names are only shown."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from mien.media.files import FileSource
from mien.media.sampling import Sampling
from mien.web.jobs.kinds import ASF as WMV
from mien.web.jobs.kinds import (
    AVI,
    FLV,
    HEAD_BYTES,
    MATROSKA,
    MP4,
    MPEG,
    MPEG_TS,
    OGG,
    QUICKTIME,
    VIDEO_KINDS,
    WEBM,
    UnsupportedVideoError,
    VideoKind,
    video_kind,
)
from mien.web.jobs.names import MOST_CHARACTERS, shown_name, title_of
from tests.films import Film, make, make_wave

EVEN = Film(times_ms=range(0, 400, 40), time_base=Fraction(1, 25))
MADE = [
    ("a.mp4", MP4, "libx264"),
    ("a.mov", QUICKTIME, "libx264"),
    ("a.webm", WEBM, "libvpx-vp9"),
    ("a.mkv", MATROSKA, "libx264"),
    ("a.avi", AVI, "mpeg4"),
    ("a.ts", MPEG_TS, "libx264"),
    ("a.m2ts", MPEG_TS, "libx264"),
    ("a.mpg", MPEG, "mpeg2video"),
    ("a.ogv", OGG, "libvpx"),
    ("a.wmv", WMV, "wmv2"),
    ("a.flv", FLV, "flv"),
]


@pytest.mark.parametrize(("name", "kind", "codec"), MADE)
def test_a_kind_is_told_and_opened_by_its_demuxer_alone(
    tmp_path: Path, name: str, kind: VideoKind, codec: str
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV has no {codec} here")
    made = make(tmp_path / name, Film(codec, times_ms=EVEN.times_ms, time_base=EVEN.time_base))
    sent = made.rename(tmp_path / "upload-0")
    with sent.open("rb") as stream:
        assert video_kind(stream.read(HEAD_BYTES)) == kind
    with FileSource(sent, Sampling(), name="the video", demuxer=kind.demuxer) as source:
        assert source.info.width == 64 and len(list(source)) >= 8


def test_every_kind_is_tried() -> None:
    assert {kind for _, kind, _ in MADE} == set(VIDEO_KINDS)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"#EXTM3U\n#EXTINF:2,\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile 'a'\n",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0" + bytes(600),
        b"\x47" * 100,
        b"<?xml version='1.0'?><MPD></MPD>",
    ],
)
def test_playlists_pictures_and_nothing_are_no_videos(head: bytes) -> None:
    with pytest.raises(UnsupportedVideoError, match="expected a video"):
        video_kind(head)


def test_sound_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedVideoError):
        video_kind(make_wave(tmp_path / "a.wav").read_bytes()[:HEAD_BYTES])


def test_names_keep_their_suffix_however_long() -> None:
    long = shown_name("x" * 300 + ".mp4", "video")
    assert len(long) == MOST_CHARACTERS and long.endswith("….mp4")
    assert len(shown_name("y" * 300, "video")) == MOST_CHARACTERS
    assert len(shown_name("." + "z" * 300, "video")) == MOST_CHARACTERS
    assert (shown_name("\x00\u200b", "video"), shown_name("a/b/.", "video")) == ("video", "video")
    assert (title_of("talk.one.mp4"), title_of("talk"), title_of(".mp4")) == (
        "talk.one",
        "talk",
        ".mp4",
    )
