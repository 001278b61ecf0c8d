"""Writing a bundle: whole or not at all, never over what is something else."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bundles import write_tiny_bundle
from mien.bundle.bundle import Bundle
from mien.bundle.config import BundleConfig
from mien.bundle.load import load_bundle
from mien.bundle.picture import encode_picture
from mien.bundle.write import write_bundle
from mien.core.errors import BundleError


@pytest.fixture
def parts(tmp_path: Path) -> tuple[BundleConfig, bytes]:
    """A config and a graph that fit each other."""
    folder = write_tiny_bundle(tmp_path / "parts")
    return load_bundle(folder).config, (folder / "model.onnx").read_bytes()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_whole_and_nothing_else_is_left(
    tmp_path: Path, parts: tuple[BundleConfig, bytes]
) -> None:
    config, graph = parts
    out = write_bundle(tmp_path / "deep" / "out", config, graph=graph, weights=b"weights")
    assert names_in(tmp_path / "deep") == ["out"]
    assert names_in(out) == ["MODEL_CARD.md", "config.json", "model.onnx", "model.safetensors"]
    for name, entry in load_bundle(out).config.files.items():
        data = (out / name).read_bytes()
        assert entry.bytes == len(data)
        assert entry.sha256 == hashlib.sha256(data).hexdigest()


def test_a_graph_that_does_not_load_leaves_nothing(
    tmp_path: Path, parts: tuple[BundleConfig, bytes]
) -> None:
    config, _ = parts
    with pytest.raises(BundleError, match="cannot be loaded"):
        write_bundle(tmp_path / "out", config, graph=b"no graph", weights=b"weights")
    assert names_in(tmp_path) == ["parts"]


def test_a_config_that_cannot_be_read_back_leaves_nothing(
    tmp_path: Path, parts: tuple[BundleConfig, bytes]
) -> None:
    config, graph = parts
    with pytest.raises(BundleError, match=r"^1 problem in config\.json:\n  default_label_set"):
        write_bundle(
            tmp_path / "out",
            replace(config, default_label_set="rafdb"),
            graph=graph,
            weights=b"weights",
        )
    assert names_in(tmp_path) == ["parts"]


def test_a_check_that_fails_leaves_the_old_bundle(
    tmp_path: Path, parts: tuple[BundleConfig, bytes]
) -> None:
    config, graph = parts
    out = write_bundle(tmp_path / "out", config, graph=graph, weights=b"old")

    def refuse(bundle: Bundle) -> None:
        raise BundleError(f"{bundle.name} does not agree")

    with pytest.raises(BundleError, match="tiny does not agree"):
        write_bundle(out, config, graph=graph, weights=b"new", check=refuse, overwrite=True)
    assert (out / "model.safetensors").read_bytes() == b"old"
    assert names_in(tmp_path) == ["out", "parts"]


def test_a_bundle_is_replaced_only_if_that_was_said(
    tmp_path: Path, parts: tuple[BundleConfig, bytes]
) -> None:
    config, graph = parts
    out = write_bundle(tmp_path / "out", config, graph=graph, weights=b"old")
    with pytest.raises(BundleError, match="is a bundle already; choose another folder"):
        write_bundle(out, config, graph=graph, weights=b"new")
    assert (out / "model.safetensors").read_bytes() == b"old"
    write_bundle(out, config, graph=graph, weights=b"new", overwrite=True)
    assert (out / "model.safetensors").read_bytes() == b"new"
    assert load_bundle(out).name == "tiny"
    assert names_in(tmp_path) == ["out", "parts"]


def test_weights_and_picture_are_there_only_if_they_were_given(
    tmp_path: Path, parts: tuple[BundleConfig, bytes]
) -> None:
    config, graph = parts
    plain = write_bundle(tmp_path / "plain", config, graph=graph)
    assert names_in(plain) == ["MODEL_CARD.md", "config.json", "model.onnx"]
    assert "failures.png" not in (plain / "MODEL_CARD.md").read_text()
    png = encode_picture(Image.new("L", (8, 8)), hashlib.sha256(graph).hexdigest())
    shown = write_bundle(tmp_path / "shown", config, graph=graph, picture=png)
    assert (shown / "failures.png").read_bytes() == png
    assert "](failures.png)" in (shown / "MODEL_CARD.md").read_text()
    (shown / "failures.png").write_bytes(png[:-1] + b"x")
    with pytest.raises(BundleError, match=r"failures\.png: expected sha256"):
        load_bundle(shown)


def test_a_picture_of_another_graphs_answers_is_refused(
    tmp_path: Path, parts: tuple[BundleConfig, bytes]
) -> None:
    config, graph = parts
    plain = io.BytesIO()
    Image.new("L", (8, 8)).save(plain, "PNG")
    for png, told in (
        (encode_picture(Image.new("L", (8, 8)), "0" * 64), f"got one of {'0' * 64}"),
        (plain.getvalue(), "got one of no graph"),
        (b"no picture", "is no PNG"),
    ):
        with pytest.raises(BundleError, match=told):
            write_bundle(tmp_path / "out", config, graph=graph, picture=png)
    assert names_in(tmp_path) == ["parts"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_bundle_is_never_replaced(
    tmp_path: Path, parts: tuple[BundleConfig, bytes], overwrite: bool
) -> None:
    config, graph = parts
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"x")
    for name in ("photos", "file"):
        with pytest.raises(BundleError, match=f"{name} exists and is no bundle"):
            write_bundle(tmp_path / name, config, graph=graph, weights=b"w", overwrite=overwrite)
    assert (tmp_path / "photos" / "me.jpg").read_bytes() == b"x"


def test_an_empty_folder_is_taken(tmp_path: Path, parts: tuple[BundleConfig, bytes]) -> None:
    config, graph = parts
    (tmp_path / "out").mkdir()
    assert load_bundle(write_bundle(tmp_path / "out", config, graph=graph, weights=b"w"))


def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, parts: tuple[BundleConfig, bytes]
) -> None:
    config, graph = parts
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"cannot write the bundle .*file/out: "):
        write_bundle(tmp_path / "file" / "out", config, graph=graph, weights=b"w")
