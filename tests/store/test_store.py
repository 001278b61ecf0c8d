"""What goes into the store comes out of it: sessions, frames, people, markers, means over time."""

from __future__ import annotations

import errno
import math
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import ConfigError, SessionNotFoundError, StoreError
from mien.core.types import Expression, Face, FrameResult
from mien.recognition.summary.summary import summary
from mien.store import Store, open_store
from recordings import make_expression, make_face, make_frame, make_frames


def recorded(store: Store, frames: list[FrameResult], **about: object) -> int:
    """Record frames as a session and return its number."""
    with store.record(title="A talk", source="camera", **about) as recording:  # type: ignore[arg-type]
        for frame in frames:
            recording.add(frame)
    return recording.session_id


def rows(frames: list[FrameResult]) -> list[dict[str, object]]:
    return [observation.to_dict() for frame in frames for observation in frame.observations()]


# Worked out from rounded figures; a probability of 0.00004 that is rounded away had its bits too.
DERIVED = {"entropy": 5e-3, "size_px": 0.2}


class TestFrames:
    def test_rows_come_out_as_they_went_in(self, store: Store) -> None:
        frames = list(make_frames(300, people=3))
        before, after = rows(frames), rows(list(store.frames(recorded(store, frames))))
        assert len(before) == len(after) == 900
        for was, now in zip(before, after, strict=True):
            for column, error in DERIVED.items():
                assert now.pop(column) == pytest.approx(was.pop(column), abs=error)
            # A confidence that rounds to the threshold is not below it any more.
            assert now.pop("uncertain") <= was.pop("uncertain") or now["confidence"] < 0.4
            assert now == was

    def test_what_is_not_known_stays_unknown(self, store: Store) -> None:
        chance = np.random.default_rng(1)
        bare = replace(make_face(chance, None), landmarks=None, sharpness=None, predicted=True)
        frames = [
            make_frame(0),
            make_frame(1, [bare]),
            replace(make_frame(2), error="damaged", detector=""),
        ]
        empty, seen, broken = store.frames(recorded(store, frames))
        assert empty.faces == ()
        face = seen[0]
        assert (face.track_id, face.smoothed, face.landmarks, face.sharpness) == (None,) * 4
        assert face.predicted and not frames[1].error
        assert (broken.error, broken.detector) == ("damaged", "yunet")

    def test_all_of_a_frame_but_its_milliseconds_is_kept(self, store: Store) -> None:
        (frame,) = store.frames(recorded(store, [make_frame(7)]))
        assert frame == replace(make_frame(7), milliseconds={})

    def test_label_sets_and_the_threshold_of_doubt_are_kept(self, store: Store) -> None:
        number = recorded(store, list(make_frames(3, people=1, labels="fer2013")))
        for frame in store.frames(number):
            expression = frame[0].expression
            assert expression.label_set == "fer2013" and len(expression.probabilities) == 7
            assert expression.uncertain_below == 0.4
        session = store.session(number)
        assert (session.label_set, session.detector) == ("fer2013", "yunet")
        assert session.reading == {
            "detector_threshold": 0.6,
            "detector_sha256": "ab" * 32,
            "prior": "balanced",
            "prior_strength": 0.5,
            "uncertain_below": 0.4,
        }

    def test_dominant_stays_where_rounding_makes_a_tie(self, store: Store) -> None:
        shares = dict.fromkeys(make_expression(np.random.default_rng(0)), 0.0)
        shares |= {"happiness": 0.49998, "anger": 0.50002}
        face = replace(
            make_face(np.random.default_rng(0)), expression=Expression(shares, "ferplus", 0.4)
        )
        (frame,) = store.frames(recorded(store, [make_frame(0, [face])]))
        assert frame[0].expression.dominant == "anger"

    def test_a_stretch_has_its_start_and_not_its_end(self, store: Store) -> None:
        number = recorded(store, list(make_frames(100, people=1)))
        found = store.frames(number, start_s=2.0, end_s=3.0)
        assert [frame.index for frame in found] == list(range(20, 30))

    def test_long_sessions_come_in_parts_without_gaps(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mien.store.reading.CHUNK_FRAMES", 7)
        number = recorded(store, list(make_frames(50, people=2)))
        found = list(store.frames(number))
        assert [frame.index for frame in found] == list(range(50))
        assert all(len(frame) == 2 for frame in found)

    def test_a_summary_of_what_is_kept_is_that_of_what_was_seen(self, store: Store) -> None:
        frames = [frame if n % 3 else make_frame(n) for n, frame in enumerate(make_frames(200))]
        told, seen = summary(store.frames(recorded(store, frames))), summary(frames)
        assert told.overall is not None and seen.overall is not None
        assert (told.frames, told.watched_s) == (seen.frames, pytest.approx(seen.watched_s))
        assert told.overall.shares == pytest.approx(seen.overall.shares)
        assert told.overall.means == pytest.approx(seen.overall.means, abs=1e-4)
        assert [person.track_id for person in told.people] == [1, 2]


class TestSessions:
    def test_a_session_has_what_was_said_of_it(self, store: Store) -> None:
        began = datetime.now(UTC)
        number = recorded(
            store,
            list(make_frames(20, people=3)),
            consent="I agree to be recorded.",
            note="second try",
            bundle="mien-s",
            settings={"smoothing_s": 0.35},
            keep_days=30,
        )
        session = store.session(number)
        assert (session.title, session.source, session.note) == ("A talk", "camera", "second try")
        assert session.consent_text == "I agree to be recorded."
        assert session.consent_at is not None and session.consent_at.tzinfo is not None
        assert abs(session.consent_at - began) < timedelta(seconds=30)
        assert (session.bundle, session.settings) == ("mien-s", {"smoothing_s": 0.35})
        assert session.state == "ended" and session.ended_at is not None
        assert session.started_at <= session.ended_at
        assert session.keep_until is not None
        kept = session.keep_until - session.started_at
        assert abs(kept - timedelta(days=30)) < timedelta(seconds=5)
        assert (session.frames, session.observations) == (20, 60)
        assert session.duration_s == pytest.approx(1.9)

    def test_a_session_becomes_json(self, store: Store) -> None:
        import json

        number = recorded(store, list(make_frames(2)), keep_days=1)
        told = json.loads(json.dumps(store.session(number).to_dict()))
        assert told["id"] == number and told["state"] == "ended"
        assert datetime.fromisoformat(told["started_at"]).tzinfo is not None

    def test_an_empty_session_is_a_session(self, store: Store) -> None:
        session = store.session(recorded(store, []))
        assert (session.frames, session.duration_s, session.detector) == (0, 0.0, None)
        assert list(store.frames(session.id)) == []
        assert store.timeline(session.id).lines == ()
        assert store.people.of(session.id) == []

    def test_lists_are_searched_sorted_and_paged(self, store: Store) -> None:
        for title, note, count in (("Beta", "50% done", 3), ("alpha", "x", 9), ("Gamma", "x", 6)):
            with store.record(title=title, note=note) as recording:
                for frame in make_frames(count):
                    recording.add(frame)

        def titles(**how: object) -> list[str]:
            return [session.title for session in store.sessions(**how)]  # type: ignore[arg-type]

        assert titles() == ["Gamma", "alpha", "Beta"]
        assert titles(order="title", descending=False) == ["alpha", "Beta", "Gamma"]
        assert titles(order="duration") == ["alpha", "Gamma", "Beta"]
        assert titles(order="faces", limit=1, offset=1) == ["Gamma"]
        assert titles(search="ALPHA") == ["alpha"]
        assert titles(search="x gamma") == ["Gamma"]
        # A percent sign is no wildcard.
        assert titles(search="0%") == ["Beta"] and titles(search="%") == ["Beta"]
        assert store.count() == 3 and store.count(search="x") == 2

    def test_title_note_and_time_to_keep_can_be_changed(self, store: Store) -> None:
        number = recorded(store, [])
        assert store.edit(number, title=" B ").title == "B"
        edited = store.edit(number, note="n")
        assert (edited.title, edited.note) == ("B", "n")
        assert store.edit(number) == edited
        kept = store.keep(number, 2)
        assert kept.keep_until == kept.started_at + timedelta(days=2)
        assert store.keep(number, None).keep_until is None

    @pytest.mark.parametrize(
        ("about", "words"),
        [
            ({"title": " "}, "title of a session must have 1 to 200"),
            ({"title": "x" * 201}, "got 201"),
            ({"title": "x", "consent": ""}, "consent"),
            ({"title": "x", "keep_days": 0}, "1 day or more, got 0"),
        ],
    )
    def test_unfit_words_are_refused(self, store: Store, about: dict[str, str], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            store.record(**about)  # type: ignore[arg-type]
        assert store.sessions() == []

    def test_what_is_not_there_is_said_to_be_not_there(self, store: Store) -> None:
        for asked in (
            lambda: store.session(9),
            lambda: store.frames(9),
            lambda: store.timeline(9),
            lambda: store.people.of(9),
            lambda: store.markers.of(9),
            lambda: store.media.of(9),
            lambda: store.delete(9),
            lambda: store.resume(9),
            lambda: store.edit(9, title="x"),
        ):
            with pytest.raises(SessionNotFoundError, match="no session 9"):
                asked()


class TestPeople:
    @pytest.fixture
    def number(self, store: Store) -> int:
        """Somebody is track 1, leaves, and comes back as 3; 2 is there throughout."""
        chance = np.random.default_rng(3)

        def faces(n: int) -> list[Face]:
            back = [make_face(chance, 1)] if n < 10 else [make_face(chance, 3)] if n >= 20 else []
            return [*back, make_face(chance, 2)]

        return recorded(store, [make_frame(n, faces(n)) for n in range(30)])

    def test_tracks_are_people_until_somebody_says_otherwise(
        self, store: Store, number: int
    ) -> None:
        found = [(p.track_id, p.observations, p.first_s, p.last_s) for p in store.people.of(number)]
        expected = [(1, 10, 0.0, 0.9), (2, 30, 0.0, 2.9), (3, 10, 2.0, 2.9)]
        assert found == [pytest.approx(one) for one in expected]

    def test_merged_tracks_are_one_person_everywhere(self, store: Store, number: int) -> None:
        store.people.name(number, 3, "Ann")
        store.people.merge(number, 3, into=1)
        tracks = {face.track_id for frame in store.frames(number) for face in frame}
        assert tracks == {1, 2}
        assert [line.track_id for line in store.timeline(number).lines] == [1, 2]
        assert {p.track_id: p.name for p in store.people.of(number)} == {
            1: "Ann",
            2: None,
            3: "Ann",
        }
        as_recorded = store.frames(number, as_recorded=True)
        assert {face.track_id for frame in as_recorded for face in frame} == {1, 2, 3}
        store.people.separate(number, 3)
        assert {face.track_id for frame in store.frames(number) for face in frame} == {1, 2, 3}

    def test_hidden_people_are_left_out_with_all_their_tracks(
        self, store: Store, number: int
    ) -> None:
        store.people.merge(number, 1, into=3)
        store.people.hide(number, 1)
        assert {face.track_id for frame in store.frames(number) for face in frame} == {2}
        assert [line.track_id for line in store.timeline(number).lines] == [2]
        assert [p.hidden for p in store.people.of(number)] == [True, False, True]
        assert sum(len(frame) for frame in store.frames(number, as_recorded=True)) == 50
        store.people.hide(number, 3, hidden=False)
        assert {face.track_id for frame in store.frames(number) for face in frame} == {2, 3}

    def test_merging_what_was_merged_keeps_all_together(self, store: Store) -> None:
        chance = np.random.default_rng(3)
        number = recorded(store, [make_frame(n, [make_face(chance, n + 1)]) for n in range(4)])
        store.people.merge(number, 2, into=1)
        store.people.merge(number, 4, into=3)
        store.people.merge(number, 2, into=4)
        assert [frame[0].track_id for frame in store.frames(number)] == [3, 3, 3, 3]
        with pytest.raises(StoreError, match="one already"):
            store.people.merge(number, 1, into=2)

    def test_two_in_one_frame_are_not_one_person(self, store: Store, number: int) -> None:
        with pytest.raises(StoreError, match="both are in 10 of the same frames"):
            store.people.merge(number, 1, into=2)
        with pytest.raises(SessionNotFoundError, match="no person 8"):
            store.people.merge(number, 1, into=8)


class TestMarkers:
    def test_they_come_in_order_of_time(self, store: Store) -> None:
        with store.record(title="x") as recording:
            for n, frame in enumerate(make_frames(20)):
                recording.add(frame)
                if n == 10:
                    recording.mark("slide 2")
            recording.mark("start", 0.05)
        store.markers.add(recording.session_id, 1.5, " applause ")
        found = store.markers.of(recording.session_id)
        assert [(m.timestamp_s, m.word) for m in found] == [
            (0.05, "start"),
            (pytest.approx(1.0), "slide 2"),
            (1.5, "applause"),
        ]
        store.markers.delete(recording.session_id, found[0].id)
        assert len(store.markers.of(recording.session_id)) == 2
        with pytest.raises(SessionNotFoundError, match="no marker"):
            store.markers.delete(recording.session_id, found[0].id)

    def test_a_marker_needs_a_word(self, store: Store) -> None:
        refused = pytest.raises(ConfigError, match="1 to 200 characters, got 0")
        with store.record(title="x") as recording, refused:
            recording.mark(" ")


class TestTimeline:
    def test_bins_hold_the_means_of_their_frames(self, store: Store) -> None:
        frames = list(make_frames(100, people=2))
        timeline = store.timeline(recorded(store, frames), bins=9)
        assert (timeline.start_s, timeline.bins) == (0.0, 9)
        assert timeline.bin_s == pytest.approx(9.9 / 9)
        for line, place in zip(timeline.lines, (0, 1), strict=True):
            assert line.bins == tuple(range(9)) and sum(line.faces) == 100
            for label in ("neutral", "contempt"):
                values: dict[int, list[float]] = {}
                for frame in frames:
                    smoothed = frame[place].smoothed
                    assert smoothed is not None
                    bin_number = min(math.floor(frame.timestamp_s / timeline.bin_s), 8)
                    values.setdefault(bin_number, []).append(smoothed[label])
                expected = [np.mean(values[b]) for b in range(9)]
                assert line.means[label] == pytest.approx(expected, abs=1e-4)

    def test_a_stretch_raw_and_together(self, store: Store) -> None:
        frames = list(make_frames(100, people=2))
        number = recorded(store, frames)
        timeline = store.timeline(number, start_s=2, end_s=4, bins=2, smoothed=False, together=True)
        (line,) = timeline.lines
        assert (line.track_id, line.faces, timeline.bin_s) == (None, (20, 20), pytest.approx(1.0))
        raw = [face.expression["anger"] for frame in frames[20:30] for face in frame]
        assert line.means["anger"][0] == pytest.approx(np.mean(raw), abs=1e-4)

    def test_bins_without_a_face_are_left_out(self, store: Store) -> None:
        frames = [
            frame if n < 10 or n >= 90 else make_frame(n)
            for n, frame in enumerate(make_frames(100))
        ]
        line = store.timeline(recorded(store, frames), bins=9).lines[0]
        assert (line.bins, line.faces) == ((0, 8), (10, 10))

    def test_a_lone_frame_has_a_bin(self, store: Store) -> None:
        number = recorded(store, list(make_frames(1, people=1)))
        assert store.timeline(number, bins=5).lines[0].bins == (0,)

    def test_too_many_bins_are_refused(self, store: Store) -> None:
        number = recorded(store, [])
        with pytest.raises(ConfigError, match="1 to 10,000 bins, got 0"):
            store.timeline(number, bins=0)


class TestMedia:
    def test_files_are_kept_beside_the_database(self, store: Store, database_file: Path) -> None:
        number = recorded(store, list(make_frames(1)))
        source = database_file.with_name("clip.mp4")
        source.write_bytes(b"video")
        kept = store.media.add(
            number, b"picture", kind="thumbnail", suffix=".jpg", timestamp_s=0.5, track_id=1
        )
        store.media.add(number, source, kind="video", suffix=".mp4")
        assert store.media.of(number)[0] == kept
        picture, video = (store.media.path(one) for one in store.media.of(number))
        assert (picture.read_bytes(), video.read_bytes()) == (b"picture", b"video")
        assert picture.parent == database_file.with_name("sessions-media") / str(number)
        assert picture.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        ("kind", "suffix"), [("../x", ".jpg"), ("video", "/../x"), ("video", "")]
    )
    def test_no_name_leads_elsewhere(self, store: Store, kind: str, suffix: str) -> None:
        number = recorded(store, [])
        with pytest.raises(ConfigError, match="kind of small letters"):
            store.media.add(number, b"", kind=kind, suffix=suffix)

    def test_what_the_caller_removes_is_taken_without_a_copy(
        self, store: Store, database_file: Path
    ) -> None:
        number = recorded(store, [])
        source = database_file.with_name("upload")
        source.write_bytes(b"video")
        kept = store.media.path(
            store.media.add(number, source, kind="video", suffix=".mp4", take=True)
        )
        assert kept.stat().st_ino == source.stat().st_ino
        source.unlink()
        assert kept.read_bytes() == b"video"

    def test_a_disk_that_knows_no_second_names_gets_a_copy(
        self, store: Store, database_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EXDEV, "another disk")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        number = recorded(store, [])
        source = database_file.with_name("upload")
        source.write_bytes(b"video")
        kept = store.media.add(number, source, kind="video", suffix=".mp4", take=True)
        assert store.media.path(kept).read_bytes() == b"video"

    def test_nothing_is_left_of_what_cannot_be_registered(self, store: Store) -> None:
        with pytest.raises(SessionNotFoundError):
            store.media.add(5, b"", kind="video", suffix=".mp4")
        assert not store.media.folder.exists()


def test_one_file_serves_two_programs(store: Store, database_file: Path) -> None:
    with open_store(database_file) as other:
        number = recorded(store, list(make_frames(5)))
        assert other.session(number).frames == 5
        other.edit(number, title="changed there")
    assert store.session(number).title == "changed there"


def test_reading_does_not_wait_for_a_recording(store: Store) -> None:
    with store.record(title="x") as recording:
        frames = make_frames(200)
        recording.add(next(frames))
        until = time.monotonic() + 20
        while store.session(recording.session_id).frames == 0 and time.monotonic() < until:
            time.sleep(0.05)
        session = store.session(recording.session_id)
        assert (session.state, session.ended_at, session.frames) == ("recording", None, 1)
        for frame in frames:
            recording.add(frame)
    assert store.session(recording.session_id).frames == 200
