"""config.json: written, read back, and refused with all that is wrong at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundles import write_tiny_bundle
from mien.bundle.config import DETECTORS, BundleConfig
from mien.core.errors import BundleError
from mien.faces.blazeface import BlazeFace
from mien.faces.cascade import Cascade
from mien.faces.full import FullPicture
from mien.faces.yunet import YuNet

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = write_tiny_bundle(tmp_path_factory.mktemp("bundle"))
    content: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return content


def test_a_config_survives_being_written_and_read(written: dict[str, Any]) -> None:
    config = BundleConfig.from_dict(written)
    assert json.loads(config.to_json()) == written
    assert BundleConfig.from_dict(json.loads(config.to_json())) == config


def test_the_file_has_the_fields_that_the_contract_names(written: dict[str, Any]) -> None:
    assert list(written) == [
        "format",
        "name",
        "version",
        "created",
        "architecture",
        "input",
        "heads",
        "default_label_set",
        "crop_frames",
        "files",
        "data",
        "licence",
        "figures",
        "training",
        "precision",
        "storage",
    ]
    assert written["format"] == 1


def put(*path: str | int, value: Any) -> Change:
    """Return a change that sets a field deep in a config."""

    def change(content: dict[str, Any]) -> None:
        part: Any = content
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value

    return change


def drop(*path: str | int) -> Change:
    """Return a change that removes a field deep in a config."""

    def change(content: dict[str, Any]) -> None:
        part: Any = content
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]

    return change


SHARES = [0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1]

BROKEN: dict[str, tuple[Change, str]] = {
    "name missing": (drop("name"), "name: missing; expected a string"),
    "name that is a path": (put("name", value="../x"), "name: expected letters, digits"),
    "version of another kind": (put("version", value=1), "version: expected a string, got 1"),
    "licence missing": (drop("licence"), "licence: missing"),
    "unknown field": (put("colour", value="gray"), "colour: unknown field"),
    "unknown field of a part": (put("input", "margin", value=0), "input.margin: unknown field"),
    "size of zero": (put("input", "size", value=0), "input.size: expected at least 1, got 0"),
    "size that is no integer": (put("input", "size", value=48.0), "input.size: expected a whole"),
    "std of zero": (put("input", "std", value=0), "input.std: expected a finite number above 0"),
    "colour pictures": (put("input", "channels", value=3), "input.channels: this version of mien"),
    "another interpolation": (
        put("input", "interpolation", value="cubic"),
        "input.interpolation: this version of mien runs only 'area-down-linear-up', got 'cubic'",
    ),
    "another colour": (put("input", "colour", value="rgb"), "input.colour: this version of mien"),
    "no parameters": (
        put("architecture", "parameters", value=0),
        "architecture.parameters: expected at least 1, got 0",
    ),
    "no heads": (put("heads", value=[]), "heads: expected at least 1, got 0"),
    "head that is no object": (put("heads", 0, value="x"), "heads[0]: expected an object"),
    "unknown label set": (
        put("heads", 0, "label_set", value="affectnet"),
        "heads[0].label_set: unknown 'affectnet'; known: fer2013, ferplus",
    ),
    "labels of another order": (
        lambda content: content["heads"][0]["labels"].reverse(),
        "heads[0].labels: expected fer2013's own order (anger, disgust, fear, happiness",
    ),
    "a label too few": (
        lambda content: content["heads"][0]["labels"].pop(),
        "heads[0].labels: expected fer2013's own order",
    ),
    "temperature of zero": (
        put("heads", 0, "temperature", value=0.0),
        "heads[0].temperature: expected a finite number above 0, got 0.0",
    ),
    "temperature below zero": (
        put("heads", 1, "temperature", value=-1),
        "heads[1].temperature: expected a finite number above 0, got -1",
    ),
    "priors too few": (
        put("heads", 0, "training_priors", value=[0.5, 0.5]),
        "heads[0].training_priors: expected 7 shares above 0 that sum to 1, got [0.5, 0.5]",
    ),
    "neither labels nor priors": (
        lambda content: content["heads"][0].update(labels=[], training_priors=[]),
        "heads[0].labels: expected fer2013's own order",
    ),
    "no priors": (put("heads", 0, "training_priors", value=[]), "heads[0].training_priors: exp"),
    "priors that sum to 2": (
        put("heads", 0, "training_priors", value=[2 * share for share in SHARES]),
        "heads[0].training_priors: expected 7 shares",
    ),
    "a prior of zero": (
        put("heads", 0, "training_priors", value=[0.0, 0.4, *SHARES[2:]]),
        "heads[0].training_priors: expected 7 shares above 0",
    ),
    "two heads of one label set": (
        lambda content: content["heads"].append(copy.deepcopy(content["heads"][0])),
        "heads: each needs its own label_set, got fer2013, ferplus, fer2013",
    ),
    "two heads of one output": (
        put("heads", 1, "output", value="fer2013_logits"),
        "heads: each needs its own output",
    ),
    "default of no head": (
        put("default_label_set", value="rafdb"),
        "default_label_set: expected one of the heads (fer2013, ferplus), got 'rafdb'",
    ),
    "unknown detector": (
        put("crop_frames", "mtcnn", value={"scale": 1, "shift_x": 0, "shift_y": 0, "align": True}),
        "crop_frames.mtcnn: unknown detector; known: blazeface, yunet, haar, full",
    ),
    "no frame of the full picture": (drop("crop_frames", "full"), "crop_frames.full: missing"),
    "frame of no size": (
        put("crop_frames", "yunet", "scale", value=0),
        "crop_frames.yunet.scale: expected a finite number above 0",
    ),
    "frame with a field missing": (
        drop("crop_frames", "yunet", "shift_y"),
        "crop_frames.yunet.shift_y: missing",
    ),
    "frame with a field too many": (
        put("crop_frames", "yunet", "margin", value=0.1),
        "crop_frames.yunet.margin: unknown field",
    ),
    "file missing": (drop("files", "model.onnx"), "files.model.onnx: missing"),
    "unknown storage": (put("storage", value="fp8"), "storage: expected fp32 or fp16, got 'fp8'"),
    "file from elsewhere": (
        put("files", "../../secret", value={"sha256": "0" * 64, "bytes": 1}),
        "files.../../secret: unknown field",
    ),
    "checksum too short": (
        put("files", "model.onnx", "sha256", value="abc"),
        "files.model.onnx.sha256: expected 64 hexadecimal digits, got 'abc'",
    ),
    "empty file": (put("files", "model.onnx", "bytes", value=0), "files.model.onnx.bytes: exp"),
    "figures of another kind": (put("figures", value=[1]), "figures: expected an object"),
    "figures of another form": (
        put("figures", value={"accuracy": 1}),
        "figures.evaluations: missing; expected a list of objects",
    ),
    "training of another kind": (put("training", value=None), "training: expected an object"),
}


@pytest.mark.parametrize(("change", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_config_is_refused_with_the_field_named(
    written: dict[str, Any], change: Change, told: str
) -> None:
    content = copy.deepcopy(written)
    change(content)
    with pytest.raises(BundleError) as caught:
        BundleConfig.from_dict(content)
    assert f"\n  {told}" in str(caught.value)


@pytest.mark.parametrize("key", ["architecture", "input", "heads", "crop_frames", "files"])
def test_a_part_that_is_missing_is_one_problem(written: dict[str, Any], key: str) -> None:
    content = copy.deepcopy(written)
    del content[key]
    with pytest.raises(BundleError) as caught:
        BundleConfig.from_dict(content)
    assert str(caught.value).startswith("1 problem")
    assert f"{key}: missing; expected" in str(caught.value)


def test_everything_wrong_is_told_at_once(written: dict[str, Any]) -> None:
    content = copy.deepcopy(written)
    for change in (
        drop("name"),
        put("input", "size", value="48"),
        put("heads", 1, "temperature", value=0),
        put("mystery", value=1),
    ):
        change(content)
    with pytest.raises(BundleError, match=r"^4 problems in config\.json") as caught:
        BundleConfig.from_dict(content)
    for told in ("name: missing", "input.size:", "heads[1].temperature:", "mystery: unknown"):
        assert told in str(caught.value)


@pytest.mark.parametrize("found", [0, 2, "1", None])
def test_another_format_is_refused_before_its_fields_are_read(
    written: dict[str, Any], found: Any
) -> None:
    with pytest.raises(BundleError, match=r"expected bundle format 1, got .*use the version"):
        BundleConfig.from_dict({**written, "format": found, "nonsense": 1})


@pytest.mark.parametrize("found", [[], "text", 3, None])
def test_a_file_that_holds_no_object_is_refused(found: Any) -> None:
    with pytest.raises(BundleError, match="the file: expected an object"):
        BundleConfig.from_dict(found)


def test_a_head_that_the_bundle_lacks_is_named_with_those_it_has(written: dict[str, Any]) -> None:
    config = BundleConfig.from_dict(written)
    assert config.head("ferplus").labels[0] == "neutral"
    with pytest.raises(BundleError, match="no label set 'rafdb'; it has: fer2013, ferplus"):
        config.head("rafdb")


def test_a_file_that_is_no_json_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{")
    with pytest.raises(BundleError, match=r"config\.json is not JSON: .*export the bundle again"):
        BundleConfig.read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BundleError, match="is not JSON"):
        BundleConfig.read(path)


def test_what_json_cannot_hold_is_not_written(written: dict[str, Any]) -> None:
    config = BundleConfig.from_dict({**written, "data": {"share": float("nan")}})
    with pytest.raises(BundleError, match="the config of bundle tiny is not JSON"):
        config.to_json()


def test_every_detector_can_have_its_crop_frame() -> None:
    keys = {detector.frame_key for detector in (BlazeFace, YuNet, Cascade, FullPicture)}
    assert keys == set(DETECTORS)
