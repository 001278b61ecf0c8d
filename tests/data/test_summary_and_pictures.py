from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer2013_files import make_faces
from mien.core.errors import DatasetError
from mien.core.labels import COLOURS, FER2013
from mien.data import FaceDataset, ferplus_targets, summarise
from mien.data.chart import write_chart
from mien.data.preview import draw_preview, write_preview


@pytest.fixture
def dataset() -> FaceDataset:
    rng = np.random.default_rng(5)
    return FaceDataset(
        name="made",
        images_gray=make_faces(60),
        splits=rng.integers(0, 3, 60).astype(np.int8),
        class_ids=rng.integers(-1, 6, 60),
        label_set=FER2013,
        votes=rng.integers(0, 11, (60, 10)).astype(np.uint8),
        sources=tuple(range(60)),
    )


def test_summary_counts_classes_splits_and_gray_levels(dataset: FaceDataset) -> None:
    summary = summarise(dataset)
    for class_id in range(7):
        for split in range(3):
            expected = ((dataset.class_ids == class_id) & (dataset.splits == split)).sum()
            assert summary.counts[class_id, split] == expected
    assert summary.unlabelled.sum() == (dataset.class_ids < 0).sum()
    train = dataset.images_gray[dataset.splits == 0] / 255
    assert summary.mean == pytest.approx(train.mean(), abs=1e-9)
    assert summary.std == pytest.approx(train.std(), abs=1e-9)


def test_summary_counts_fer_plus_by_every_rule(dataset: FaceDataset) -> None:
    summary = summarise(dataset)
    assert dataset.votes is not None
    for rule, counts in summary.ferplus.items():
        targets = ferplus_targets(dataset.votes, rule)
        assert counts.sum() == targets.keep.sum()
        np.testing.assert_array_equal(
            counts.sum(axis=1), np.bincount(targets.class_ids[targets.keep], minlength=8)
        )
    assert summarise(replace(dataset, votes=None)).ferplus == {}


def test_summary_as_json_and_rows_adds_up(dataset: FaceDataset) -> None:
    summary = summarise(dataset)
    data = json.loads(json.dumps(summary.to_dict()))
    assert sum(data["splits"].values()) == data["faces"] == 60
    rows = summary.rows()
    assert sum(row["faces"] for row in rows if row["labels"] == "fer2013") == 60
    assert {row["labels"] for row in rows} >= {"fer2013", "ferplus majority", "ferplus argmax8"}


def test_summary_of_nothing_is_zero(dataset: FaceDataset) -> None:
    summary = summarise(dataset.subset([]))
    assert summary.counts.sum() == 0
    assert (summary.mean, summary.std) == (0.0, 0.0)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
@pytest.mark.parametrize("n", [60, 0])
def test_chart_is_written_in_the_format_of_its_suffix(
    tmp_path: Path, dataset: FaceDataset, suffix: str, n: int
) -> None:
    path = write_chart(summarise(dataset.subset(range(n))), tmp_path / f"chart.{suffix}")
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(magic)


def test_chart_has_every_class_in_its_colour(tmp_path: Path, dataset: FaceDataset) -> None:
    svg = write_chart(summarise(dataset), tmp_path / "chart.svg").read_text()
    for label in FER2013.labels:
        assert label in svg
        assert COLOURS[label] in svg
    assert "unlabelled" in svg and "FER+, rule majority" in svg


def test_chart_that_cannot_be_written_is_said(tmp_path: Path, dataset: FaceDataset) -> None:
    for name in ("chart.xyz", "missing/chart.png"):
        with pytest.raises(DatasetError, match="cannot write the chart"):
            write_chart(summarise(dataset), tmp_path / name)


def test_preview_shows_faces_of_the_row_s_class_only(dataset: FaceDataset) -> None:
    # Each class is one gray level, so a pixel in the middle of a face says its class.
    levels = (20 * (dataset.class_ids + 2)).astype(np.uint8)
    images = np.broadcast_to(levels[:, None, None], dataset.images_gray.shape).copy()
    sheet = np.asarray(draw_preview(replace(dataset, images_gray=images), columns=4))
    faces_left, faces_top, step = 28 + 142, 28 + 64, 96 + 6
    for row, class_id in enumerate([*range(7), -1]):
        shown = min(4, int((dataset.class_ids == class_id).sum()))
        for column in range(4):
            y, x = faces_top + row * step + 48, faces_left + column * step + 48
            expected = [20 * (class_id + 2)] * 3 if column < shown else [0xF2, 0xF4, 0xF6]
            assert sheet[y, x].tolist() == expected
    assert sheet.shape[0] == faces_top + 8 * step - 6 + 28


def test_preview_is_the_same_for_the_same_seed(dataset: FaceDataset) -> None:
    first, again, other = (draw_preview(dataset, columns=3, seed=s) for s in (0, 0, 1))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("columns", [1, 30])
def test_preview_takes_any_width_and_face_size(dataset: FaceDataset, columns: int) -> None:
    large = replace(dataset, images_gray=make_faces(60, size=130))
    assert draw_preview(large, columns=columns).width == 2 * 28 + 142 + columns * 102 - 6


def test_preview_refuses_what_it_cannot_show(tmp_path: Path, dataset: FaceDataset) -> None:
    with pytest.raises(DatasetError, match="has no faces to show"):
        draw_preview(dataset.subset([]))
    with pytest.raises(DatasetError, match="columns must be at least 1, got 0"):
        draw_preview(dataset, columns=0)
    for name in ("missing/sheet.png", "sheet.xyz"):
        with pytest.raises(DatasetError, match="cannot write the preview"):
            write_preview(dataset, tmp_path / name)
    with Image.open(write_preview(dataset, tmp_path / "sheet.png")) as sheet:
        assert sheet.mode == "RGB"
