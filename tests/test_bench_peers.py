"""Other libraries' networks: what they are given, how their answers are read, what is missing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bench.peers.__main__ as program
from bench import NOT_HERE
from bench.peers import answer
from bench.peers.libraries import PEERS, answers_in
from evaluations import make_dataset, smooth_faces, ten_votes_for
from fer2013_files import make_faces
from mien.core.errors import LabelError, ShapeError
from mien.core.labels import FER2013, FERPLUS
from mien.data import FaceDataset

REPO = Path(__file__).resolve().parents[1]
# A library that runs anywhere: the score of a class is how dark the face's n-th pixel is.
LIBRARY = """
import json, sys
import numpy as np
options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
faces = np.fromfile(options["--faces"], np.uint8).reshape(-1, 48, 48)
(255.0 - faces[:, 0, :7]).astype("<f4").tofile(options["--answers"])
facts = {"version": "1", "parameters": 7, "files": [], "runs_on": {}}
print("a library that chats")
print(json.dumps({**facts, "ms": [2.0] * int(options["--turns"])}))
"""


def one_hot(label_set: Any, *labels: str) -> list[list[float]]:
    return np.eye(len(label_set))[[label_set.labels.index(label) for label in labels]].tolist()


@pytest.mark.parametrize("name", PEERS)
def test_every_library_answers_each_of_fer2013s_expressions_once(name: str) -> None:
    answered = answers_in(FER2013, np.eye(7), PEERS[name].labels)
    assert sorted(answered.argmax(axis=1).tolist()) == list(range(7))


def test_face_apis_own_order_is_read_by_name() -> None:
    # neutral, happy, sad, angry, fearful, disgusted, surprised, by hand.
    labels = PEERS["face-api"].labels
    assert answers_in(FER2013, np.eye(7), labels).argmax(axis=1).tolist() == [6, 3, 4, 0, 2, 1, 5]
    assert answers_in(FERPLUS, np.eye(7), labels).argmax(axis=1).tolist() == [0, 1, 3, 4, 6, 5, 2]


@pytest.mark.parametrize("name", [name for name in PEERS if name != "face-api"])
def test_the_others_have_fer2013s_order(name: str) -> None:
    assert answers_in(FER2013, np.eye(7), PEERS[name].labels).tolist() == np.eye(7).tolist()


def test_equal_scores_give_the_first_in_the_librarys_own_order() -> None:
    # Angry and neutral are equal; FER+ has neutral before anger, the library has it last.
    scores = np.array([[0.9, 0, 0, 0, 0, 0, 0.9]])
    assert answers_in(FERPLUS, scores, PEERS["fer"].labels).tolist() == one_hot(FERPLUS, "anger")


def test_what_is_no_answer_is_refused() -> None:
    labels = PEERS["fer"].labels
    with pytest.raises(ShapeError, match=r"expected scores of shape \(n, 7\), got \(2, 8\)"):
        answers_in(FER2013, np.zeros((2, 8)), labels)
    with pytest.raises(ShapeError, match="finite"):
        answers_in(FER2013, np.full((1, 7), np.nan), labels)
    with pytest.raises(LabelError, match="contempt"):
        answers_in(FER2013, np.zeros((1, 1)), ("contempt",))


def test_fer_is_given_64_pixels_between_minus_1_and_1() -> None:
    faces = np.zeros((1, 48, 48), np.uint8)
    faces[0, :, 1:] = 200
    given = answer.prepare_fer(faces)
    assert given.shape == (1, 64, 64, 1) and given.dtype == np.float32
    # Centres of pixels 0, 1 and 2 of 64 lie at -0.125, 0.625 and 1.375 of 48: the border is
    # repeated, then 5/8 of the way from 0 to 200, then 200.
    expected = [0 / 255 * 2 - 1, 125 / 255 * 2 - 1, 200 / 255 * 2 - 1]
    assert given[0, 32, :3, 0].tolist() == pytest.approx(expected, abs=1e-6)


def test_pyemotion_is_given_the_pixels_between_minus_1_and_1() -> None:
    faces = np.zeros((2, 48, 48), np.uint8)
    faces[1, 5, 7], faces[1, 0, 0] = 51, 255
    given = answer.prepare_pyemotion(faces)
    assert given.shape == (2, 1, 48, 48) and given.dtype == np.float32
    assert [given[0, 0, 5, 7], given[1, 0, 5, 7], given[1, 0, 0, 0]] == pytest.approx([-1, -0.6, 1])


def faces_seen_as(*answers: int) -> list[NDArray[np.uint8]]:
    """Faces that `LIBRARY` answers with these numbers, all of different pixels."""
    faces = list(smooth_faces(len(answers)))
    for face, number in zip(faces, answers, strict=True):
        face[0, :7] = 255
        face[0, number] = 0
    return faces


@pytest.fixture
def dataset() -> FaceDataset:
    """Two training faces and five test faces, the first of which is a training face too."""
    # As face-api counts them: neutral, happy, sad, angry, fearful, disgusted, surprised.
    *train, first, second, third = faces_seen_as(0, 1, 0, 1, 6)
    # The last one shows the other training face, mirrored under what makes it sad.
    last = train[0].copy()
    last[1:] = last[1:, ::-1]
    last[0, [0, 2]] = 255, 0
    test = [train[1], first, second, third, last]
    truth = ["neutral", "happiness", "happiness", "neutral", "neutral", "surprise", "sadness"]
    votes = [*truth[:4], "contempt", *truth[5:]]
    return make_dataset(
        [0, 0, 2, 2, 2, 2, 2],
        [FER2013.labels.index(label) for label in truth],
        [*train, *test],
        votes=np.stack([ten_votes_for(label) for label in votes]),
    )


@pytest.fixture
def library(tmp_path: Path) -> dict[str, list[str]]:
    script = tmp_path / "library.py"
    script.write_text(LIBRARY)
    return {"face-api": [sys.executable, str(script), "face-api"]}


def test_figures_are_of_the_test_faces_by_both_rules_with_and_without_known_images(
    dataset: FaceDataset, library: dict[str, list[str]]
) -> None:
    measured = program.measure(dataset, library, turns=20, limit=None)
    assert (measured["split"], measured["faces"]) == ("test", 5)
    peer = measured["peers"]["face-api"]
    assert peer["speed"]["ms_a_face"] == 2.0 and peer["parameters"] == 7
    fer2013, majority = peer["rules"]
    # It says happy, neutral, happy, surprised and sad.
    published, unseen, unlike = (result["figures"] for result in fer2013["results"])
    assert (published["n"], published["accuracy"]["value"]) == (5, 4 / 5)
    assert (unseen["n"], unseen["accuracy"]["value"]) == (4, 3 / 4)
    assert (unlike["n"], unlike["accuracy"]["value"]) == (3, 2 / 3)
    assert (fer2013["n_also_in_training"], fer2013["n_alike_in_training"]) == (1, 2)
    assert fer2013["rule"] == "fer2013"
    # The face that is happy for it is of contempt here, which it cannot say.
    published = majority["results"][0]["figures"]
    assert published["accuracy"]["value"] == 4 / 5
    assert published["balanced_accuracy"] == pytest.approx((1 + 1 + 0 + 1 + 1) / 5)
    recalls = {entry["label"]: entry["recall"] for entry in published["per_class"]}
    assert recalls["contempt"] == 0 and recalls["anger"] is None
    assert "log_loss" not in published and "reliability" not in published


def test_a_limit_asks_for_the_first_faces_alone(
    dataset: FaceDataset, library: dict[str, list[str]]
) -> None:
    measured = program.measure(dataset, library, turns=0, limit=2)
    assert measured["faces"] == 2 and measured["peers"]["face-api"]["speed"] is None
    whole = program.measure(dataset, library, turns=0, limit=None)
    assert measured["split_sha256"] == whole["split_sha256"]


def fail(code: int, words: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        f"import sys; print({words!r}, file=sys.stderr); sys.exit({code})",
    ]


def test_a_missing_library_is_named_with_what_to_do() -> None:
    faces = make_faces(1)
    with pytest.raises(
        program.PeerError, match=r"fer is not here \(no fer\); .*--peer-python"
    ) as e:
        program.ask("fer", fail(NOT_HERE, "no fer"), faces, 0)
    assert e.value.exit_code == NOT_HERE
    with pytest.raises(
        program.PeerError, match=r"human .*cannot run no-such-node: .*--node-packages"
    ):
        program.ask("human", ["no-such-node"], faces, 0)


def test_a_library_that_fails_or_says_too_little_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(program.PeerError, match="fer failed with exit code 3: out of ideas") as e:
        program.ask("fer", fail(3, "out of ideas"), make_faces(1), 0)
    assert e.value.exit_code == 1 and "out of ideas" in capsys.readouterr().err
    short = tmp_path / "short.py"
    short.write_text(LIBRARY.replace("[:, 0, :7]", "[:, 0, :6]"))
    with pytest.raises(ShapeError, match="expected 7 scores from fer for each of 2 faces, got 12"):
        program.ask("fer", [sys.executable, str(short), "fer"], make_faces(2), 0)


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if peer.runs_in == "python"])
def test_where_a_python_library_is_not_installed_the_process_says_so(
    name: str, tmp_path: Path
) -> None:
    for module in ("tensorflow", "keras", "torch"):
        (tmp_path / f"{module}.py").write_text(f"raise ImportError('no {module} here')")
    command = [sys.executable, "-m", "bench.peers.answer", name]
    done = subprocess.run(
        [*command, "--faces", "none", "--answers", "none"],
        cwd=REPO,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == NOT_HERE and done.stdout == ""
    assert " here" in done.stderr and "Traceback" not in done.stderr


def test_the_program_ends_with_the_same_code_and_no_figures(
    dataset: FaceDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "open_dataset", lambda path: dataset)
    arguments = ["--data", "here", "--peers", "human", "--node", "no-such-node"]
    monkeypatch.setattr(sys, "argv", ["peers", *arguments])
    assert program.main() == NOT_HERE
    said = capsys.readouterr()
    assert said.out == "" and "--node-packages" in said.err


def test_a_network_is_described_by_its_file_and_timed_after_a_warm_up(tmp_path: Path) -> None:
    weights = tmp_path / "w.bin"
    weights.write_bytes(b"weights")
    seen: list[int] = []

    def count(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(len(faces))
        return np.zeros((len(faces), 7), np.float32)

    opened = answer.Opened(count, weights, 7, "numpy", ("numpy",))
    ms = answer.time_faces(opened, make_faces(3), 25)
    assert seen == [1] * 25 and len(ms) == 22
    facts = answer.describe(opened, ms)
    digest = hashlib.sha256(b"weights").hexdigest()
    assert facts["files"] == [{"name": "w.bin", "bytes": 7, "sha256": digest}]
    assert facts["version"] == facts["runs_on"]["numpy"] == np.__version__


def test_what_was_measured_is_what_the_words_say_to_install() -> None:
    measured = json.loads((REPO / "docs" / "figures" / "peers.json").read_text(encoding="utf-8"))
    assert set(measured["peers"]) == set(PEERS)
    page = (REPO / "docs" / "peers.md").read_text(encoding="utf-8")
    for peer in measured["peers"].values():
        packages = {peer["package"]: peer["version"], **peer["runs_on"]}
        for package in (peer["package"], "tensorflow-cpu", "@tensorflow/tfjs"):
            if package in packages:
                version = packages[package]
                equals = "@" if package.startswith("@") else "=="
                assert f"{package}{equals}{version}" in page
                assert f"{package}{equals}{version}" in str(program.__doc__)
