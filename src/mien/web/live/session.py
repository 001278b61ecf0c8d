"""One session of the live page: how it is read, its clock, and its beginning in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from mien.bundle.prior import PriorLike
from mien.core.errors import MienError, StoreError
from mien.core.types import FrameResult
from mien.store import Recording, Session, Store
from mien.web.errors import ApiError
from mien.web.live.pictures import KIND, PeakPictures
from mien.web.schemas import live as live_json

State = Literal["recording", "ended", "failed"]

# What the settings of a session of the live page have under `origin`; no other can be resumed.
ORIGIN = "live"
SOURCE = "live page"
# A marker may be ahead of the server's clock by what a page's own rounding and delay make of it.
_AHEAD_S = 1.0


@dataclass(frozen=True)
class HowRead:
    """What decides on the figures of a session, so that it must stay the same throughout.

    Attributes:
        bundle: The model.
        detector: The detector that really runs.
        label_set: Of the answers.
        prior: How common expressions are taken to be, as it was asked for.
        prior_strength: As it was asked for; None for the prior's own.
        uncertain_below: Answers with less confidence are flagged.
        smoothing_s: Time constant of the smoothing, in seconds.
    """

    bundle: str
    detector: str
    label_set: str
    prior: PriorLike
    prior_strength: float | None
    uncertain_below: float
    smoothing_s: float

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        prior = dict(self.prior) if isinstance(self.prior, Mapping) else self.prior
        return {**vars(self), "prior": prior}

    def differences(self, settings: Mapping[str, Any]) -> list[str]:
        """Return in what a session was read otherwise, in words."""
        return [
            f"{name}: {settings.get(name)} in the session, now {value}"
            for name, value in self.to_dict().items()
            if settings.get(name) != value
        ]


class LiveSession:
    """A session while it is recorded. Nothing here waits for the disk.

    Attributes:
        recording: What writes it.
        pictures: Which moments get a picture, or None if none are kept.
        problem: Why no more pictures are kept though they were asked for, or None.
        last_track_id: The highest number of a person that it had before; 0 for a new one.
    """

    def __init__(
        self,
        recording: Recording,
        title: str,
        *,
        from_s: float,
        zero_s: float | None = None,
        frames: int = 0,
        faces: int = 0,
        last_s: float = 0.0,
        last_track_id: int = 0,
        pictures: PeakPictures | None = None,
    ) -> None:
        """Begin, or go on.

        Args:
            recording: What writes it.
            title: What it is called.
            from_s: Frames that came before are none of its, on the connection's clock.
            zero_s: Where its own clock is at 0, on the connection's; None for the first frame.
            frames: How many it has already.
            faces: How many faces are in those.
            last_s: The time of the last of them, on its own clock.
            last_track_id: See there.
            pictures: See there.
        """
        self.recording, self.pictures, self.last_track_id = recording, pictures, last_track_id
        self.problem: MienError | None = None
        self._title, self._from_s, self._zero_s = title, from_s, zero_s
        self._frames, self._faces, self._last_s = frames, faces, last_s

    @classmethod
    def begun(
        cls, store: Store, wanted: live_json.StartRecording, how: HowRead, from_s: float
    ) -> LiveSession:
        """Begin a session; waits for the disk.

        Raises:
            ConfigError: If a text is of blanks alone.
            StoreError: If it cannot be written.
        """
        clip = None if wanted.clip is None else wanted.clip.model_dump()
        recording = store.record(
            title=wanted.title,
            source=SOURCE,
            consent=wanted.consent,
            note=wanted.note,
            bundle=how.bundle,
            settings={
                "origin": ORIGIN,
                **how.to_dict(),
                "pictures": wanted.pictures,
                "clip": clip,
            },
            keep_days=wanted.keep_days,
            live=True,
        )
        pictures = PeakPictures() if wanted.pictures else None
        return cls(recording, wanted.title.strip(), from_s=from_s, pictures=pictures)

    @classmethod
    def resumed(
        cls, store: Store, session_id: int, how: HowRead, clock: Callable[[], float]
    ) -> LiveSession:
        """Go on with a session, with the pause as it was; waits for the disk.

        Args:
            store: Where it is.
            session_id: Its number.
            how: How frames are read now.
            clock: Tells the connection's time.

        Raises:
            ApiError: 409, if it is none of the live page, is being recorded, or was read
                otherwise.
            StoreError: If there is none, or it cannot be written.
        """
        session = store.session(session_id)
        _check_resumable(session, how)
        recording = store.resume(session_id, live=True)
        try:
            people = store.people.of(session_id)
            media = store.media.of(session_id) if session.settings.get("pictures") else None
        except StoreError:
            recording.end()
            raise
        # Both clocks are read at one moment; the disk may have taken its time before.
        now_s, now = clock(), datetime.now(UTC)
        since_start_s = (now - session.started_at).total_seconds()
        last_s = session.last_s or 0.0
        return cls(
            recording,
            session.title,
            from_s=now_s,
            # A clock of the machine that was put back must not turn the session's back.
            zero_s=now_s - max(last_s, since_start_s),
            frames=session.frames,
            faces=session.observations,
            last_s=last_s,
            last_track_id=max((person.track_id for person in people), default=0),
            pictures=None
            if media is None
            else PeakPictures(sum(file.kind == KIND for file in media)),
        )

    def add(self, tracked: FrameResult) -> FrameResult | None:
        """Record a frame and return it on the session's clock; None if it is none of the session's.

        Args:
            tracked: With faces followed, its time on the connection's clock.

        Raises:
            StoreError: If earlier frames could not be written, or it was read otherwise.
        """
        if tracked.timestamp_s < self._from_s:
            return None
        if self._zero_s is None:
            self._zero_s = tracked.timestamp_s
        session_s = max(self._last_s, tracked.timestamp_s - self._zero_s)
        recorded = replace(tracked, timestamp_s=session_s)
        with _bugs_as_errors():
            taken = self.recording.add(recorded)
        if taken:
            self._frames += 1
            self._faces += len(recorded.faces)
        self._last_s = session_s
        return recorded

    def mark(self, wanted: live_json.Mark, at_s: float) -> live_json.LiveMarked:
        """Mark a moment.

        Args:
            wanted: The word, and perhaps the moment.
            at_s: When the message came, on the connection's clock.

        Raises:
            ApiError: 422, if the moment has not come yet.
            ConfigError: If the word is of blanks alone.
            StoreError: If earlier frames could not be written.
        """
        now_s = 0.0 if self._zero_s is None else max(0.0, at_s - self._zero_s)
        when_s = now_s if wanted.timestamp_s is None else wanted.timestamp_s
        if when_s > now_s + _AHEAD_S:
            words = f"the session is at {now_s:.1f} s, so {when_s:.1f} s cannot be marked yet"
            raise ApiError(422, "invalid_request", words)
        with _bugs_as_errors():
            self.recording.mark(wanted.word, when_s)
        return live_json.LiveMarked(
            type="marked", word=wanted.word.strip(), timestamp_s=round(when_s, 4)
        )

    def check(self) -> None:
        """Raise what went wrong with what was recorded, if something did.

        Raises:
            StoreError: If frames could not be written.
        """
        with _bugs_as_errors():
            self.recording.check()

    def told(
        self, state: State, error: MienError | ApiError | None = None
    ) -> live_json.LiveRecording:
        """Return the message that tells how it stands.

        Args:
            state: Whether it goes on.
            error: Why it failed, if it did; else why there are no more pictures, if so.
        """
        why = error or self.problem
        if isinstance(why, MienError):
            why = ApiError.from_mien(why)
        return live_json.LiveRecording(
            type="recording",
            state=state,
            session_id=self.recording.session_id,
            title=self._title,
            session_s=round(self._last_s, 4),
            frames=self._frames,
            faces=self._faces,
            dropped=self.recording.dropped,
            error=None if why is None else why.body,
        )


@contextmanager
def _bugs_as_errors() -> Iterator[None]:
    """Let a bug in the thread that writes, which has logged it, end the recording and no more."""
    try:
        yield
    except MienError:
        raise
    except Exception as bug:
        raise StoreError("something broke in the server; its log says what") from bug


def _check_resumable(session: Session, how: HowRead) -> None:
    if session.settings.get("origin") != ORIGIN:
        words = f"session {session.id} is none of the live page, which can go on with its own only"
        raise ApiError(409, "not_resumable", words)
    if session.state == "recording":
        words = (
            f"session {session.id} is being recorded, or was until a moment ago; end it there, or "
            "try again in a few seconds"
        )
        raise ApiError(409, "session_running", words)
    if different := how.differences(session.settings):
        words = (
            f"session {session.id} was read otherwise, and its figures could not be compared; "
            "choose as then, or begin another"
        )
        raise ApiError(409, "recording_mismatch", words, details=different)
