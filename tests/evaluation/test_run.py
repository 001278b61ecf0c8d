"""Six ways out of two passes: mirrors, training images, splits and rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from evaluations import SidePredictor, face_that_looks, make_dataset, sample_dataset, ten_votes_for
from mien.core.errors import DatasetError, ShapeError
from mien.core.labels import FER2013, FERPLUS
from mien.data import open_dataset
from mien.evaluation.run import evaluate
from mien.evaluation.views import five_crops, softmax

TRAIN, VALIDATION, TEST = 0, 1, 2


def test_mirrors_are_averaged_as_probabilities_not_as_logits() -> None:
    # Of the face it sees anger, of its mirror fear: p = softmax([2, 0 x 6]) each.
    dataset = make_dataset([TEST], [0], [face_that_looks(0, 2)])
    (rule,) = evaluate(SidePredictor("fer2013"), dataset).rules
    sure = np.exp(2) / (np.exp(2) + 6)
    unsure = 1 / (np.exp(2) + 6)
    single, flip = rule.figures("single"), rule.figures("flip")
    assert single is not None
    assert flip is not None
    assert single.log_loss == pytest.approx(-np.log(sure))
    assert flip.log_loss == pytest.approx(-np.log((sure + unsure) / 2))
    assert flip.reliability.mean_confidence == pytest.approx((sure + unsure) / 2)


def test_a_face_read_rightly_only_in_its_mirror_counts_for_neither_alone() -> None:
    # Three looks each way: the sum of both decides, ties go to the first class.
    dataset = make_dataset(
        [TEST] * 3, [3, 3, 3], [face_that_looks(*looks) for looks in ((3, 3), (5, 3), (3, 5))]
    )
    (rule,) = evaluate(SidePredictor("fer2013"), dataset).rules
    single, flip = rule.figures("single"), rule.figures("flip")
    assert single is not None
    assert flip is not None
    assert single.confusion[3][3] == 2
    assert flip.confusion[3][3] == 3


def test_ten_crops_are_corners_and_middle_each_with_its_mirror() -> None:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (4, 12, 12)).astype(np.uint8)
    faces = np.stack([cv2.resize(each, (48, 48)) for each in coarse]).astype(np.uint8)
    crops = five_crops(faces)
    assert [crop.shape for crop in crops] == [(4, 48, 48)] * 5
    for crop, (top, left) in zip(crops, [(0, 0), (0, 4), (4, 0), (4, 4), (2, 2)], strict=True):
        small = cv2.resize(crop[1], (44, 44), interpolation=cv2.INTER_LINEAR)
        wanted = faces[1, top : top + 44, left : left + 44]
        others = [faces[1, y : y + 44, x : x + 44] for y, x in ((1, 1), (0, 2), (3, 1))]
        error = np.abs(small.astype(int) - wanted).mean()
        assert all(np.abs(small.astype(int) - other).mean() > 2 * error for other in others)


def test_the_mean_over_ten_crops_is_one_way_more_where_asked_for() -> None:
    dataset = sample_dataset()
    shown: list[NDArray[np.uint8]] = []

    class Watched(SidePredictor):
        def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
            shown.append(images_gray)
            return super().predict_logits(images_gray)

    steps: list[tuple[int, int]] = []
    rules = evaluate(
        Watched(), dataset, ten_crops=True, on_progress=lambda *step: steps.append(step)
    ).rules
    for rule in rules:
        assert [(way.crops, way.images) for way in rule.results] == [
            ("single", "published"),
            ("flip", "published"),
            ("ten", "published"),
            ("single", "unseen"),
            ("flip", "unseen"),
            ("single", "unlike"),
            ("flip", "unlike"),
        ]
    assert len(shown) == 12
    assert steps[-1] == (12 * len(shown[0]), 12 * len(shown[0]))
    # By hand: the mean of the probabilities of the ten, in whatever order.
    answers = [softmax(SidePredictor().predict_logits(view)["fer2013"]) for view in shown[2:]]
    mean = np.mean(answers, axis=0)
    test = np.flatnonzero(dataset.splits == TEST)
    labels = dataset.class_ids[test]
    (rule,) = evaluate(SidePredictor("fer2013"), dataset, ten_crops=True).rules
    ten = rule.figures("ten")
    assert ten is not None
    assert ten.log_loss == pytest.approx(-np.log(mean[np.arange(len(test)), labels]).mean())


def test_training_images_are_left_out_of_the_unseen() -> None:
    seen, fresh = face_that_looks(0, 0, serial=1), face_that_looks(4, 4, serial=2)
    # The seen one is answered rightly, the fresh one wrongly.
    dataset = make_dataset([TRAIN, TEST, TEST, VALIDATION], [3, 0, 1, 0], [seen, seen, fresh, seen])
    (rule,) = evaluate(SidePredictor("fer2013"), dataset).rules
    assert (rule.n, rule.n_also_in_training) == (2, 1)
    published, unseen = rule.figures(), rule.figures("single", "unseen")
    assert published is not None
    assert unseen is not None
    assert (published.n, published.accuracy.value) == (2, 0.5)
    assert (unseen.n, unseen.accuracy.value) == (1, 0.0)
    assert unseen.confusion[1][4] == 1


def test_images_that_are_nearly_training_images_are_left_out_of_the_unlike() -> None:
    known, fresh = face_that_looks(0, 0, serial=1), face_that_looks(1, 1, serial=2)
    nearly = known.copy()
    nearly[3, 3] += 1
    dataset = make_dataset([TRAIN, TEST, TEST, TEST], [3, 0, 4, 1], [known, known, nearly, fresh])
    (rule,) = evaluate(SidePredictor("fer2013"), dataset).rules
    assert (rule.n, rule.n_also_in_training, rule.n_alike_in_training) == (3, 1, 2)
    # The one that is nearly known is answered wrongly, the others rightly.
    for images, n, right in (("published", 3, 2), ("unseen", 2, 1), ("unlike", 1, 1)):
        figures = rule.figures("single", images)
        assert figures is not None
        assert (figures.n, figures.accuracy.value) == (n, right / n)


def test_headline_is_one_look_as_published_and_the_ways_are_six() -> None:
    rules = evaluate(SidePredictor(), sample_dataset()).rules
    for rule in rules:
        ways = [(way.crops, way.images) for way in rule.results]
        assert ways == [
            ("single", "published"),
            ("flip", "published"),
            ("single", "unseen"),
            ("flip", "unseen"),
            ("single", "unlike"),
            ("flip", "unlike"),
        ]
        assert rule.headline is rule.figures("single", "published")
        assert [way.figures.n for way in rule.results] == [20, 20, 15, 15, 15, 15]


def test_training_split_has_no_unseen_images() -> None:
    (rule, _) = evaluate(SidePredictor(), sample_dataset(), split="Training").rules
    assert rule.n_also_in_training is None
    assert rule.figures("single", "unseen") is None
    assert len(rule.results) == 2


def test_data_without_training_part_has_neither_baseline_nor_unseen() -> None:
    dataset = sample_dataset().select_split("test")
    (rule, _) = evaluate(SidePredictor(), dataset).rules
    assert rule.n_also_in_training is None
    assert rule.headline.baseline is None
    assert len(rule.results) == 2


def test_split_that_lies_in_training_as_a_whole_has_no_unseen_figures() -> None:
    face = face_that_looks(1, 1)
    dataset = make_dataset([TRAIN, TEST], [1, 1], [face, face])
    (rule,) = evaluate(SidePredictor("fer2013"), dataset).rules
    assert (rule.n, rule.n_also_in_training) == (1, 1)
    assert rule.figures("single", "unseen") is None


def test_baseline_is_chosen_by_training_labels_under_the_same_rule() -> None:
    images = [face_that_looks(0, 0, serial=i) for i in range(6)]
    votes = np.stack(
        [
            *(ten_votes_for("NF") for _ in range(3)),  # most frequent by own label, dropped
            ten_votes_for("contempt"),
            ten_votes_for("contempt"),
            ten_votes_for("fear"),
        ]
    )
    dataset = make_dataset([TRAIN] * 5 + [TEST], [3, 3, 3, 0, 0, 2], images, votes=votes)
    own, by_votes = evaluate(SidePredictor(), dataset).rules
    assert own.headline.baseline is not None
    assert by_votes.headline.baseline is not None
    assert (own.headline.baseline.label, own.headline.baseline.n_training) == ("happiness", 5)
    naive = by_votes.headline.baseline
    assert (naive.label, naive.n_training) == ("contempt", 2)


def test_each_rule_counts_its_own_faces_and_what_it_drops() -> None:
    images = [face_that_looks(i % 7, i % 7, serial=i) for i in range(3)]
    votes = np.stack([ten_votes_for("NF"), ten_votes_for("fear"), ten_votes_for("anger")])
    dataset = make_dataset([TEST] * 3, [0, -1, -1], images, votes=votes)
    evaluation = evaluate(SidePredictor(), dataset)
    counted = {rule.rule: (rule.n, rule.n_dropped) for rule in evaluation.rules}
    assert counted == {"fer2013": (1, 2), "majority": (2, 1)}
    assert evaluation.n_split == 3


def test_faces_that_every_rule_drops_are_not_shown_to_the_model() -> None:
    images = [face_that_looks(0, 0, serial=i) for i in range(4)]
    dataset = make_dataset([TEST] * 4, [0, -1, 0, -1], images)
    predictor = SidePredictor("fer2013")
    evaluate(predictor, dataset)
    assert sum(predictor.batches) == 2 * 2


@pytest.mark.parametrize("batch_size", [1, 7, 20, 500])
def test_batches_change_nothing_and_progress_ends_at_all(batch_size: int) -> None:
    told: list[tuple[int, int]] = []
    evaluation = evaluate(
        SidePredictor(),
        sample_dataset(),
        batch_size=batch_size,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert evaluation == evaluate(SidePredictor(), sample_dataset())
    assert told[-1] == (40, 40)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_folder_of_eight_expressions_is_evaluated_on_its_own_labels() -> None:
    contempt = FERPLUS.index("contempt")
    dataset = make_dataset(
        [TEST, TEST],
        [contempt, 0],
        [face_that_looks(contempt, contempt), face_that_looks(0, 0)],
        label_set=FERPLUS,
    )
    (rule,) = evaluate(SidePredictor(), dataset).rules
    assert (rule.rule, rule.label_set, rule.n) == ("ferplus", "ferplus", 2)
    assert rule.headline.accuracy.value == 1.0


def test_fingerprint_knows_images_labels_and_votes_of_the_split_alone() -> None:
    dataset = sample_dataset()
    sha256 = evaluate(SidePredictor(), dataset).split_sha256
    images, class_ids = dataset.images_gray.copy(), dataset.class_ids.copy()
    images[0, 4, 4] ^= 1  # a training face
    assert evaluate(SidePredictor(), replace(dataset, images_gray=images)).split_sha256 == sha256
    images[59, 4, 4] ^= 1  # a test face
    assert evaluate(SidePredictor(), replace(dataset, images_gray=images)).split_sha256 != sha256
    class_ids[59] = (class_ids[59] + 1) % 7
    relabelled = replace(dataset, class_ids=class_ids)
    assert evaluate(SidePredictor(), relabelled).split_sha256 != sha256
    assert dataset.votes is not None
    votes = dataset.votes.copy()
    votes[59, 9] += 1
    assert evaluate(SidePredictor(), replace(dataset, votes=votes)).split_sha256 != sha256


def test_empty_splits_and_rules_are_refused() -> None:
    dataset = make_dataset([TRAIN], [0], [face_that_looks(0, 0)])
    with pytest.raises(DatasetError, match="no face in split test"):
        evaluate(SidePredictor(), dataset)
    unlabelled = make_dataset([TEST], [-1], [face_that_looks(0, 0)])
    with pytest.raises(DatasetError, match="has a label"):
        evaluate(SidePredictor(), unlabelled)
    votes = np.stack([ten_votes_for("NF")])
    dropped = make_dataset([TEST], [0], [face_that_looks(0, 0)], votes=votes)
    with pytest.raises(DatasetError, match="rule majority keeps no face of split test"):
        evaluate(SidePredictor(), dropped)
    with pytest.raises(DatasetError, match="unknown split 'exam'"):
        evaluate(SidePredictor(), sample_dataset(), split="exam")


def test_a_model_that_answers_in_another_shape_is_refused() -> None:
    class Broken(SidePredictor):
        def predict_logits(self, images_gray: np.ndarray) -> dict[str, np.ndarray]:
            return {name: np.zeros((len(images_gray), 3), np.float32) for name in self.label_sets}

    with pytest.raises(ShapeError, match=r"expected logits of shape \(20, 7\) from head fer2013"):
        evaluate(Broken("fer2013"), sample_dataset())


def test_softmax_of_huge_logits_is_finite() -> None:
    probabilities = softmax(np.array([[1e4, 0.0], [-1e4, -1e4]], np.float32))
    assert probabilities.tolist() == [[1.0, 0.0], [0.5, 0.5]]


@pytest.mark.dataset
@pytest.mark.parametrize(
    ("split", "counts", "duplicates", "happy"),
    [
        ("PublicTest", (3589, 3199, 3553, 3579), 280, 895),
        ("PrivateTest", (3589, 3153, 3546, 3573), 288, 879),
    ],
)
def test_fer2013_is_counted_as_the_literature_counts_it(
    shared_data: Path, split: str, counts: tuple[int, ...], duplicates: int, happy: int
) -> None:
    dataset = open_dataset(shared_data)
    rules = ["fer2013", "majority", "argmax10", "argmax8"]
    evaluation = evaluate(SidePredictor(), dataset, split=split, rules=rules, batch_size=4096)
    assert tuple(rule.n for rule in evaluation.rules) == counts
    own = evaluation.rules[0]
    assert own.n_also_in_training == duplicates
    naive = own.headline.baseline
    assert naive is not None
    assert (naive.label, naive.n_training) == ("happiness", 28709)
    assert naive.accuracy.value == pytest.approx(happy / 3589)
    assert own.headline.labels == FER2013.labels
