"""Small files in the forms of FER2013 and FER+, made by hand for tests."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

USAGES = ("Training", "PublicTest", "PrivateTest")
VOTE_HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)


def make_faces(n: int, *, seed: int = 0, size: int = 48) -> NDArray[np.uint8]:
    """(n, size, size) random pixels that use the whole range."""
    faces = np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)
    faces[:, 0, :2] = (0, 255)
    return faces


def pixel_text(face: NDArray[np.uint8]) -> str:
    return " ".join(str(value) for value in face.ravel().tolist())


def csv_text(
    faces: NDArray[np.uint8],
    emotions: Sequence[object],
    usages: Sequence[str],
    *,
    header: str = "emotion,pixels,Usage",
) -> str:
    """The rows in the header's order of columns; columns it does not name are left out."""
    names = [name.strip() for name in header.split(",")]
    lines = [header]
    for face, emotion, usage in zip(faces, emotions, usages, strict=True):
        cells = {"emotion": str(emotion), "pixels": pixel_text(face), "Usage": usage}
        lines.append(",".join(cells[name] for name in names))
    return "\n".join(lines) + "\n"


def write_packed(path: Path, text: str, *, inner: str = "fer2013.csv") -> Path:
    """Write the text as the path's suffix says."""
    data = text.encode()
    if path.name.endswith(".xz"):
        path.write_bytes(lzma.compress(data))
    elif path.name.endswith(".tar.gz"):
        with tarfile.open(path, "w:gz") as archive:
            for name, content in (("fer2013/README", b"about"), (f"fer2013/{inner}", data)):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(data))
    elif path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"fer2013/{inner}", data)
    else:
        path.write_bytes(data)
    return path


def write_small_fer2013(folder: Path, n: int = 21, *, name: str = "fer2013.csv") -> Path:
    """n faces: classes in turn, the first half Training, then PublicTest and PrivateTest."""
    usages = [USAGES[0 if i < n // 2 else 1 + i % 2] for i in range(n)]
    text = csv_text(make_faces(n), [i % 7 for i in range(n)], usages)
    folder.mkdir(parents=True, exist_ok=True)
    return write_packed(folder / name, text)


def write_votes(
    path: Path,
    votes: Sequence[Sequence[int]],
    usages: Sequence[str],
    names: Sequence[str] | None = None,
) -> Path:
    lines = [VOTE_HEADER]
    for row, (counts, usage) in enumerate(zip(votes, usages, strict=True)):
        name = f"fer{row:07d}.png" if names is None else names[row]
        lines.append(",".join([usage, name, *map(str, counts)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def usages_of(path: Path) -> list[str]:
    with path.open() as file:
        return [row["Usage"] for row in csv.DictReader(file)]
