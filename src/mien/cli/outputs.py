"""What `mien predict` writes, one result at a time so that memory stays constant.

Every sink takes a result and the picture it is of, and is closed at the end.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

import cv2

from mien.cli.pictures import STDIN, PictureSource
from mien.core.errors import MienError
from mien.core.imaging import as_bgr
from mien.core.types import ROW_VERSION, FrameResult, Observation

if TYPE_CHECKING:
    import pyarrow as pa

    from mien.recognition.recognizer import Recognizer

Sink = Callable[[FrameResult, PictureSource], None]

PARQUET_ROWS = 4096
# Formats that a browser shows; a picture in any other becomes a PNG.
WRITABLE = frozenset({".jpg", ".jpeg", ".png", ".webp"})


def columns(labels: Sequence[str]) -> list[str]:
    """Return the columns of every table of results: those of `Observation`, then `error`."""
    return [*Observation.columns(labels), "error"]


def rows_of(result: FrameResult) -> list[dict[str, Any]]:
    """Return a row for each face; a picture without any still has one, its columns empty."""
    rows = [{**seen.to_dict(), "error": None} for seen in result.observations()]
    if rows:
        return rows
    return [
        {
            "version": ROW_VERSION,
            "source": result.source,
            "frame_index": result.index,
            "timestamp_s": result.timestamp_s,
            "detector": result.detector,
            "error": result.error,
        }
    ]


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
    with _text_file(path) as stream:
        table = csv.DictWriter(stream, columns(labels), restval="", lineterminator="\n")
        table.writeheader()
        yield lambda result, _: table.writerows(rows_of(result))


@contextmanager
def parquet_sink(path: Path, labels: Sequence[str]) -> Iterator[Sink]:
    """Write a Parquet table with a row for each face."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(pa, columns(labels))
    rows: list[dict[str, Any]] = []
    with _opened(path, "wb") as stream, pq.ParquetWriter(stream, schema) as writer:

        def flush() -> None:
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows.clear()

        def write(result: FrameResult, _: PictureSource) -> None:
            rows.extend(rows_of(result))
            if len(rows) >= PARQUET_ROWS:
                flush()

        yield write
        flush()


def annotate_sink(folder: Path) -> Sink:
    """Write each picture with what was read drawn on it."""
    from mien.recognition.draw import annotate

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
    with _opened(path, "wb") as stream:
        stream.write(encoded.tobytes())


@contextmanager
def _text_file(path: str) -> Iterator[IO[str]]:
    if path == STDIN:
        yield sys.stdout
        return
    with _opened(Path(path), "w") as stream:
        yield stream


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[IO[Any]]:
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        stream = path.open(mode, **text)  # type: ignore[call-overload]
    except OSError as error:
        raise MienError(f"cannot write {path}: {error.strerror or error}") from error
    with stream:
        yield stream


def _schema(arrow: Any, names: list[str]) -> pa.Schema:
    types = {
        "whole": arrow.int64(),
        "decimal": arrow.float64(),
        "text": arrow.string(),
        "flag": arrow.bool_(),
    }
    kinds = {name: Observation.kind(name) for name in names} | {"error": "text"}
    return arrow.schema([(name, types[kinds[name]]) for name in names])
