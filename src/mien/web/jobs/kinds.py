"""Kinds of video that may be uploaded, told by their first bytes and never by a name.

Only containers that hold their frames themselves. FFmpeg also reads playlists and lists of files,
which would lead it to other files of this machine and to addresses.
"""

from __future__ import annotations

from dataclasses import dataclass

from mien.core.errors import MienError

# So many bytes tell every kind; MPEG-TS has a sign at the start of each packet of 188 or 192.
HEAD_BYTES = 4096
_PACKETS = 3
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_ASF = bytes.fromhex("3026b2758e66cf11")


class UnsupportedVideoError(MienError):
    """The bytes are not of a kind of video that the server takes."""


@dataclass(frozen=True)
class VideoKind:
    """A kind of container.

    Attributes:
        name: What people call it.
        suffix: Of a file that is kept, with its dot.
        demuxer: FFmpeg's name of what reads it.
        media_type: As browsers name it.
    """

    name: str
    suffix: str
    demuxer: str
    media_type: str


_MOV = "mov,mp4,m4a,3gp,3g2,mj2"
_MKV = "matroska,webm"
MP4 = VideoKind("MP4", ".mp4", _MOV, "video/mp4")
QUICKTIME = VideoKind("MOV", ".mov", _MOV, "video/quicktime")
WEBM = VideoKind("WebM", ".webm", _MKV, "video/webm")
MATROSKA = VideoKind("MKV", ".mkv", _MKV, "video/x-matroska")
AVI = VideoKind("AVI", ".avi", "avi", "video/x-msvideo")
MPEG_TS = VideoKind("MPEG-TS", ".ts", "mpegts", "video/mp2t")
MPEG = VideoKind("MPEG", ".mpg", "mpeg", "video/mpeg")
OGG = VideoKind("Ogg", ".ogv", "ogg", "video/ogg")
ASF = VideoKind("WMV", ".wmv", "asf", "video/x-ms-wmv")
FLV = VideoKind("FLV", ".flv", "flv", "video/x-flv")
VIDEO_KINDS = (MP4, QUICKTIME, WEBM, MATROSKA, AVI, MPEG_TS, MPEG, OGG, ASF, FLV)


def video_kind(head: bytes) -> VideoKind:
    """Return the kind of a video.

    Args:
        head: Its first `HEAD_BYTES`, or all there are.

    Raises:
        UnsupportedVideoError: If it is none of `VIDEO_KINDS`.
    """
    found = _kind_of(head)
    if found is None:
        kinds = ", ".join(kind.name for kind in VIDEO_KINDS)
        raise UnsupportedVideoError(f"expected a video ({kinds}), got a file that begins as none")
    return found


def _kind_of(head: bytes) -> VideoKind | None:
    if head[4:8] in _MP4_BOXES:
        is_mp4 = head[4:8] == b"ftyp" and head[8:12] != b"qt  "
        return MP4 if is_mp4 else QUICKTIME
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"webm" in head[:64] else MATROSKA
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return AVI
    if head.startswith(b"\x00\x00\x01\xba"):
        return MPEG
    signs = {b"OggS": OGG, _ASF: ASF, b"FLV\x01": FLV}
    for sign, kind in signs.items():
        if head.startswith(sign):
            return kind
    return MPEG_TS if _is_transport_stream(head) else None


def _is_transport_stream(head: bytes) -> bool:
    # Cameras put a clock of four bytes before each packet.
    return any(
        len(head) > first + _PACKETS * length
        and all(head[first + number * length] == 0x47 for number in range(_PACKETS + 1))
        for first, length in ((0, 188), (4, 192))
    )
