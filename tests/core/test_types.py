"""Results are frozen, plain and the same through every door: JSON, pickle, text, notebook."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import FrozenInstanceError, replace
from html.parser import HTMLParser
from typing import Any

import pytest

from mien.core.errors import ShapeError
from mien.core.labels import FER2013, FERPLUS, LabelSet
from mien.core.types import ROW_VERSION, Box, Expression, Face, FrameResult, Observation


def make_expression(
    labels: LabelSet = FER2013, peak: str = "fear", share: float = 0.7
) -> Expression:
    rest = (1 - share) / (len(labels) - 1)
    return Expression(
        {label: share if label == peak else rest for label in labels.labels}, labels.name
    )


def make_face(track_id: int | None = None, landmarks: Any = None) -> Face:
    return Face(
        box=Box(10.04, 20.06, 110.5, 140.0),
        confidence=0.98765,
        expression=make_expression(),
        landmarks=landmarks,
        track_id=track_id,
    )


def make_frame(**changes: Any) -> FrameResult:
    fields: dict[str, Any] = {
        "index": 3,
        "timestamp_s": 0.123456,
        "size": (640, 480),
        "faces": (make_face(track_id=7), make_face(landmarks=((1.26, 2.0),) * 5)),
        "detector": "blazeface",
        "milliseconds": {"detect": 3.14159, "classify": 1.0},
        "source": "group.jpg",
    }
    return FrameResult(**{**fields, **changes})


class _Balance(HTMLParser):
    """Collects the tags that are open, so that a fragment can be checked to be well formed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def text_of_html(fragment: str) -> str:
    parser = _Balance()
    parser.feed(fragment)
    parser.close()
    assert parser.open == []
    return parser.text


def test_box_knows_its_sides_and_middle() -> None:
    box = Box(-10, 5, 30, 25)
    assert (box.width, box.height, box.centre) == (40, 20, (10, 15))
    assert Box(1.04, 2.06, 3.0, 4.449).to_dict() == {"x1": 1.0, "y1": 2.1, "x2": 3.0, "y2": 4.4}


def test_dominant_and_confidence_are_of_the_most_probable() -> None:
    expression = make_expression(FERPLUS, peak="contempt", share=0.3)
    assert expression.dominant == "contempt"
    assert expression.confidence == expression["contempt"] == 0.3
    assert list(expression) == list(FERPLUS.labels)


def test_tie_goes_to_the_first_in_label_order() -> None:
    assert Expression({"sadness": 0.4, "anger": 0.4, "fear": 0.2}, "own").dominant == "sadness"


@pytest.mark.parametrize("labels", [FER2013, FERPLUS])
def test_entropy_spans_nothing_to_all_labels(labels: LabelSet) -> None:
    certain = {label: float(label == "fear") for label in labels.labels}
    even = dict.fromkeys(labels.labels, 1 / len(labels))
    assert Expression(certain, labels.name).entropy == 0
    assert math.copysign(1, Expression(certain, labels.name).entropy) == 1, "never -0.0"
    assert Expression(even, labels.name).entropy == pytest.approx(math.log2(len(labels)))


def test_entropy_by_hand() -> None:
    assert Expression({"anger": 0.5, "fear": 0.25, "sadness": 0.25}, "x").entropy == 1.5


def test_expression_without_probabilities_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least one"):
        Expression({}, "fer2013")


