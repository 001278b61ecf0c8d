"""`mien webcam` and `mien video` with --session: asked first, kept whole, and told of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result
from typer.testing import CliRunner

from mien.cli.keeping import CONSENT
from mien.cli.main import app
from mien.core.errors import ConfigError, StoreFullError
from mien.store import Store, open_store
from mien.store.writing import Writer
from tests.bundles import write_tiny_bundle
from tests.cli.test_webcam import ScriptedWindow
from tests.films import Film, make

Run = Callable[..., Result]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make(tmp_path / "film.mp4", Film(size=(320, 240), times_ms=range(0, 6000, 100)))


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "store" / "sessions.db"
    monkeypatch.setenv("MIEN_DATABASE_URL", f"sqlite:///{file}")
    monkeypatch.setenv("COLUMNS", "200")
    return file


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with open_store(database) as opened:
        yield opened


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    bundle = str(write_tiny_bundle(tmp_path))

    def run(
        command: str,
        *arguments: object,
        window: ScriptedWindow | None = None,
        answers: str | None = None,
    ) -> Result:
        monkeypatch.setattr("mien.cli.webcam.command.window_problem", lambda: None)
        monkeypatch.setattr("mien.cli.webcam.command.make_window", lambda _: window)
        words = [command, "--bundle", bundle, "--detector", "full", *map(str, arguments)]
        return CliRunner().invoke(app, words, input=answers)

    return run


class TestWebcam:
    def test_a_session_is_kept_after_consent_with_markers_and_a_sign(
        self, run: Run, film: Path, store: Store
    ) -> None:
        plain = ScriptedWindow({3: "q"})
        assert run("webcam", "--source", film, window=plain).exit_code == 0
        assert store.count() == 0

        window = ScriptedWindow({2: "m", 4: "m", 6: "q"})
        done = run(
            *("webcam", "--source", film, "--session", "Rehearsal", "--keep-days", 3),
            window=window,
            answers="y\n",
        )
        assert done.exit_code == 0, done.output
        (session,) = store.sessions()
        assert (session.title, session.state, session.frames) == ("Rehearsal", "ended", 6)
        assert (session.consent_text, session.bundle) == (CONSENT, "tiny")
        assert session.settings["origin"] == "webcam" and session.keep_until is not None
        times = [frame.timestamp_s for frame in store.frames(session.id)]
        marks = [(marker.word, marker.timestamp_s) for marker in store.markers.of(session.id)]
        assert marks == [("mark 1", times[1]), ("mark 2", times[3])]
        assert re.search(rf"session {session.id}, Rehearsal: 6 frames, \d+ faces", done.output)
        assert f"mien sessions show {session.id}" in done.output
        assert store.media.of(session.id) == []
        # The red dot of a recording, and nothing like it without.
        for shown, is_red in ((window.shown[0], True), (plain.shown[0], False)):
            note = shown[:40, :40].astype(int)
            dot = (note[..., 0] > 200) & (note[..., 1] < 110) & (note[..., 2] < 110)
            assert dot.any() == is_red

    def test_nothing_is_kept_of_who_does_not_agree(
        self, run: Run, film: Path, database: Path
    ) -> None:
        for answers in ("n\n", ""):
            window = ScriptedWindow({})
            done = run("webcam", "--source", film, "--session", "x", window=window, answers=answers)
            assert done.exit_code != 0
            assert not window.shown, "no camera was opened"
        assert not database.exists()

    def test_a_consent_that_is_given_is_not_asked_for(
        self, run: Run, film: Path, store: Store
    ) -> None:
        options = ("--no-window", "--seconds", "0.6", "--consent", "All signed the form.")
        done = run("webcam", "--source", film, "--session", "x", *options)
        assert done.exit_code == 0, done.output
        (session,) = store.sessions()
        assert session.consent_text == "All signed the form."
        assert 1 <= session.frames <= 6 and session.observations == session.frames

    def test_the_key_says_so_where_there_is_no_session_to_mark(self, run: Run, film: Path) -> None:
        window = ScriptedWindow({2: "m", 5: "q"})
        assert run("webcam", "--source", film, window=window).exit_code == 0
        before, after = window.shown[1], window.shown[3]
        assert (before[30:60, 10:150] != after[30:60, 10:150]).any()

    def test_a_full_disk_ends_it_with_an_error_and_keeps_what_was_written(
        self, run: Run, film: Path, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = Writer.write

        def full(self: Writer, items: object, *, is_end: bool) -> None:
            if self._number:
                raise StoreFullError("the disk is full")
            written(self, items, is_end=is_end)  # type: ignore[arg-type]

        monkeypatch.setattr(Writer, "write", full)
        done = run(
            *("webcam", "--source", film, "--no-window", "--session", "x", "--consent", "yes")
        )
        assert isinstance(done.exception, StoreFullError)
        assert store.sessions()[0].frames >= 1


class TestVideo:
    def test_rows_and_session_say_the_same(
        self, run: Run, film: Path, tmp_path: Path, store: Store
    ) -> None:
        rows = tmp_path / "rows.csv"
        done = run("video", film, "--fps", 5, "--session", "Talk", "--out", rows)
        assert done.exit_code == 0, done.output
        (session,) = store.sessions()
        assert (session.title, session.state, session.frames) == ("Talk", "ended", 30)
        assert (session.source, session.consent_text) == (str(film), None)
        assert session.settings["every_s"] == pytest.approx(0.2)
        assert f"mien sessions show {session.id}" in done.output
        lines = rows.read_text().splitlines()
        assert len(lines) - 1 == session.observations == 30
        place = lines[0].split(",").index("timestamp_s")
        assert [float(line.split(",")[place]) for line in lines[1:]] == pytest.approx(
            [frame.timestamp_s for frame in store.frames(session.id)]
        )

    def test_each_video_of_a_job_has_its_own(
        self, run: Run, film: Path, tmp_path: Path, store: Store
    ) -> None:
        folder = tmp_path / "films"
        folder.mkdir()
        for name in ("a.mp4", "b.mp4"):
            (folder / name).write_bytes(film.read_bytes())
        done = run(
            *("video", folder, "--fps", 2, "--out", tmp_path / "rows"),
            *("--session", "Day 1", "--consent", "All signed.", "--keep-days", 5),
        )
        assert done.exit_code == 0, done.output
        found = store.sessions(order="title", descending=False)
        assert [session.title for session in found] == ["Day 1: a.mp4", "Day 1: b.mp4"]
        assert {session.consent_text for session in found} == {"All signed."}

    def test_options_that_do_not_fit_are_told_before_anything_is_read(
        self, run: Run, film: Path, database: Path
    ) -> None:
        for command, options, words in (
            ("video", [film, "--session", "x", "--resume"], "leave out --resume"),
            ("video", [film, "--consent", "yes"], "--session TITLE"),
            ("webcam", ["--source", film, "--keep-days", 3], "--session TITLE"),
        ):
            done = run(command, *options)
            assert isinstance(done.exception, ConfigError | click.ClickException), done.output
            assert words in str(done.exception)
        assert not database.exists()
