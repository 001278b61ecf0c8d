"""What `mien predict` writes, one result at a time so that memory stays constant.

Every sink takes a result and the picture it is of, and is closed at the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

import cv2

from mien.cli.paths import STDIN
from mien.cli.pictures import PictureSource
from mien.core.errors import MienError
from mien.core.imaging import as_bgr
from mien.core.types import FrameResult
from mien.recognition.rows.parquet import ParquetRowWriter
from mien.recognition.rows.text import CsvForm, StreamRowWriter, TextRowWriter
from mien.recognition.rows.writer import RowWriter

if TYPE_CHECKING:
    from mien.recognition.recognizer import Recognizer

Sink = Callable[[FrameResult, PictureSource], None]

# Formats that a browser shows; a picture in any other becomes a PNG.
WRITABLE = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@contextmanager
def json_sink(stream: TextIO) -> Iterator[Sink]:
    """Write a JSON array with an object for each picture."""
    before = "[\n"
    # Names may hold any letter, which only UTF-8 can write as it is.
    ascii_only = (stream.encoding or "").lower().replace("-", "") != "utf8"

    def write(result: FrameResult, _: PictureSource) -> None:
        nonlocal before
        stream.write(before + json.dumps(result.to_dict(), ensure_ascii=ascii_only))
        before = ",\n"

    yield write
    stream.write("[]\n" if before == "[\n" else "\n]\n")


@contextmanager
def csv_sink(path: str, labels: Sequence[str]) -> Iterator[Sink]:
    """Write a CSV table with a row for each face, to a file or, for `-`, standard output."""
    form = CsvForm()
    writer: RowWriter
    if path == STDIN:
        writer = StreamRowWriter(sys.stdout, form, labels)
    else:
        writer = TextRowWriter(Path(path), form, labels, if_there="replace")
    with writer:
        yield lambda result, _: _write_row(writer, result)


@contextmanager
def parquet_sink(path: Path, labels: Sequence[str]) -> Iterator[Sink]:
    """Write a Parquet table with a row for each face."""
    with ParquetRowWriter(path, labels, if_there="replace") as writer:
        yield lambda result, _: _write_row(writer, result)


def annotate_sink(folder: Path) -> Sink:
    """Write each picture with what was read drawn on it."""
    from mien.recognition.drawing.still import annotate

    def write(result: FrameResult, picture: PictureSource) -> None:
        if result.error is None:
            suffix = picture.relative.suffix.lower()
            name = picture.relative.name + ("" if suffix in WRITABLE else ".png")
            out = folder / picture.relative.with_name(name)
            if isinstance(picture.data, Path) and out.resolve() == picture.data.resolve():
                raise MienError(
                    f"{out} would be written over the picture itself; give --annotate a folder "
                    "that does not hold the pictures"
                )
            write_picture(out, annotate(as_bgr(picture.data), result))

    return write


def crops_sink(folder: Path, recognizer: Recognizer) -> Sink:
    """Write each face as the model saw it: gray, upright, in the model's size."""

    def write(result: FrameResult, picture: PictureSource) -> None:
        if not result.faces:
            return
        crops_gray = recognizer.crop(as_bgr(picture.data), result.faces)
        for number, crop_gray in enumerate(crops_gray, start=1):
            name = f"{picture.relative.name}.face{number}.png"
            write_picture(folder / picture.relative.with_name(name), crop_gray)

    return write


def write_picture(path: Path, image: Any) -> None:
    """Write an HW or HW3 (BGR) uint8 picture in the format of its suffix, and make its folder.

    Raises:
        MienError: If it cannot be written there or in that format.
    """
    done, encoded = cv2.imencode(path.suffix, image)
    if not done:
        raise MienError(f"OpenCV cannot write {path.suffix} pictures here: {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MienError(f"cannot make the folder {path.parent}: {error.strerror}") from error
    with _opened(path) as stream:
        stream.write(encoded.tobytes())


def _write_row(writer: RowWriter, result: FrameResult) -> None:
    writer.write(result)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        stream = path.open("wb")
    except OSError as error:
        raise MienError(f"cannot write {path}: {error.strerror or error}") from error
    with stream:
        yield stream
