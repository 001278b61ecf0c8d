"""Finding and loading a bundle: what is whole is run, what is not is refused by name."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bundles import MEAN, SIZE, STD, linear_weights, write_tiny_bundle
from mien.bundle import bundle as bundle_module
from mien.bundle import find
from mien.bundle.find import find_bundle, list_bundles
from mien.bundle.load import load_bundle
from mien.core.errors import BundleError, ConfigError, ShapeError
from mien.core.labels import FER2013, FERPLUS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path)


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE), np.uint8)


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def replace_graph(folder: Path, graph: bytes) -> None:
    """Put another graph into a bundle, with its right checksum."""
    (folder / "model.onnx").write_bytes(graph)
    entry = {"sha256": hashlib.sha256(graph).hexdigest(), "bytes": len(graph)}
    change_config(folder, lambda content: content["files"].update({"model.onnx": entry}))


class TestAnswers:
    def test_logits_are_those_of_the_normalised_pixels(
        self, folder: Path, faces: np.ndarray
    ) -> None:
        logits = load_bundle(folder).predict_logits(faces)
        pixels = (faces.reshape(5, -1) / 255.0 - MEAN) / STD
        for labels in (FER2013, FERPLUS):
            expected = pixels @ linear_weights(labels)
            assert logits[labels.name].dtype == np.float32
            np.testing.assert_allclose(logits[labels.name], expected, atol=1e-3)

    def test_no_faces_give_no_answers(self, folder: Path) -> None:
        loaded = load_bundle(folder)
        none = np.empty((0, SIZE, SIZE), np.uint8)
        assert {k: v.shape for k, v in loaded.predict_logits(none).items()} == {
            "fer2013": (0, 7),
            "ferplus": (0, 8),
        }
        assert loaded.predict_probabilities(none, "fer2013").shape == (0, 7)

    def test_many_faces_in_batches_answer_as_each_alone(
        self, folder: Path, faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded = load_bundle(folder)
        monkeypatch.setattr(bundle_module, "MAX_BATCH", 2)
        together = loaded.predict_logits(faces)["ferplus"]
        alone = np.concatenate([loaded.predict_logits(face[None])["ferplus"] for face in faces])
        np.testing.assert_allclose(together, alone, atol=1e-4)

    def test_probabilities_are_the_softmax_of_logits_over_temperature(
        self, folder: Path, faces: np.ndarray
    ) -> None:
        change_config(folder, lambda content: content["heads"][0].update(temperature=2.5))
        loaded = load_bundle(folder)
        logits = loaded.predict_logits(faces)["fer2013"].astype(np.float64)
        expected = np.exp(logits / 2.5)
        expected /= expected.sum(axis=1, keepdims=True)
        found = loaded.predict_probabilities(faces, "fer2013")
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert found.dtype == np.float32

    def test_huge_logits_stay_probabilities(self, folder: Path) -> None:
        loaded = load_bundle(folder)
        found = loaded.to_probabilities(np.array([[1e4, -1e4, 0, 0, 0, 0, 0]], "f4"), "fer2013")
        np.testing.assert_array_equal(found, [[1, 0, 0, 0, 0, 0, 0]])

    def test_the_default_label_set_answers_where_none_is_asked(
        self, folder: Path, faces: np.ndarray
    ) -> None:
        loaded = load_bundle(folder)
        assert list(loaded.label_sets) == ["fer2013", "ferplus"]
        np.testing.assert_array_equal(
            loaded.predict_probabilities(faces), loaded.predict_probabilities(faces, "ferplus")
        )

    def test_threads_share_a_bundle(self, folder: Path, faces: np.ndarray) -> None:
        loaded = load_bundle(folder)
        expected = loaded.predict_logits(faces)["ferplus"]
        with ThreadPoolExecutor(8) as pool:
            for logits in pool.map(loaded.predict_logits, [faces] * 64):
                np.testing.assert_array_equal(logits["ferplus"], expected)

    @pytest.mark.parametrize(
        "wrong",
        [
            np.zeros((1, 47, 48), np.uint8),
            np.zeros((48, 48), np.uint8),
            np.zeros((1, 48, 48, 1), np.uint8),
            np.zeros((1, 48, 48), np.float32),
        ],
    )
    def test_crops_of_another_form_are_refused(self, folder: Path, wrong: np.ndarray) -> None:
        with pytest.raises(ShapeError, match=r"expected \(n, 48, 48\) uint8 crops"):
            load_bundle(folder).predict_logits(wrong)

    def test_unknown_label_sets_and_priors_are_refused(
        self, folder: Path, faces: np.ndarray
    ) -> None:
        loaded = load_bundle(folder)
        with pytest.raises(BundleError, match="no label set 'rafdb'"):
            loaded.predict_probabilities(faces, "rafdb")
        with pytest.raises(ConfigError, match=r"natural, balanced, .* got 'equal'"):
            loaded.predict_probabilities(faces, prior="equal")


def tiny_graph(**changes: Any) -> bytes:
    """Return a graph that fits the tiny bundle, but for what is changed."""
    input_name = changes.get("input_name", "images")
    input_shape = changes.get("input_shape", ["n", 1, SIZE, SIZE])
    outputs = changes.get("outputs", {"fer2013_logits": 7, "ferplus_logits": 8})
    batch = changes.get("batch", "n")
    images = helper.make_tensor_value_info(input_name, TensorProto.FLOAT, input_shape)
    nodes = [helper.make_node("ReduceMean", [input_name], ["mean"], axes=[1, 2, 3], keepdims=0)]
    nodes += [helper.make_node("Unsqueeze", ["mean", "axis"], ["column"])]
    constants = [helper.make_tensor("axis", TensorProto.INT64, [1], [1])]
    infos = []
    for name, width in outputs.items():
        constants.append(helper.make_tensor(f"{name}_shape", TensorProto.INT64, [2], [1, width]))
        nodes.append(helper.make_node("Expand", ["column", f"{name}_shape"], [name]))
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, width]))
    inputs = [images]
    if changes.get("second_input"):
        inputs.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n"]))
    graph = helper.make_graph(nodes, "g", inputs, infos, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class TestRefusals:
    @pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "MODEL_CARD.md"])
    def test_a_missing_file_is_named(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        with pytest.raises(BundleError, match=f"{name}: cannot be read: No such file") as caught:
            load_bundle(folder)
        assert str(folder) in str(caught.value)

    @pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "MODEL_CARD.md"])
    def test_one_changed_bit_is_found(self, folder: Path, name: str) -> None:
        data = bytearray((folder / name).read_bytes())
        before = hashlib.sha256(data).hexdigest()
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
        after = hashlib.sha256(data).hexdigest()
        with pytest.raises(BundleError, match=f"{name}: expected sha256 {before}, got {after}"):
            load_bundle(folder)

    def test_a_file_that_was_cut_off_is_told_by_its_size(self, folder: Path) -> None:
        data = (folder / "model.onnx").read_bytes()
        (folder / "model.onnx").write_bytes(data[:-10])
        told = f"model.onnx: expected {len(data)} bytes, got {len(data) - 10}"
        with pytest.raises(BundleError, match=told):
            load_bundle(folder)

    def test_all_damaged_files_are_told_at_once(self, folder: Path) -> None:
        (folder / "model.onnx").write_bytes(b"")
        (folder / "MODEL_CARD.md").unlink()
        with pytest.raises(BundleError, match="copy the bundle again") as caught:
            load_bundle(folder)
        assert "model.onnx: expected" in str(caught.value)
        assert "MODEL_CARD.md: cannot be read" in str(caught.value)

    def test_a_folder_without_config_is_no_bundle(self, tmp_path: Path) -> None:
        with pytest.raises(BundleError, match=r"is no bundle: it has no config\.json"):
            load_bundle(tmp_path)

    def test_a_broken_config_is_refused_with_its_path(self, folder: Path) -> None:
        change_config(folder, lambda content: content.pop("licence"))
        with pytest.raises(BundleError, match=r"tiny/config\.json: 1 problem in"):
            load_bundle(folder)

    def test_what_is_no_graph_is_refused_with_its_path(self, folder: Path) -> None:
        replace_graph(folder, b"no graph")
        with pytest.raises(BundleError, match=r"model\.onnx: the ONNX graph cannot be loaded"):
            load_bundle(folder)

    def test_a_graph_that_fits_is_taken(self, folder: Path) -> None:
        replace_graph(folder, tiny_graph())
        white = np.full((2, SIZE, SIZE), 255, np.uint8)
        assert load_bundle(folder).predict_logits(white)["ferplus"].shape == (2, 8)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"input_name": "x"}, r"expected the one input 'images', got \['x'\]"),
            ({"second_input": True}, r"expected the one input 'images', got \['images', 'more'\]"),
            ({"input_shape": ["n", 1, 64, 64]}, r"expected input shape \(n, 1, 48, 48\)"),
            ({"input_shape": ["n", 3, 48, 48]}, r"expected input shape \(n, 1, 48, 48\)"),
            ({"input_shape": [1, 1, 48, 48]}, r"with n free, got \(1, 1, 48, 48\)"),
            ({"batch": 1}, r"expected output fer2013_logits of shape \(n, 7\) with n free"),
            (
                {"outputs": {"fer2013_logits": 7}},
                r"expected the outputs \['fer2013_logits', 'ferplus_logits'\]",
            ),
            (
                {"outputs": {"fer2013_logits": 7, "ferplus_logits": 8, "more": 2}},
                r"got \['fer2013_logits', 'ferplus_logits', 'more'\]",
            ),
            (
                {"outputs": {"fer2013_logits": 8, "ferplus_logits": 7}},
                r"expected output fer2013_logits of shape \(n, 7\) with n free, got \('n', 8\)",
            ),
        ],
    )
    def test_a_graph_that_does_not_fit_the_config_is_refused(
        self, folder: Path, changes: dict[str, Any], told: str
    ) -> None:
        replace_graph(folder, tiny_graph(**changes))
        with pytest.raises(BundleError, match=told):
            load_bundle(folder)

    def test_a_provider_that_is_not_here_is_refused(self, folder: Path) -> None:
        with pytest.raises(BundleError, match="'TensorrtExecutionProvider' is not available"):
            load_bundle(folder, provider="TensorrtExecutionProvider")


class TestFinding:
    @pytest.fixture(autouse=True)
    def places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(find, "PACKAGED", tmp_path / "package")
        monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)

    def test_a_name_is_looked_up_in_the_package_then_with_the_user(self, tmp_path: Path) -> None:
        packaged = write_tiny_bundle(tmp_path / "package", name="small")
        mine = write_tiny_bundle(tmp_path / "home" / "bundles", name="mine")
        write_tiny_bundle(tmp_path / "home" / "bundles", name="small")
        assert find_bundle("small") == packaged
        assert find_bundle("mine") == mine
        assert [(b.name, b.where) for b in list_bundles()] == [
            ("small", "package"),
            ("mine", "user"),
        ]

    def test_a_path_is_taken_as_it_is(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path / "elsewhere")
        assert find_bundle(folder) == folder
        assert find_bundle(str(folder)) == folder
        assert find_bundle("elsewhere/tiny") == Path("elsewhere/tiny")
        assert load_bundle("elsewhere/tiny").name == "tiny"

    def test_a_folder_here_does_not_take_the_place_of_a_name(self, tmp_path: Path) -> None:
        packaged = write_tiny_bundle(tmp_path / "package", name="small")
        write_tiny_bundle(tmp_path, name="small")
        write_tiny_bundle(tmp_path, name="other")
        assert find_bundle("small") == packaged
        assert find_bundle("./small") == Path("small")
        assert find_bundle(Path("small")) == Path("small")
        assert find_bundle("other") == Path("other")

    def test_an_unknown_name_lists_those_there_are(self, tmp_path: Path) -> None:
        write_tiny_bundle(tmp_path / "package", name="small")
        with pytest.raises(BundleError, match="unknown bundle 'smal'; available: small") as caught:
            load_bundle("smal")
        assert str(tmp_path / "home" / "bundles") in str(caught.value)

    def test_with_no_bundles_at_all_the_error_says_so(self) -> None:
        assert list_bundles() == []
        with pytest.raises(BundleError, match="available: none"):
            find_bundle("small")

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("a/b", "there is no folder a/b; bundles known by name: none"),
            (Path("ab"), "there is no folder ab"),
            ("", "expected the name or folder of a bundle, got nothing"),
        ],
    )
    def test_a_place_where_nothing_is_is_named(self, given: str | Path, told: str) -> None:
        with pytest.raises(BundleError, match=told):
            find_bundle(given)

    def test_a_file_is_no_bundle(self, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").write_bytes(b"x")
        with pytest.raises(BundleError, match=r"got the file model\.onnx"):
            find_bundle("model.onnx")

    def test_a_moved_bundle_still_loads(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path / "first")
        shutil.move(folder, tmp_path / "second")
        assert load_bundle(tmp_path / "second").name == "tiny"
