"""`mien sessions`: list, show, export, edit, delete and purge what was recorded."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from mien.cli.main import app
from mien.core.errors import ConfigError, SessionNotFoundError, TableWriteError
from mien.core.types import Observation
from mien.reports.session_export import export_session
from mien.store import open_store
from mien.store.records import now_utc
from recordings import make_frame, make_frames

runner = CliRunner()


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MIEN_DATABASE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def talk() -> int:
    """A session of two people, with a marker, consent and time to be kept."""
    with open_store() as store:
        with store.record(
            title="A talk",
            source="camera",
            consent="I agree.",
            note="second try",
            bundle="mien-s",
            keep_days=30,
        ) as recording:
            for frame in make_frames(50):
                recording.add(frame)
            recording.mark("slide 2", 1.25)
            recording.add(make_frame(50))
        store.people.name(recording.session_id, 2, "Ann")
    return recording.session_id


def mien(*arguments: str | int | Path) -> str:
    done = runner.invoke(app, ["sessions", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


class TestList:
    def test_nothing_is_no_error_and_says_where_it_looked(self, tmp_path: Path) -> None:
        assert f"No sessions in {tmp_path}/home/sessions.db." in mien("list")
        assert json.loads(mien("list", "--json")) == {"total": 0, "sessions": []}

    def test_it_shows_what_there_is(self, talk: int) -> None:
        line = next(line for line in mien("list").splitlines() if "A talk" in line)
        assert "5.0 s" in line and "100" in line and line.split()[0] == str(talk)

    def test_words_order_and_pages(self) -> None:
        with open_store() as store:
            for title in ("beta", "Alpha", "gamma"):
                store.record(title=title).close()
        told = json.loads(mien("list", "--sort", "title", "--limit", "2", "--json"))
        assert [one["title"] for one in told["sessions"]] == ["Alpha", "beta"]
        assert told["total"] == 3
        assert "2 of 3; --limit and --offset" in mien("list", "--limit", "2")
        assert "beta" not in mien("list", "alpha")

    def test_a_title_is_no_markup(self) -> None:
        with open_store() as store:
            store.record(title="[red]x[/red]").close()
        assert "[red]x[/red]" in mien("list")

    def test_the_environment_names_another_database(
        self, talk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MIEN_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
        assert "other.db" in mien("list")
        assert "A talk" in mien("list", "--database", tmp_path / "home" / "sessions.db")


class TestShow:
    def test_everything_is_told(self, talk: int) -> None:
        text = mien("show", talk)
        for words in (
            "A talk",
            "second try",
            "I agree.",
            "mien-s, ferplus, yunet",
            "51 frames, 100 faces",
            "(ended)",
            "everybody: in view",
            "(Ann)",
            "0:01.2  slide 2",
        ):
            assert words in text

    def test_json_has_the_figures(self, talk: int) -> None:
        told = json.loads(mien("show", talk, "--json"))
        assert told["session"]["consent_text"] == "I agree."
        assert [person["name"] for person in told["people"]] == [None, "Ann"]
        assert [marker["word"] for marker in told["markers"]] == ["slide 2"]
        assert told["summary"]["frames"] == 51 and told["media"] == []

    def test_an_unknown_number_is_an_error(self) -> None:
        with pytest.raises(SessionNotFoundError, match="no session 7; `mien sessions list`"):
            mien("show", 7)


class TestExport:
    def test_all_formats_have_the_rows_of_every_table(self, talk: int, tmp_path: Path) -> None:
        mien("export", talk, "t.csv", "t.parquet", "t.json", "t.jsonl")
        with open_store() as store:
            frames = list(store.frames(talk))
        expected = [o.to_dict() for frame in frames for o in frame.observations()]
        with Path("t.csv").open(encoding="utf-8", newline="") as stream:
            written = list(csv.DictReader(stream))
        # The last frame has no face, and a row all the same.
        assert len(written) == 101 and written[-1]["face_index"] == ""
        assert list(written[0]) == [*Observation.columns(frames[0][0].expression), "error"]
        assert written[0]["p_anger"] == str(expected[0]["p_anger"])
        table = pd.read_parquet("t.parquet")
        assert table["timestamp_s"].tolist()[:100] == [row["timestamp_s"] for row in expected]
        document = json.loads(Path("t.json").read_text(encoding="utf-8"))
        assert [{**row, "error": None} for row in expected] == document["rows"][:100]
        assert document["session"]["title"] == "A talk"
        assert document["people"][1]["name"] == "Ann"
        assert document["markers"][0]["timestamp_s"] == 1.25
        lines = Path("t.jsonl").read_text(encoding="utf-8").splitlines()
        assert json.loads(lines[5])["p_anger"] == expected[5]["p_anger"]

    def test_reports_are_files_to_read(self, talk: int) -> None:
        said = mien("export", talk, "t.html", "t.PDF")
        assert "t.html: 100 faces" in said and "t.PDF: 100 faces" in said
        assert "<h1>A talk</h1>" in Path("t.html").read_text(encoding="utf-8")
        assert Path("t.PDF").read_bytes().startswith(b"%PDF")
        with pytest.raises(ConfigError, match="as they were merged and hidden"):
            mien("export", talk, "other.html", "--as-recorded")

    def test_files_that_are_there_stay_unless_told(self, talk: int) -> None:
        for name in ("t.json", "t.csv"):
            Path(name).write_text("mine")
            with pytest.raises(TableWriteError, match="is there already"):
                mien("export", talk, name)
            assert Path(name).read_text() == "mine"
            mien("export", talk, name, "--overwrite")
            assert "p_anger" in Path(name).read_text()

    def test_hidden_people_are_left_out_but_as_recorded(self, talk: int) -> None:
        with open_store() as store:
            store.people.hide(talk, 2)
            assert export_session(store, talk, Path("shown.csv")) == 50
            assert export_session(store, talk, Path("all.csv"), as_recorded=True) == 100

    def test_a_session_without_a_face_has_a_table(self) -> None:
        with open_store() as store:
            recording = store.record(title="nobody")
            recording.close()
            assert export_session(store, recording.session_id, Path("t.parquet")) == 0
            assert export_session(store, recording.session_id, Path("t.json")) == 0
        assert len(pd.read_parquet("t.parquet")) == 0
        assert json.loads(Path("t.json").read_text())["rows"] == []

    def test_a_name_that_says_no_format_is_wrong_use(self, talk: int) -> None:
        with pytest.raises(ConfigError, match="cannot tell what kind of table"):
            mien("export", talk, "talk.xlsx")

    def test_a_folder_that_is_not_there_is_an_error(self, talk: int) -> None:
        with pytest.raises(TableWriteError, match=r"cannot write nowhere/t\.json"):
            mien("export", talk, "nowhere/t.json")


class TestEdit:
    def test_title_note_and_time_to_be_kept(self, talk: int) -> None:
        assert "B" in mien("edit", talk, "--title", "B", "--note", "n", "--keep-days", 3)
        with open_store() as store:
            session = store.session(talk)
            assert (session.title, session.note) == ("B", "n")
            assert session.keep_until == session.started_at + timedelta(days=3)
        assert "until deleted" in mien("edit", talk, "--keep")
        with pytest.raises(ConfigError, match="not both"):
            mien("edit", talk, "--keep", "--keep-days", 3)


class TestDelete:
    def test_it_asks_first(self, talk: int) -> None:
        done = runner.invoke(app, ["sessions", "delete", str(talk)], input="n\n")
        assert done.exit_code == 1 and "Delete for good?" in done.output
        assert "A talk" in mien("list")
        done = runner.invoke(app, ["sessions", "delete", str(talk)], input="y\n")
        assert done.exit_code == 0 and f"deleted {talk} (A talk)" in done.output
        assert "No sessions" in mien("list")

    def test_yes_asks_nothing_and_an_unknown_number_deletes_nothing(self, talk: int) -> None:
        with pytest.raises(SessionNotFoundError):
            mien("delete", talk, 99, "--yes")
        assert "A talk" in mien("list")
        mien("delete", talk, talk, "--yes")
        assert "No sessions" in mien("list")


class TestPurge:
    def test_only_what_is_due_goes(self, talk: int, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "0 sessions deleted" in mien("purge")
        later = now_utc() + timedelta(days=31)
        monkeypatch.setattr("mien.store.sessions.now_utc", lambda: later)
        assert "1 session would be deleted" in mien("purge", "--dry-run")
        assert "A talk" in mien("list")
        text = mien("purge")
        assert "A talk" in text and "1 session deleted" in text
        assert "No sessions" in mien("list")
