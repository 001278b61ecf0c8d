"""Label names, orders and maps, against the files and papers that define them."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from mien.core.errors import LabelError
from mien.core.labels import (
    COLOURS,
    FER2013,
    FERPLUS,
    FERPLUS_VOTE_COLUMNS,
    LABEL_SETS,
    canonical_label,
    label_set,
)

# As Kaggle's page of the challenge numbers them, 0 to 6.
KAGGLE_FER2013 = ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral")


def test_fer2013_ids_are_those_of_the_challenge() -> None:
    assert len(FER2013) == 7
    for class_id, name in enumerate(KAGGLE_FER2013):
        assert FER2013.index(name) == class_id


@pytest.mark.dataset
def test_vote_columns_are_those_of_the_ferplus_file(shared_data: Path) -> None:
    with (shared_data / "fer2013new.csv").open(encoding="utf-8") as file:
        header = file.readline().strip().split(",")
    assert tuple(header[2:]) == FERPLUS_VOTE_COLUMNS


def test_ferplus_is_the_vote_columns_without_the_refusals() -> None:
    assert (*FERPLUS.labels, "unknown", "NF") == FERPLUS_VOTE_COLUMNS


def test_label_sets_share_names_and_only_contempt_is_new() -> None:
    assert set(FERPLUS.labels) - set(FER2013.labels) == {"contempt"}
    assert set(FER2013.labels) < set(FERPLUS.labels)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Angry", "anger"),
        (" HAPPY ", "happiness"),
        ("happiness", "happiness"),
        ("Surprised", "surprise"),
        ("sad", "sadness"),
        ("_neutral_", "neutral"),
        ("disgusted", "disgust"),
        ("fearful", "fear"),
        ("Contempt", "contempt"),
    ],
)
def test_usual_spellings_are_known(spelling: str, name: str) -> None:
    assert canonical_label(spelling) == name


@pytest.mark.parametrize("name", sorted(COLOURS))
def test_canonical_name_is_its_own_spelling(name: str) -> None:
    assert canonical_label(name) == name


@pytest.mark.parametrize("name", ["", "anxious", "unknown", "NF", "0"])
def test_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(LabelError, match=r"known: neutral, happiness.*contempt"):
        canonical_label(name)


def test_index_refuses_a_label_of_another_set() -> None:
    with pytest.raises(LabelError, match=r"contempt.*fer2013"):
        FER2013.index("contempt")


def test_label_sets_are_found_by_name() -> None:
    assert {name: label_set(name) for name in LABEL_SETS} == dict(LABEL_SETS)
    with pytest.raises(LabelError, match=r"'affectnet'.*fer2013, ferplus"):
        label_set("affectnet")


def test_every_label_has_a_colour_of_its_own() -> None:
    names = {label for labels in LABEL_SETS.values() for label in labels.labels}
    assert names == set(COLOURS)
    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in COLOURS.values())


def lab(colour: str) -> tuple[float, float, float]:
    """CIE L*a*b* (D65) of an sRGB hex colour, by the standard's formulas."""
    srgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in srgb)
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
    )
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def test_colours_can_be_told_apart() -> None:
    for first, second in combinations(COLOURS, 2):
        distance = (
            sum(
                (a - b) ** 2 for a, b in zip(lab(COLOURS[first]), lab(COLOURS[second]), strict=True)
            )
            ** 0.5
        )
        assert distance > 20, f"{first} and {second} look alike"
