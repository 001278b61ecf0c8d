"""The contact sheet of `mien data preview`: a row of sample faces for each class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core.errors import DatasetError
from mien.core.labels import COLOURS
from mien.data.dataset import SPLITS, FaceDataset, Int64Array

_GROUND, _INK, _QUIET, _EMPTY = "#ffffff", "#1f2328", "#6a737d", "#f2f4f6"
_HAIRLINE = "#dfe3e8"
_FACE_PX, _GAP_PX, _MARGIN_PX = 96, 6, 28
_LABEL_PX, _HEAD_PX, _BAR_PX = 142, 64, 5


@dataclass(frozen=True)
class _Row:
    """One class: its name, colour, how many faces it has, and the faces to show."""

    label: str
    count: int
    shown: Int64Array

    @property
    def colour(self) -> str:
        return COLOURS.get(self.label, _QUIET)


def draw_preview(dataset: FaceDataset, *, columns: int = 12, seed: int = 0) -> Image.Image:
    """Draw sample faces, one row for each class, each row with its name and count.

    Args:
        dataset: Where to take them from; classes without a face have an empty row.
        columns: Faces in a row.
        seed: Decides which faces are shown.

    Returns:
        An RGB picture; faces are 96 x 96 px, enlarged smoothly or reduced by area.

    Raises:
        DatasetError: If `columns` is not positive or the dataset is empty.
    """
    if columns < 1:
        raise DatasetError(f"columns must be at least 1, got {columns}")
    if not len(dataset):
        raise DatasetError(f"{dataset.name} has no faces to show; choose another split")
    rows = _sample(dataset, columns, seed)
    step = _FACE_PX + _GAP_PX
    width = 2 * _MARGIN_PX + _LABEL_PX + columns * step - _GAP_PX
    height = 2 * _MARGIN_PX + _HEAD_PX + len(rows) * step - _GAP_PX
    sheet = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(sheet)
    _draw_head(draw, dataset, columns)
    for number, row in enumerate(rows):
        top = _MARGIN_PX + _HEAD_PX + number * step
        _draw_label(draw, row, top)
        for place in range(columns):
            left = _MARGIN_PX + _LABEL_PX + place * step
            box = (left, top, left + _FACE_PX - 1, top + _FACE_PX - 1)
            if place < len(row.shown):
                sheet.paste(_face(dataset, int(row.shown[place])), (left, top))
                # Keeps the edge of a face on white.
                draw.rectangle(box, outline=_HAIRLINE)
            else:
                draw.rectangle(box, fill=_EMPTY)
    return sheet


def write_preview(
    dataset: FaceDataset, path: Path | str, *, columns: int = 12, seed: int = 0
) -> Path:
    """Write `draw_preview`'s picture to a file, in the format that its suffix names.

    Raises:
        DatasetError: Also if the file cannot be written.
    """
    sheet = draw_preview(dataset, columns=columns, seed=seed)
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot write the preview {path}: {error}") from error
    return Path(path)


def _sample(dataset: FaceDataset, columns: int, seed: int) -> list[_Row]:
    rows = []
    names = [*enumerate(dataset.label_set.labels)]
    if (dataset.class_ids < 0).any():
        names.append((-1, "unlabelled"))
    for class_id, label in names:
        members = np.flatnonzero(dataset.class_ids == class_id)
        rng = np.random.default_rng((seed, class_id + 1))
        chosen = rng.choice(members, size=min(columns, len(members)), replace=False)
        rows.append(_Row(label, len(members), np.sort(chosen).astype(np.int64)))
    return rows


def _face(dataset: FaceDataset, index: int) -> Image.Image:
    face = Image.fromarray(np.asarray(dataset.images_gray[index]))
    shrinks = max(face.size) > _FACE_PX
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return face.resize((_FACE_PX, _FACE_PX), how)


def _draw_head(draw: ImageDraw.ImageDraw, dataset: FaceDataset, columns: int) -> None:
    draw.text((_MARGIN_PX, _MARGIN_PX - 6), dataset.name, fill=_INK, font=_font(26))
    present = [name for i, name in enumerate(SPLITS) if (dataset.splits == i).any()]
    height, width = dataset.image_size
    facts = [f"{len(dataset):,} faces", f"{width} x {height} px", ", ".join(present)]
    # A narrow sheet has no room for more than the count.
    told = "  ·  ".join(facts if columns >= 3 else facts[:1])
    draw.text((_MARGIN_PX, _MARGIN_PX + 27), told, fill=_QUIET, font=_font(15))


def _draw_label(draw: ImageDraw.ImageDraw, row: _Row, top: int) -> None:
    left, middle = _MARGIN_PX, top + _FACE_PX // 2
    box = (left, top, left + _BAR_PX - 1, top + _FACE_PX - 1)
    draw.rectangle(box, fill=row.colour)
    text_left = left + _BAR_PX + 12
    draw.text((text_left, middle), row.label, fill=_INK, font=_font(18), anchor="ls")
    draw.text((text_left, middle + 7), f"{row.count:,}", fill=_QUIET, font=_font(15), anchor="lt")


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own face: the same picture on every machine.
    return ImageFont.load_default(size_px)
