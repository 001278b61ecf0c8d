"""A recorded session in what its figures and its report need, read from the store once."""

from __future__ import annotations

from contextlib import suppress

from mien.recognition.summary.summary import Summary, summary
from mien.reports.bins import MOST_BINS
from mien.reports.digest import MarkedMoment, VideoDigest
from mien.reports.thumbnails import SLOT_S, Thumbnail
from mien.store import MediaFile, Person, Session, Store

# A session is sampled more rarely where its settings say so, as those of a long video do.
_LEAST_GAP_S, _STEPS = 2.0, 2.5
# A face is kept in a few thousand bytes; what is much larger is something else.
_MOST_BYTES = 200_000


def gap_of(session: Session) -> float:
    """Return the time in seconds between frames above which it counts for nobody."""
    every_s = session.settings.get("every_s")
    return max(_LEAST_GAP_S, _STEPS * every_s if isinstance(every_s, (int, float)) else 0.0)


def summarise_session(store: Store, session_id: int) -> Summary:
    """Return a session in figures, with people merged and hidden as somebody said.

    Raises:
        StoreError: If it cannot be read.
    """
    gap_s = gap_of(store.session(session_id))
    return summary(store.frames(session_id), max_gap_s=gap_s)


def digest_session(store: Store, session_id: int, *, most_bins: int = MOST_BINS) -> VideoDigest:
    """Return a session as its report needs it: with names, markers and the faces that were kept.

    People are merged and hidden as somebody said; memory grows with them and not with length.

    Args:
        store: Where it is.
        session_id: Its number.
        most_bins: How finely time is cut at most, an even number.

    Raises:
        StoreError: If it cannot be read.
    """
    people = store.people.of(session_id)
    gap_s = gap_of(store.session(session_id))
    digest = VideoDigest(thumbnails=False, most_bins=most_bins, max_gap_s=gap_s)
    for frame in store.frames(session_id):
        digest.add(frame)
    digest.names = {
        person.track_id: person.name for person in people if person.name and person.same_as is None
    }
    digest.markers = [
        MarkedMoment(marker.timestamp_s, marker.word) for marker in store.markers.of(session_id)
    ]
    digest.pictures = KeptFaces(store, session_id, people)
    return digest


class KeptFaces:
    """Small pictures of faces that were kept with a session, by who is on them."""

    def __init__(self, store: Store, session_id: int, people: list[Person]) -> None:
        """Note what there is; files are read when they are asked for."""
        self._media = store.media
        roots = {person.track_id: person.same_as or person.track_id for person in people}
        self._files: dict[int, list[tuple[float, MediaFile]]] = {}
        for file in store.media.of(session_id):
            is_face = file.file.endswith(".jpg") and file.bytes <= _MOST_BYTES
            if is_face and file.track_id in roots and file.timestamp_s is not None:
                kept = self._files.setdefault(roots[file.track_id], [])
                kept.append((file.timestamp_s, file))

    def portrait(self, track_id: int) -> bytes | None:
        """Return the picture with the most detail of a person, by its size in bytes, or None."""
        kept = self._files.get(track_id)
        return self._read(max(kept, key=lambda one: one[1].bytes)[1]) if kept else None

    def picture(self, track_id: int, label: str, timestamp_s: float) -> Thumbnail | None:
        """Return the picture of a person at about a time, whatever they show, or None."""
        kept = self._files.get(track_id, [])
        when_s, file = min(
            kept, key=lambda one: abs(one[0] - timestamp_s), default=(float("inf"), None)
        )
        if file is None or abs(when_s - timestamp_s) > SLOT_S:
            return None
        jpeg = self._read(file)
        return None if jpeg is None else Thumbnail(when_s, 0.0, jpeg)

    def _read(self, file: MediaFile) -> bytes | None:
        # A file that was lost is a picture less, and no reason to give no report.
        with suppress(OSError):
            return self._media.path(file).read_bytes()
        return None
