"""`Live`: one live connection to a server, frame by frame, that outlives a server's restart."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from mien.client.answers import LiveReady, Marked, RecordingStatus
from mien.client.failures import unlike_mien
from mien.client.pictures import Picture, encode_picture
from mien.client.recording import LiveRecording
from mien.client.socket import LiveAddress, LiveSocket, LostError
from mien.core.errors import (
    ImageError,
    MienError,
    ServerBusyError,
    SessionRunningError,
    ShapeError,
)
from mien.core.imaging import ColourOrder
from mien.core.result_json import frame_from_dict
from mien.core.types import Face, FrameResult

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
# A server may take a moment to see that a connection is lost, and its session free again.
SESSION_PAUSE_S = 1.0


class Live(AbstractContextManager["Live"]):
    """Frames in, results in order, at most one frame in flight.

        with client.live(smoothing_s=0.5) as live:
            for result in live.results(frames):
                ...

    A connection that is lost is built anew, with growing pauses, for as long as the client's
    `patience_s`; the frame that was in flight is sent again. Numbers and times of frames go on,
    and nobody gets a `track_id` twice, but faces are followed anew. A session that was being
    recorded is gone on with. For one thread.

    Attributes:
        ready: What reads, and the limits; as of the last connection or `configure`.
        reconnects: How often the connection was built anew.
        session: How the last session stands that was recorded here, as the server told last; None
            before the first.
        session_s: The time of the last frame in the session that is recorded, or None.
    """

    ready: LiveReady

    def __init__(
        self,
        address: LiveAddress,
        choice: Mapping[str, Any],
        *,
        colour_order: ColourOrder = "bgr",
    ) -> None:
        """See `Client.live`, which makes one."""
        self._address, self._choice, self._colour_order = address, dict(choice), colour_order
        self._socket: LiveSocket | None = None
        self._frames = 0
        self._started_s = self._opened_s = 0.0
        # Ids of this connection begin after all those of the connections before.
        self._first_track_id = self._most_track_id = 0
        self.reconnects = 0
        self.session: RecordingStatus | None = None
        self.session_s: float | None = None

    def __enter__(self) -> Self:
        """Connect; a server that is not there is told at once.

        Raises:
            ProtocolError: If the server speaks another version of the protocol.
            MienError: As `read`, or as `configure`.
        """
        try:
            self._again_while_busy(self._connected)
        except LostError as lost:
            raise lost.cause from lost
        self._started_s = self._opened_s
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self, frame: Picture | Image) -> FrameResult:
        """Send one frame and return what was read in it.

        Args:
            frame: Encoded bytes, best a JPEG of about 640 px, or a path, a Pillow picture or an
                array, which are sent as JPEG.

        Returns:
            The result: `index` counts the frames of this `Live`, `timestamp_s` is in seconds
            since it began, every face has a `track_id` and is `smoothed`.

        Raises:
            ImageError: If the frame cannot be read or is too large; the next one may do.
            ShapeError: If an array has another shape or dtype.
            ServerUnreachableError: If the connection is lost for longer than `patience_s`, or
                an answer does not come in time.
            ServerAccessError: If the token is missing or wrong.
            ServerBusyError: If the server has no room, for longer than `patience_s`.
            ServerError: If the server failed otherwise; the text is its own.
        """
        data = encode_picture(frame, colour_order=self._colour_order, kind="jpeg")
        if len(data) > self.ready.max_frame_bytes:
            raise ImageError(
                f"expected a frame of at most {self.ready.max_frame_bytes} bytes, which is what "
                f"the server takes, got {len(data)}; scale it down or send it as JPEG"
            )
        index, self._frames = self._frames, self._frames + 1
        told = self._patiently(lambda: self._connected().frame(data))
        self.session_s = told.get("session_s")
        try:
            result = frame_from_dict(told["frame"])
        except (KeyError, TypeError, ShapeError) as error:
            raise unlike_mien(self._address.url, error) from error
        since_start_s = self._opened_s - self._started_s + result.timestamp_s
        faces = tuple(self._renumbered(face) for face in result.faces)
        return replace(result, index=index, timestamp_s=round(since_start_s, 4), faces=faces)

    def results(self, frames: Iterable[Picture | Image]) -> Iterator[FrameResult]:
        """Send frames one after another and give the result of each, in order.

        A frame is taken when the one before has been answered, so a camera that is asked only
        then never falls behind.

        Raises:
            MienError: As `read`.
        """
        for frame in frames:
            yield self.read(frame)

    def recording(
        self,
        title: str,
        *,
        consent: str,
        note: str = "",
        keep_days: int | None = None,
        pictures: bool = False,
        clip: str | None = None,
    ) -> LiveRecording:
        """Have the frames to come recorded as a session at the server, until its `with` ends.

            with live.recording("Rehearsal", consent="We agree to be recorded.") as recording:
                for result in live.results(frames):
                    ...
                recording.mark("applause")

        What decides on the figures cannot be changed by `configure` meanwhile.

        Args:
            title: What to call it.
            consent: What those in view agreed to, just now.
            note: Anything else.
            keep_days: From now on; then it is due to be purged. None keeps it.
            pictures: Whether small pictures of faces are kept, at their strongest moments.
            clip: What those in view watch meanwhile, by name.

        Raises:
            ConfigError: If a text is missing or too long.
            ServerError: If a session is recorded here already, or nothing may be recorded there.
            MienError: As `read`.
        """
        wanted: dict[str, Any] = {"type": "record", "title": title, "consent": consent}
        wanted |= {"note": note, "keep_days": keep_days, "pictures": pictures}
        wanted["clip"] = None if clip is None else {"name": clip}
        return self._begun(wanted)

    def resume(self, session_id: int) -> LiveRecording:
        """Go on with a session that was recorded over a live connection, after its last frame.

        Raises:
            SessionRunningError: If it is being recorded elsewhere.
            ServerError: If there is none, or it was read otherwise than frames are now.
            MienError: As `read`.
        """
        return self._begun({"type": "resume", "session_id": session_id})

    def mark(self, word: str, timestamp_s: float | None = None) -> Marked:
        """Mark this moment of the session, or one before on its clock.

        Raises:
            ConfigError: If there is no word, it is too long, or the moment has not come yet.
            ServerError: If no session is being recorded.
            MienError: As `read`.
        """
        wanted = {"type": "mark", "word": word, "timestamp_s": timestamp_s}
        return Marked.from_dict(self._patiently(lambda: self._connected().mark(wanted)))

    def stop(self) -> RecordingStatus:
        """End the session and return how it ended.

        Raises:
            ServerError: If no session is being recorded.
            MienError: As `read`.
        """
        return self._take_in(self._patiently(lambda: self._connected().stop()))

    def configure(
        self,
        *,
        bundle: str | None = None,
        detector: str | None = None,
        label_set: str | None = None,
        smoothing_s: float | None = None,
        prior: str | Mapping[str, float] | None = None,
        prior_strength: float | None = None,
        uncertain_below: float | None = None,
    ) -> LiveReady:
        """Read the next frames with something else; what is None stays as it is.

        Raises:
            BundleError: If the model is unknown there or cannot be loaded.
            DetectorError: If the detector is unknown or cannot run there.
            LabelError: If the label set is unknown there.
            ConfigError: If a value cannot be used.
            ServerError: If a session is recorded, which must be read in one way. After any error
                the choice is as it was.
            MienError: As `read`.
        """
        given = {
            "bundle": bundle,
            "detector": detector,
            "label_set": label_set,
            "smoothing_s": smoothing_s,
            "prior": dict(prior) if isinstance(prior, Mapping) else prior,
            "prior_strength": prior_strength,
            "uncertain_below": uncertain_below,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        self.ready = self._patiently(lambda: self._connected().configure(changed))
        self._remember(changed)
        return self.ready

    def _remember(self, changed: Mapping[str, Any]) -> None:
        """Keep a choice for the next connection, joined to the one before as the server does."""
        if "prior" in changed:
            self._choice.pop("prior_strength", None)
        elif "label_set" in changed and isinstance(self._choice.get("prior"), dict):
            # Shares belong to one label set; with another the prior is the model's own again.
            self._choice.pop("prior")
            self._choice.pop("prior_strength", None)
        self._choice |= changed

    def _begun(self, wanted: Mapping[str, Any]) -> LiveRecording:
        told = self._patiently(lambda: self._connected().record(wanted))
        return LiveRecording(self, self._take_in(told))

    def _take_in(self, told: Mapping[str, Any]) -> RecordingStatus:
        try:
            self.session = RecordingStatus.from_dict(told)
        except (KeyError, TypeError) as error:
            raise unlike_mien(self._address.url, error) from error
        return self.session

    def _go_on(self, socket: LiveSocket, session: RecordingStatus) -> None:
        """Resume, on a new connection, the session that was recorded on the one before."""
        try:
            self._take_in(socket.record({"type": "resume", "session_id": session.session_id}))
        except SessionRunningError as error:
            busy = ServerBusyError(str(error))
            busy.retry_after_s = SESSION_PAUSE_S
            raise busy from error
        except ServerBusyError:
            raise
        except MienError as error:
            self.session = replace(session, state="failed", error=str(error))
            raise

    def _renumbered(self, face: Face) -> Face:
        if face.track_id is None:
            return face
        track_id = self._first_track_id + face.track_id
        self._most_track_id = max(self._most_track_id, track_id)
        return replace(face, track_id=track_id)

    def _connected(self) -> LiveSocket:
        """Return the connection, which is built where there is none."""
        if self._socket is None:
            socket = LiveSocket(self._address, self._take_in)
            self._opened_s = time.monotonic()
            session = self.session
            is_recording = session is not None and session.state == "recording"
            try:
                self.ready = socket.configure(self._choice) if self._choice else socket.ready
                if session is not None and is_recording:
                    self._go_on(socket, session)
            except BaseException:
                socket.close()
                raise
            self._socket = socket
            # The server goes on with the numbers of a session, and else begins again at 1.
            if not is_recording:
                self._first_track_id = self._most_track_id
        return self._socket

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """Return what an attempt returns; made again on a new connection where one was lost."""
        give_up_s = time.monotonic() + self._address.patience_s
        pause_s = FIRST_PAUSE_S
        was_connected = self._socket is not None
        while True:
            try:
                done = self._again_while_busy(attempt)
                self.reconnects += self._socket is not None and not was_connected
                return done
            except LostError as lost:
                self._close()
                was_connected = False
                # Clients of a server that was started again do not all come at one moment.
                wait_s = pause_s * random.uniform(0.8, 1.2)
                if time.monotonic() + wait_s > give_up_s:
                    raise lost.cause from lost
            except MienError:
                # What the server refuses does not end the connection.
                if self._socket is not None and self._socket.is_closed:
                    self._close()
                raise
            except BaseException:
                # An answer that is still on its way must not be taken for the next frame's.
                self._close()
                raise
            time.sleep(wait_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    def _again_while_busy(self, attempt: Callable[[], T]) -> T:
        give_up_s = time.monotonic() + self._address.patience_s
        while True:
            try:
                return attempt()
            except ServerBusyError as busy:
                wait_s = busy.retry_after_s or FIRST_PAUSE_S
                if time.monotonic() + wait_s > give_up_s:
                    raise
            time.sleep(wait_s)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
