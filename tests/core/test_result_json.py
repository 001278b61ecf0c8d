"""Results that went through JSON are what they were, as exactly as JSON has them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import ShapeError
from mien.core.labels import FERPLUS
from mien.core.result_json import expression_from_dict, face_from_dict, frame_from_dict
from mien.core.types import Box, Expression, Face, FrameResult

shares = st.lists(st.integers(1, 1000), min_size=8, max_size=8).map(
    lambda parts: Expression(
        {label: part / sum(parts) for label, part in zip(FERPLUS.labels, parts, strict=True)},
        "ferplus",
    )
)


def make_frame() -> FrameResult:
    looks = Expression({"happiness": 0.75, "sadness": 0.25}, "two")
    doubtful = Expression({"happiness": 0.5, "sadness": 0.5}, "two", uncertain_below=0.6)
    seen = Face(Box(1, 2, 3.5, 4), 0.5, looks, ((1.0, 2.0),) * 5, 7, doubtful, 3.5, True)
    return FrameResult(
        index=3,
        timestamp_s=1.5,
        size=(640, 480),
        faces=(seen, Face(Box(5, 6, 7, 8), 1.0, looks)),
        detector="yunet",
        milliseconds={"decode": 1.25},
        source="a.jpg",
        detector_threshold=0.6,
        detector_sha256="ab" * 32,
        prior="balanced",
        prior_strength=0.5,
    )


def through_json(data: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(data))
    return read


def test_a_result_comes_back_as_it_was() -> None:
    frame = make_frame()
    back = frame_from_dict(through_json(frame.to_dict()))
    doubtful = back.faces[0].smoothed
    assert doubtful is not None and doubtful.uncertain
    # All but the threshold of what is uncertain, which the JSON does not have.
    first = replace(back.faces[0], smoothed=frame.faces[0].smoothed)
    assert replace(back, faces=(first, back.faces[1])) == frame
    assert back.to_dict() == frame.to_dict()


def test_a_picture_that_could_not_be_read_comes_back_with_its_error() -> None:
    frame = FrameResult(0, 0.0, (0, 0), (), "haar", {}, "a.jpg", "it is torn")
    assert frame_from_dict(through_json(frame.to_dict())) == frame


@given(shares, st.floats(0, 1))
def test_an_expression_comes_back_to_four_decimals_and_as_uncertain(
    looks: Expression, below: float
) -> None:
    flagged = Expression(looks.probabilities, "ferplus", below)
    back = expression_from_dict(through_json(flagged.to_dict()))
    assert list(back) == list(FERPLUS.labels)
    assert back.uncertain == flagged.uncertain
    for label in back:
        assert back[label] == pytest.approx(flagged[label], abs=5.1e-5)
    assert back[flagged.dominant] == back.confidence


def test_what_a_newer_version_tells_more_is_passed_over() -> None:
    data = make_frame().to_dict()
    data["faces"][0]["mood"] = "sunny"
    assert frame_from_dict({**data, "weather": "sunny"}) == frame_from_dict(make_frame().to_dict())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"faces": [{}]}, "Face"),
        ({"width": "wide"}, "wide"),
        ({"milliseconds": None}, "FrameResult"),
        ({"faces": 3}, "FrameResult"),
    ],
)
def test_other_json_is_told_with_what_is_wrong(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        frame_from_dict({**make_frame().to_dict(), **change})


def test_a_missing_key_is_named() -> None:
    face = make_frame().faces[0].to_dict()
    del face["expression"]["probabilities"]
    with pytest.raises(ShapeError, match="no 'probabilities'"):
        face_from_dict(face)
    with pytest.raises(ShapeError, match="at least one"):
        expression_from_dict({"probabilities": {}, "uncertain": False, "label_set": "two"})
