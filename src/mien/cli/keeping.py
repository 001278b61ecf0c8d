"""Reading kept as a session: options that commands share, consent asked, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from mien.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from mien.core.types import FrameResult
    from mien.recognition.recognizer import Recognizer

SessionOption = Annotated[
    str | None,
    typer.Option(
        metavar="TITLE",
        help="Keep what is read as a session of this title; `mien sessions` and the page have it.",
        show_default=False,
    ),
]
ConsentOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="With --session: what those in view agreed to; is kept with it.",
        show_default=False,
    ),
]
KeepDaysOption = Annotated[
    int | None,
    typer.Option(min=1, help="With --session: keep it so many days. [default: until deleted]"),
]

CONSENT = "Everyone in view was told that their expressions are recorded, and agreed to it."


def check_options(title: str | None, consent: str | None, keep_days: int | None) -> None:
    """Refuse options of a session where none is kept.

    Raises:
        ConfigError: If there are any.
    """
    if title is None:
        for name, value in (("--consent", consent), ("--keep-days", keep_days)):
            if value is not None:
                raise ConfigError(f"{name} is of a session; name one with --session TITLE")


def ask_consent(console: Console) -> str:
    """Ask whether everybody in view agreed, and return what is kept as their consent.

    Raises:
        Abort: If they did not, or nobody is there to ask.
    """
    console.print(
        "What is read of everybody in view is kept on this machine as a session: where each face "
        "is, how it looks, and when. No picture is kept."
    )
    typer.confirm("Was everybody told, and did they agree?", abort=True, err=True)
    return CONSENT


class SessionKeeper(AbstractContextManager["SessionKeeper"]):
    """One session that is being recorded; ends with its `with`.

    Attributes:
        session_id: Its number.
        markers: How many moments were marked.
    """

    def __init__(
        self,
        title: str,
        recognizer: Recognizer,
        *,
        source: str,
        origin: str,
        consent: str | None,
        keep_days: int | None,
        settings: Mapping[str, Any],
        live: bool = False,
    ) -> None:
        """Open the store and begin.

        Args:
            title: What to call it.
            recognizer: What reads.
            source: What is read: a camera, a file.
            origin: Which command reads.
            consent: What those in view agreed to; None where nobody was asked.
            keep_days: From now on; None keeps it.
            settings: How it is read.
            live: Whether frames are left out where the disk cannot keep up.

        Raises:
            ConfigError: If a text is missing or too long.
            StoreError: If sessions cannot be kept.
        """
        from mien.store import open_store

        self.markers = 0
        self._title, self._frames, self._faces = title, 0, 0
        self._store = open_store()
        try:
            self._recording = self._store.record(
                title=title,
                source=source,
                consent=consent,
                bundle=recognizer.bundle.name,
                settings={"origin": origin, **settings},
                keep_days=keep_days,
                live=live,
            )
        except BaseException:
            self._store.close()
            raise
        self.session_id = self._recording.session_id

    def add(self, result: FrameResult) -> None:
        """Keep a frame.

        Raises:
            StoreError: If it cannot be; what was kept before stays.
        """
        if self._recording.add(result):
            self._frames += 1
            self._faces += len(result.faces)

    def mark(self) -> str:
        """Mark the moment of the last frame and return the marker's word.

        Raises:
            StoreError: As `add`.
        """
        word = f"mark {self.markers + 1}"
        self._recording.mark(word)
        self.markers += 1
        return word

    def words(self) -> str:
        """Return what was kept, and how to see it."""
        dropped = self._recording.dropped
        left_out = f", {dropped:,} left out since the disk was too slow" if dropped else ""
        return (
            f"session {self.session_id}, {self._title}: {self._frames:,} frames, {self._faces:,} "
            f"faces{left_out}. mien sessions show {self.session_id}"
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._recording.__exit__(kind, error, trace)
        finally:
            self._store.close()

    def __enter__(self) -> Self:
        return self
