"""One door to everything that moves: `open_source` tells files, cameras and streams apart."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mien.core.errors import VideoSourceError
from mien.media.cameras import CameraSource
from mien.media.files import FileSource, PipeSource
from mien.media.frames import VideoSource
from mien.media.images import (
    ANIMATED_SUFFIXES,
    PICTURE_SUFFIXES,
    AnimationSource,
    PictureSource,
    PictureTimes,
)
from mien.media.sampling import Sampling
from mien.media.streams import Reconnection, StreamSource

STDIN = "-"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_CAMERA = "camera:"
_DEVICE = re.compile(r"/dev/video(\d+)")


def open_source(
    source: str | Path | int | BinaryIO,
    *,
    every_n: int | None = None,
    every_s: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    picture_times: PictureTimes | None = None,
    reconnection: Reconnection | None = None,
    threads: int = 1,
) -> VideoSource:
    """Open a video, a camera or a stream for reading frame by frame.

    Args:
        source: What to read:

            - a path: a video of any container and codec that FFmpeg reads, or an animated GIF,
              WebP or PNG;
            - a folder of pictures, or a pattern such as `shots/*.png`;
            - a number, `"0"`, `"camera:NAME"` or `/dev/video0`: a camera;
            - an address such as `rtsp://...` or `https://...`: a stream;
            - `-` for standard input, or a binary stream that is open for reading.
        every_n: Give every n-th frame only.
        every_s: Give one frame in every slot of so many seconds only.
        start_s: Begin with the first frame that is not before this time.
        end_s: End before this time.
        picture_times: Of several pictures only: pictures a second, or `"file-times"`.
        reconnection: Of streams only: how hard to try to get one back that broke off.
        threads: Of the decoder.

    Returns:
        The open source: use it in a `with` block, and iterate over it once.

    Raises:
        ConfigError: If the sampling or the pictures' times cannot be.
        VideoSourceError: If it is missing, cannot be opened, or has no frame that can be read.
    """
    sampling = Sampling(every_n=every_n, every_s=every_s, start_s=start_s, end_s=end_s)
    if isinstance(source, int):
        return CameraSource(source, sampling)
    if not isinstance(source, (str, Path)):
        return PipeSource(source, sampling, threads, str(getattr(source, "name", "a pipe")))
    text = str(source)
    if isinstance(source, str):
        if text == STDIN:
            return PipeSource(sys.stdin.buffer, sampling, threads)
        if _URL.match(text) and not text.lower().startswith("file://"):
            return StreamSource(text, sampling, threads, reconnection)
        if text.isdecimal() or text.startswith(_CAMERA):
            return CameraSource(text.removeprefix(_CAMERA), sampling)
    device = _DEVICE.fullmatch(text)
    if device:
        return CameraSource(int(device[1]), sampling)
    if text.lower().startswith("file://"):
        source = Path(url2pathname(urlsplit(text).path))
    return _open_path(source, sampling, picture_times, threads)


def _open_path(
    source: str | Path, sampling: Sampling, picture_times: PictureTimes | None, threads: int
) -> VideoSource:
    path = Path(source)
    if path.is_dir():
        return PictureSource(path, sampling, picture_times)
    if path.is_file():
        suffix = path.suffix.lower()
        if suffix in ANIMATED_SUFFIXES:
            return AnimationSource(path, sampling)
        if suffix in PICTURE_SUFFIXES:
            return PictureSource(path, sampling, picture_times)
        return FileSource(path, sampling, threads)
    if any(sign in str(source) for sign in "*?["):
        return PictureSource(str(source), sampling, picture_times)
    raise VideoSourceError(
        f"{source} does not exist; expected a video, a folder or pattern of pictures, a camera's "
        "number or camera:NAME, an address, or - for standard input"
    )
