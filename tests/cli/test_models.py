"""`mien models`: what is here, whether it is whole, and fetching detector weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bundles import write_tiny_bundle
from mien.bundle import find
from mien.cli.main import app
from mien.core import weights
from mien.core.errors import BundleError, ConfigError, FetchError
from mien.core.paths import bundles_folder, detectors_folder
from publisher import CONTENT, published_at, publishing

runner = CliRunner()


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "PACKAGED", tmp_path / "package")
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(tmp_path)


class TestList:
    def test_it_shows_packaged_and_own_bundles(self, tmp_path: Path) -> None:
        write_tiny_bundle(tmp_path / "package", name="small")
        write_tiny_bundle(bundles_folder(), name="mine")
        result = runner.invoke(app, ["models"])
        assert result.exit_code == 0, result.output
        lines = result.output.splitlines()
        small = next(line for line in lines if "small" in line)
        assert "fp32" in small
        assert "34,560" in small and "fer2013, ferplus" in small and "package" in small
        assert "user" in next(line for line in lines if "mine" in line)
        assert "Detector weights yunet: mien models fetch yunet" in result.output

    def test_json_has_the_same(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path / "package", name="small")
        result = runner.invoke(app, ["models", "--json"])
        content = json.loads(result.output)
        (bundle,) = content["bundles"]
        assert bundle["name"] == "small"
        assert bundle["path"] == str(folder)
        assert bundle["parameters"] == 34_560
        assert bundle["precision"] == "fp32"
        assert bundle["label_sets"] == ["fer2013", "ferplus"]
        assert bundle["error"] is None
        sizes = [path.stat().st_size for path in folder.iterdir() if path.name != "config.json"]
        assert bundle["bytes"] == sum(sizes)
        assert content["detectors"][0]["installed"] is False

    def test_a_damaged_bundle_is_listed_with_what_is_wrong(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path / "package", name="small")
        (folder / "model.onnx").write_bytes(b"")
        result = runner.invoke(app, ["models", "--json"])
        assert result.exit_code == 0
        assert "model.onnx: expected" in json.loads(result.output)["bundles"][0]["error"]
        assert "cannot be used" in runner.invoke(app, ["models"]).output

    def test_with_none_it_says_so(self) -> None:
        assert "No bundles." in runner.invoke(app, ["models"]).output


class TestShow:
    def test_the_card_as_it_is(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path)
        result = runner.invoke(app, ["models", "show", str(folder), "--plain"])
        assert result.output == (folder / "MODEL_CARD.md").read_text()

    def test_the_card_for_reading(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path)
        result = runner.invoke(app, ["models", "show", str(folder)])
        assert "Out of scope" in result.output and "## " not in result.output

    def test_the_config(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path)
        result = runner.invoke(app, ["models", "show", str(folder), "--json"])
        assert json.loads(result.output) == json.loads((folder / "config.json").read_text())

    def test_an_unknown_name_fails(self) -> None:
        result = runner.invoke(app, ["models", "show", "nothing"])
        assert isinstance(result.exception, BundleError)
        assert "unknown bundle 'nothing'" in str(result.exception)


class TestVerify:
    def test_a_whole_bundle_passes(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path)
        result = runner.invoke(app, ["models", "verify", str(folder)])
        assert result.exit_code == 0
        assert "is whole" in result.output
        entries = json.loads((folder / "config.json").read_text())["files"]
        assert all(entry["sha256"] in result.output for entry in entries.values())

    def test_a_changed_file_fails(self, tmp_path: Path) -> None:
        folder = write_tiny_bundle(tmp_path)
        (folder / "MODEL_CARD.md").write_text("all is well")
        result = runner.invoke(app, ["models", "verify", str(folder)])
        assert result.exit_code == 1
        assert isinstance(result.exception, BundleError)


class TestFetch:
    def test_a_download_is_installed_and_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with publishing() as url:
            monkeypatch.setattr(weights, "FETCHABLE", {"thing": published_at(f"{url}/good")})
            result = runner.invoke(app, ["models", "fetch", "thing"])
        assert result.exit_code == 0, result.output
        assert (detectors_folder() / "thing.onnx").read_bytes() == CONTENT
        listed = json.loads(runner.invoke(app, ["models", "--json"]).output)["detectors"]
        assert listed[0]["installed"] is True
        again = runner.invoke(app, ["models", "fetch", "thing"])
        assert "is installed already" in again.output

    def test_a_wrong_download_fails_and_leaves_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with publishing() as url:
            monkeypatch.setattr(weights, "FETCHABLE", {"thing": published_at(f"{url}/other")})
            result = runner.invoke(app, ["models", "fetch", "thing"])
        assert isinstance(result.exception, FetchError)
        assert list(detectors_folder().iterdir()) == []

    def test_a_file_from_here_is_installed(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(weights, "FETCHABLE", {"thing": published_at("http://nowhere")})
        (tmp_path / "got.onnx").write_bytes(CONTENT)
        result = runner.invoke(app, ["models", "fetch", "thing", "--from", "got.onnx"])
        assert result.exit_code == 0, result.output
        assert (detectors_folder() / "thing.onnx").read_bytes() == CONTENT

    def test_an_unknown_name_is_wrong_use(self) -> None:
        result = runner.invoke(app, ["models", "fetch", "retinaface"])
        assert isinstance(result.exception, ConfigError)
        assert "known: yunet" in str(result.exception)