def test_expression_does_not_change_with_the_dict_it_came_from() -> None:
    given = {"anger": 0.9, "fear": 0.1}
    expression = Expression(given, "own")
    given["anger"] = 0.0
    assert expression["anger"] == 0.9
    with pytest.raises(TypeError):
        expression.probabilities["anger"] = 0.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("result", "field"),
    [
        (Box(0, 0, 1, 1), "x1"),
        (make_expression(), "label_set"),
        (make_face(), "confidence"),
        (make_frame(), "faces"),
        (make_frame().observations()[0], "box"),
    ],
)
def test_results_are_frozen(result: object, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(result, field, None)


@pytest.mark.parametrize(
    "result", [Box(0, 1, 2, 3), make_expression(), make_face(), make_frame(), make_frame(faces=())]
)
def test_results_survive_pickle_and_json(result: Any) -> None:
    assert pickle.loads(pickle.dumps(result)) == result
    as_dict = result.to_dict()
    assert json.loads(json.dumps(as_dict, allow_nan=False)) == as_dict


def test_equal_results_hash_alike() -> None:
    assert hash(make_expression()) == hash(make_expression())
    assert len({make_face(), make_face(), make_face(track_id=1)}) == 2
    assert make_expression(FER2013) != make_expression(FERPLUS)


def test_expression_dict_has_all_that_a_client_needs() -> None:
    as_dict = make_expression().to_dict()
    assert as_dict["label_set"] == "fer2013"
    assert (as_dict["dominant"], as_dict["confidence"]) == ("fear", 0.7)
    assert list(as_dict["probabilities"]) == list(FER2013.labels)
    assert sum(as_dict["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    expected = -0.7 * math.log2(0.7) - 6 * 0.05 * math.log2(0.05)
    assert as_dict["entropy"] == pytest.approx(expected, abs=1e-4)


def test_face_dict_keeps_landmarks_and_track() -> None:
    assert make_face().to_dict()["landmarks"] is None
    assert make_face().to_dict()["track_id"] is None
    with_all = make_face(track_id=0, landmarks=((1.26, 2.0),) * 5).to_dict()
    assert with_all["track_id"] == 0
    assert with_all["landmarks"] == [[1.3, 2.0]] * 5
    assert with_all["confidence"] == 0.9877


def test_face_dict_has_what_was_smoothed_and_measured() -> None:
    plain = make_face().to_dict()
    assert plain["smoothed"] is None and plain["sharpness"] is None
    calm = make_expression(peak="sadness")
    tracked = replace(make_face(track_id=1), smoothed=calm, sharpness=12.345).to_dict()
    assert tracked["smoothed"] == calm.to_dict()
    assert tracked["expression"]["dominant"] == "fear"
    assert tracked["sharpness"] == 12.3


def test_a_predicted_box_says_so_everywhere() -> None:
    predicted = replace(make_face(), predicted=True)
    assert (make_face().to_dict()["predicted"], predicted.to_dict()["predicted"]) == (False, True)
    rows = make_frame(faces=(make_face(), predicted)).observations()
    assert [row.to_dict()["predicted"] for row in rows] == [False, True]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Box(0, 0, 100, 100), Box(0, 0, 100, 100), 1.0),
        (Box(0, 0, 100, 100), Box(50, 0, 150, 100), 1 / 3),
        (Box(0, 0, 100, 100), Box(100, 0, 200, 100), 0.0),
        (Box(0, 0, 100, 100), Box(50, 50, 150, 150), 2500 / 17500),
        (Box(0, 0, 100, 100), Box(25, 25, 75, 75), 0.25),
        (Box(0, 0, 0, 0), Box(0, 0, 100, 100), 0.0),
        (Box(5, 5, 5, 5), Box(5, 5, 5, 5), 0.0),
    ],
)
def test_iou_by_hand(a: Box, b: Box, expected: float) -> None:
    assert a.iou(b) == b.iou(a) == pytest.approx(expected)


def test_side_of_a_box_is_the_geometric_mean_and_never_imaginary() -> None:
    assert Box(10, 10, 50, 100).side == 60
    assert Box(10, 10, 5, 100).side == 0


def test_frame_is_a_sequence_of_faces() -> None:
    frame = make_frame()
    assert len(frame) == 2
    assert list(frame) == [frame[0], frame[1]] == list(frame.faces)
    assert frame[0].track_id == 7


def test_frame_dict_is_flat_numbers_and_text() -> None:
    as_dict = make_frame().to_dict()
    assert (as_dict["width"], as_dict["height"]) == (640, 480)
    assert as_dict["timestamp_s"] == 0.1235
    assert as_dict["milliseconds"] == {"detect": 3.14, "classify": 1.0}
    assert as_dict["error"] is None
    assert len(as_dict["faces"]) == 2


def test_observation_is_one_flat_row_per_face() -> None:
    frame = make_frame()
    rows = [observation.to_dict() for observation in frame.observations()]
    assert [row["face_index"] for row in rows] == [0, 1]
    assert [row["track_id"] for row in rows] == [7, None]
    row = rows[0]
    assert all(value is None or isinstance(value, (str, int, float)) for value in row.values())
    assert (row["source"], row["frame_index"], row["detector"]) == ("group.jpg", 3, "blazeface")
    assert (row["x1"], row["y2"]) == (10.0, 140.0)
    assert row["detector_confidence"] == 0.9877
    assert (row["dominant"], row["confidence"], row["p_fear"]) == ("fear", 0.7, 0.7)
    assert [key for key in row if key.startswith("p_")] == [f"p_{n}" for n in FER2013.labels]
    assert isinstance(frame.observations()[0], Observation)


