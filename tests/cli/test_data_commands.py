"""`mien data describe | preview | check | convert` from the command line to the files."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from fer2013_files import usages_of, write_small_fer2013, write_votes
from mien.cli import data as data_command
from mien.cli.main import app, run
from mien.core.errors import DatasetError
from mien.data import FERPLUS_RULES, open_dataset

COMMANDS = ("describe", "preview", "check", "convert")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fer2013(tmp_path: Path) -> Path:
    """21 faces with votes; row 21 is bad, and row 22 is row 3 once more with another label."""
    folder = tmp_path / "data"
    path = write_small_fer2013(folder)
    lines = path.read_text().splitlines()
    again = "5" + lines[4][1:].replace("Training", "PrivateTest")
    path.write_text("\n".join([*lines, "0,1 2 3,Training", again]) + "\n")
    votes = np.random.default_rng(1).integers(0, 11, (23, 10)).tolist()
    write_votes(folder / "fer2013new.csv", votes, usages_of(path))
    return folder


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def output_of(*arguments: object) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_describe_shows_counts_by_class_split_and_rule(fer2013: Path) -> None:
    text = output_of("describe", fer2013)
    assert "fer2013  22 faces of 48 x 48 px" in text
    labelled = [line.split() for line in text.splitlines() if line.startswith("labelled")]
    assert labelled[0] == ["labelled", "10", "6", "6", "22"]
    first_table = text.split("FER+")[0].splitlines()
    anger = next(line for line in first_table if line.startswith("anger"))
    assert anger.split()[1:5] == ["2", "1", "0", "3"]
    assert "█" in anger
    for rule in FERPLUS_RULES:
        assert f"\n{rule} " in text
    assert "1 rows or files skipped" in text


def test_describe_as_json_is_json_alone_and_adds_up(fer2013: Path) -> None:
    summary = json.loads(output_of("describe", fer2013, "--json"))
    assert summary["splits"] == {"train": 10, "validation": 6, "test": 6}
    assert summary["classes"]["anger"] == {"train": 2, "validation": 1, "test": 0}
    assert set(summary["ferplus"]) == set(FERPLUS_RULES)
    assert summary["skipped"] == 1


def test_describe_as_csv_has_a_row_for_each_class_and_split(fer2013: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(output_of("describe", fer2013, "--csv"))))
    labels = [row for row in rows if row["labels"] == "fer2013"]
    assert len(labels) == 7 * 3
    assert sum(int(row["faces"]) for row in labels) == 22


def test_describe_writes_the_chart(fer2013: Path, tmp_path: Path) -> None:
    result = invoke("describe", fer2013, "--out", "chart.png", "--json")
    assert json.loads(result.stdout)["faces"] == 22
    assert "chart written to chart.png" in result.stderr
    with Image.open(tmp_path / "chart.png") as chart:
        assert chart.width > 1000


@pytest.mark.parametrize("command", ["describe", "check"])
@pytest.mark.parametrize("columns", ["30", "60", "250"])
def test_tables_keep_their_numbers_whole_in_any_terminal(
    fer2013: Path, monkeypatch: pytest.MonkeyPatch, command: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = output_of(command, fer2013).splitlines()
    assert all(len(line) <= int(columns) for line in lines)
    number = "22" if command == "describe" else "2"
    assert any(number in line.split() for line in lines)


def test_preview_prints_the_path_of_a_sheet_as_wide_as_the_terminal(
    fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = []
    for columns in ("80", "160"):
        monkeypatch.setenv("COLUMNS", columns)
        assert output_of("preview", fer2013).strip() == "preview.png"
        with Image.open(tmp_path / "preview.png") as sheet:
            widths.append(sheet.width)
    assert widths[0] < widths[1]


def test_preview_takes_split_rule_and_columns(fer2013: Path, tmp_path: Path) -> None:
    options = ("--split", "Training", "--rule", "argmax8", "--columns", 3, "--out", "a.png")
    assert output_of("preview", fer2013, *options) == "a.png\n"
    with Image.open(tmp_path / "a.png") as sheet:
        # Margins, names, three faces; margins, head, eight rows of FER+.
        assert sheet.size == (2 * 28 + 142 + 3 * 102 - 6, 2 * 28 + 64 + 8 * 102 - 6)


def test_rules_on_the_command_line_are_those_of_the_reader() -> None:
    assert tuple(rule.value for rule in data_command.Rule) == FERPLUS_RULES


def test_check_names_rows(fer2013: Path) -> None:
    text = output_of("check", fer2013)
    assert "skipped: pixel_count" in text
    assert "row 21: expected 2304 pixels, got 3" in text
    assert "3 = 22" in text
    assert any(
        line.split()[-1] == "1" for line in text.splitlines() if line.startswith("test faces also")
    )


def test_check_names_the_twins_of_faces_that_are_nearly_train_faces(tmp_path: Path) -> None:
    path = write_small_fer2013(tmp_path / "data")
    lines = path.read_text().splitlines()
    label, pixels, _ = lines[4].split(",")
    darker = " ".join(str(int(value) // 2) for value in pixels.split())
    path.write_text("\n".join([*lines, f"{label},{darker},PrivateTest"]) + "\n")
    lines = [line.split() for line in output_of("check", path).splitlines()]
    assert ["or", "nearly", "so", "1", "21", "~", "3"] in lines


def test_check_as_json_and_csv_lists_every_finding(fer2013: Path) -> None:
    report = json.loads(output_of("check", fer2013, "--json"))
    assert report["also_in_training"] == {"validation": 0, "test": 1}
    assert report["disagreeing_groups"] == 1
    rows = list(csv.DictReader(io.StringIO(output_of("check", fer2013, "--csv"))))
    assert [(row["kind"], row["source"]) for row in rows] == [
        ("pixel_count", "21"),
        ("duplicate", "3"),
        ("duplicate", "22"),
    ]
    assert len(report["findings"]) == 3


def test_convert_goes_to_folders_and_back(fer2013: Path, tmp_path: Path) -> None:
    result = invoke("convert", fer2013, "faces")
    assert result.exit_code == 0
    assert "22 faces written to faces, 1 skipped" in result.stderr
    assert invoke("convert", "faces", "back/fer2013.csv.gz", "--strict").exit_code == 0
    first, back = open_dataset(fer2013), open_dataset(tmp_path / "back")
    for name in ("images_gray", "splits", "class_ids", "votes"):
        np.testing.assert_array_equal(getattr(first, name), getattr(back, name))


@pytest.mark.parametrize("command", COMMANDS)
def test_strict_stops_at_the_first_bad_row(fer2013: Path, command: str) -> None:
    out = ["out"] if command == "convert" else []
    result = invoke(command, fer2013, *out, "--strict")
    assert isinstance(result.exception, DatasetError)
    assert "row 21: expected 2304 pixels, got 3" in str(result.exception)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_dataset_is_an_error_in_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["out"] if command == "convert" else []
    monkeypatch.setattr(sys, "argv", ["mien", "data", command, "nowhere", *out])
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    assert printed.err == "error: there is no file or folder nowhere\n"
    assert printed.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("describe", "--json", "--csv"),
        ("check", "--json", "--csv"),
        ("describe", "--size", "0"),
        ("preview", "--rule", "best"),
        ("preview", "--columns", "0"),
        ("convert",),
        ("convert", "faces.parquet"),
        ("convert", "faces.csv.bz2"),
    ],
)
def test_wrong_use_is_exit_code_2(fer2013: Path, arguments: tuple[str, ...]) -> None:
    command, *options = arguments
    assert invoke(command, fer2013, *options).exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help_text(command: str) -> None:
    text = output_of(command, "--help")
    assert "DATA" in text and "--votes" in text and "--strict" in text


def test_notes_go_to_stderr(fer2013: Path) -> None:
    result = invoke("describe", fer2013, "--json")
    assert "1 of 23 rows skipped" in json.loads(result.stdout)["notes"][0]
