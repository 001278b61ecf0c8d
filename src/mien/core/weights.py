"""Model weights that others publish and mien fetches when asked: what, from where, how checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class PublishedFile:
    """One file that somebody else publishes.

    Attributes:
        name: What it is called on the command line.
        file: Its name, there and in the user's folder.
        url: Where it is downloaded from.
        sha256: What it must be, in lower-case hexadecimal.
        bytes: Its size.
        licence: Its licence's SPDX name.
        source: Who made it.
    """

    name: str
    file: str
    url: str
    sha256: str
    bytes: int
    licence: str
    source: str


YUNET = PublishedFile(
    name="yunet",
    file="face_detection_yunet_2026may.onnx",
    url=(
        "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
        "face_detection_yunet_2026may.onnx"
    ),
    sha256="ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
    bytes=229_738,
    licence="MIT",
    source="OpenCV Zoo",
)

# What `mien models fetch NAME` knows.
FETCHABLE: Mapping[str, PublishedFile] = MappingProxyType({YUNET.name: YUNET})