def test_observation_has_landmarks_quality_and_what_was_smoothed() -> None:
    plain, marked = (observation.to_dict() for observation in make_frame().observations())
    assert plain["version"] == ROW_VERSION
    assert plain["right_eye_x"] is None and plain["s_fear"] is None
    assert (marked["left_mouth_x"], marked["left_mouth_y"]) == (1.3, 2.0)
    assert plain["size_px"] == pytest.approx(math.sqrt(100.46 * 119.94), abs=0.05)
    face = replace(make_face(), smoothed=make_expression(peak="sadness"), sharpness=7.77)
    row = make_frame(faces=(face,)).observations()[0].to_dict()
    assert (row["dominant"], row["smoothed_dominant"]) == ("fear", "sadness")
    assert (row["p_sadness"], row["s_sadness"], row["sharpness"]) == (0.05, 0.7, 7.8)


def test_columns_are_those_of_any_row_and_each_is_of_one_kind() -> None:
    columns = Observation.columns(FER2013.labels)
    face = replace(make_face(landmarks=((1.26, 2.0),) * 5, track_id=1), sharpness=1.0)
    row = make_frame(faces=(replace(face, smoothed=face.expression),)).observations()[0].to_dict()
    assert list(row) == columns
    kinds = {"whole": int, "decimal": float, "text": str, "flag": bool}
    assert all(type(row[name]) is kinds[Observation.kind(name)] for name in columns)


def test_no_face_is_no_row() -> None:
    empty = make_frame(faces=())
    assert empty.observations() == []
    assert len(empty) == 0
    assert "0 faces" in str(empty)


def test_text_says_where_and_how_sure() -> None:
    assert str(make_expression()) == "fear 70% anger 5% disgust 5%"
    assert str(make_face(track_id=7)).startswith("Face #7 at [10, 20, 110, 140]: fear 70%")
    lines = str(make_frame()).splitlines()
    assert lines[0] == "group.jpg: 2 faces (blazeface)"
    assert len(lines) == 3
    assert str(make_frame(faces=(make_face(),))).startswith("group.jpg: 1 face (")
    assert str(make_frame(source=None)).startswith("frame 3:")


def test_failed_picture_says_its_error() -> None:
    failed = make_frame(faces=(), error="the picture is damaged")
    assert str(failed) == "group.jpg: the picture is damaged"
    assert failed.to_dict()["error"] == "the picture is damaged"


def test_notebook_view_is_well_formed_and_ranked() -> None:
    text = text_of_html(make_expression(FERPLUS, peak="surprise", share=0.8)._repr_html_())
    assert text.startswith("surprise80.0%")
    assert all(label in text for label in FERPLUS.labels)
    assert "100 x 120 px at (10, 20)" in text_of_html(make_face()._repr_html_())
    assert text_of_html(make_frame()._repr_html_()).count("fear70.0%") == 2


def test_notebook_view_escapes_names_that_came_from_outside() -> None:
    evil = "<script>alert(1)</script>"
    assert "<script" not in make_frame(source=evil)._repr_html_()
    assert "<script" not in make_frame(source=evil, faces=(), error=evil)._repr_html_()
    assert "<script" not in Expression({evil: 1.0}, "own")._repr_html_()


def test_an_answer_is_uncertain_below_its_threshold_alone() -> None:
    assert not make_expression().uncertain
    doubtful = Expression(make_expression().probabilities, "fer2013", uncertain_below=0.71)
    assert doubtful.uncertain
    assert not Expression(make_expression().probabilities, "fer2013", 0.7).uncertain
    assert str(doubtful) == "fear 70% anger 5% disgust 5% (uncertain)"
    assert doubtful.to_dict()["uncertain"] is True
    assert pickle.loads(pickle.dumps(doubtful)) == doubtful != make_expression()
    face = Face(Box(0, 0, 1, 1), 1.0, doubtful)
    assert "fear, uncertain" in text_of_html(face._repr_html_())
