"""`mien predict --prior` and `--uncertain-below`, by the command itself."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from mien.cli.main import app
from tests.bundles import write_tiny_bundle

SHARES = (0.33, 0.27, 0.12, 0.14, 0.09, 0.01, 0.03, 0.01)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(
        tmp_path_factory.mktemp("bundles"),
        training_priors={"ferplus": SHARES},
        prior_strength=0.25,
    )


def predict(bundle: Path, *arguments: object) -> Result:
    words = ["predict", *map(str, arguments), "--bundle", str(bundle), "--detector", "full"]
    return CliRunner().invoke(app, words)


def test_the_prior_is_said_and_in_the_json(bundle: Path, astronaut_path: Path) -> None:
    own = predict(bundle, astronaut_path, "--json")
    assert "ferplus, prior balanced 0.25; detector full" in own.stderr
    natural = predict(bundle, astronaut_path, "--json", "--prior", "natural")
    assert "prior" not in natural.stderr
    frames = [json.loads(done.stdout)[0] for done in (own, natural)]
    assert [frame["prior"] for frame in frames] == ["balanced", "natural"]
    assert frames[0]["faces"] != frames[1]["faces"]


def test_doubtful_answers_are_marked_in_every_table(
    bundle: Path, astronaut_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "faces.csv", tmp_path / "faces.parquet"
    asked = ("--prior", "balanced", "--prior-strength", "0.1", "--uncertain-below", "1")
    done = predict(bundle, astronaut_path, *asked, "--csv", out[0], "--parquet", out[1])
    assert done.exit_code == 0, done.output
    assert "(uncertain)" in " ".join(done.stdout.split())
    (row,) = csv.DictReader(io.StringIO(out[0].read_text()))
    assert row["uncertain"] == "True"
    table = pq.read_table(out[1])
    assert table.schema.field("uncertain").type == pa.bool_()
    assert table["uncertain"].to_pylist() == [True]
    assert "(uncertain)" not in predict(bundle, astronaut_path).stdout


def test_a_prior_that_cannot_be_used_is_told(bundle: Path, astronaut_path: Path) -> None:
    done = predict(bundle, astronaut_path, "--prior", "equal")
    assert done.exit_code == 1
    assert "natural, balanced, or a share for each of neutral" in str(done.exception)
