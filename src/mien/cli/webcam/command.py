"""`mien webcam`: a camera, stream or file read live, in a window or else in the browser."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mien.cli.keeping import (
    ConsentOption,
    KeepDaysOption,
    SessionKeeper,
    SessionOption,
    ask_consent,
    check_options,
)
from mien.cli.options import (
    AllThreadsOption,
    BundleOption,
    DetectorOption,
    LabelSetOption,
    MinFaceOption,
    PriorOption,
    PriorStrengthOption,
    ThresholdOption,
    UncertainOption,
)
from mien.core.errors import ConfigError, MienError, VideoSourceError

if TYPE_CHECKING:
    from mien.cli.webcam.session import Session
    from mien.media.window import Window
    from mien.recognition.recognizer import Recognizer
    from mien.recognition.rows.files import RowFile
    from mien.recognition.video import VideoReading

# What the live page can be told; it has a camera list, smoothing and snapshots of its own.
_PAGE_TAKES = frozenset(
    {"bundle", "detector", "prior", "prior_strength", "uncertain_below", "threads"}
)


def webcam(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Option(
            help="A camera's number, camera:NAME, an address (rtsp://, https://), or a video file, "
            "which then plays in real time."
        ),
    ] = "0",
    record: Annotated[
        Path | None,
        typer.Option(help="Record a row a face and frame: .parquet, .csv or .jsonl."),
    ] = None,
    session: SessionOption = None,
    consent: ConsentOption = None,
    keep_days: KeepDaysOption = None,
    annotate: Annotated[
        Path | None, typer.Option(help="Record a video with what was read drawn into it: .mp4.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for snapshots (s) and for recordings begun by key (r).")
    ] = Path(),
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror",
            help="Show the picture as a mirror would; files are never mirrored. "
            "[default: cameras only]",
        ),
    ] = None,
    blur_faces: Annotated[
        bool,
        typer.Option("--blur-faces", help="Make faces unrecognisable in videos and snapshots."),
    ] = False,
    fps: Annotated[
        float | None, typer.Option(min=0.01, help="Read no more frames a second. [default: all]")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="End after so many seconds of the source.")
    ] = None,
    no_window: Annotated[
        bool, typer.Option("--no-window", help="Only record, as on a machine without a display.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
    ] = False,
    list_only: Annotated[
        bool, typer.Option("--list", help="List this machine's cameras, and end.")
    ] = False,
    bundle: BundleOption = "mien-s",
    detector: DetectorOption = "auto",
    label_set: LabelSetOption = None,
    min_face: MinFaceOption = 24,
    threshold: ThresholdOption = None,
    prior: PriorOption = "default",
    prior_strength: PriorStrengthOption = None,
    uncertain_below: UncertainOption = 0.0,
    threads: AllThreadsOption = None,
) -> None:
    """Read a camera, a stream or a file live, in a window.

    In the window s saves a snapshot (PNG and JSON), r starts and stops a recording (rows and
    annotated video), m marks a moment of the session, h shows the keys, and q or Esc ends. Where
    no window can be opened, the live page opens in the browser instead, and you are told why.
    Frames that come too fast are dropped and counted. Nothing is kept but what you record; a
    session is recorded only after you were asked whether everybody in view agrees, unless
    --consent says so.

    Example: mien webcam --record me.parquet

    Example: mien webcam --session "Rehearsal" --keep-days 30

    Example: mien webcam --no-window --seconds 60 --record me.csv
    """
    if list_only:
        _list_cameras()
        return
    # What sources warn of is told below, in its place.
    logging.getLogger("mien.media").addHandler(logging.NullHandler())
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    check_options(session, consent, keep_days)
    targets = _targets(record, annotate, out, blur_faces=blur_faces, overwrite=overwrite)
    if no_window:
        if targets.rows is None and targets.video is None and session is None:
            raise ConfigError(
                "without a window nothing is left to do; give --session, --record or --annotate"
            )
        window = None
    else:
        problem = window_problem()
        if problem is not None:
            _open_page(context, console, problem)
            return
        window = make_window(f"mien: {source}")
    if session is not None and consent is None:
        consent = ask_consent(console)
    # What takes its time comes only now.
    from mien.cli.greeting import without_greeting
    from mien.cli.predict import introduction
    from mien.recognition.recognizer import Recognizer

    with without_greeting():
        recognizer = Recognizer(
            bundle,
            detector,
            label_set=label_set,
            min_face_px=min_face,
            threshold=threshold,
            prior=prior,
            prior_strength=prior_strength,
            uncertain_below=uncertain_below,
        )
    console.print(introduction(recognizer, detector), style="dim", markup=False)
    step_s = None if fps is None else 1 / fps
    with recognizer.video(
        source, every_s=step_s, end_s=seconds, threads=threads, live=True
    ) as reading:
        is_mirrored = reading.info.kind == "camera" if mirror is None else mirror
        with ExitStack() as stack:
            keeper = None
            if session is not None:
                keeper = SessionKeeper(
                    session,
                    recognizer,
                    source=reading.info.name,
                    origin="webcam",
                    consent=consent,
                    keep_days=keep_days,
                    settings={"every_s": step_s, "min_face_px": min_face},
                    live=True,
                )
                stack.callback(_tell_of_session, console, keeper)
                stack.enter_context(keeper)
            _run(recognizer, reading, window, targets, keeper, console, is_mirrored=is_mirrored)


def _tell_of_session(console: Console, keeper: SessionKeeper) -> None:
    console.print(keeper.words(), markup=False)


def window_problem() -> str | None:
    """Say why no window can be opened here, or None if one can."""
    from mien.media.window import window_problem

    return window_problem()


def make_window(title: str) -> Window:
    """Return a window that opens with the first picture."""
    from mien.media.window import OpenCvWindow

    return OpenCvWindow(title)


@dataclass(frozen=True)
class _Targets:
    """What is kept, and where.

    Attributes:
        rows: The table that is recorded from the start, if any.
        video: The video that is, if any.
        folder: For what is begun by key.
        blur_faces: Whether faces are made unrecognisable in pictures and videos.
        overwrite: Whether files that are there may be replaced.
    """

    rows: RowFile | None
    video: Path | None
    folder: Path
    blur_faces: bool
    overwrite: bool


def _targets(
    record: Path | None, video: Path | None, folder: Path, *, blur_faces: bool, overwrite: bool
) -> _Targets:
    """Check names before anything is loaded or a camera is switched on."""
    from mien.recognition.rows.files import RowFile

    rows = None if record is None else RowFile.named(record)
    if video is not None and video.suffix.lower() != ".mp4":
        raise ConfigError(f"--annotate: expected a name that ends in .mp4, got {video}")
    there = [path for path in (record, video) if path is not None and path.exists()]
    if rows is not None and rows.exists and rows.path not in there:
        there.append(rows.path)
    if there and not overwrite:
        raise MienError(
            f"{there[0]} is there already; give another name, or replace it (--overwrite)"
        )
    for path in (record, video):
        if path is not None and not path.parent.is_dir():
            raise MienError(f"there is no folder {path.parent}; make it first")
    return _Targets(rows, video, folder, blur_faces, overwrite)


def _run(
    recognizer: Recognizer,
    reading: VideoReading,
    window: Window | None,
    targets: _Targets,
    keeper: SessionKeeper | None,
    console: Console,
    *,
    is_mirrored: bool,
) -> None:
    from mien.cli.webcam.record import Recorder
    from mien.cli.webcam.session import Session
    from mien.recognition.drawing.overlay import VideoOverlay

    recorder = Recorder(
        recognizer.bundle.label_sets[recognizer.label_set].labels,
        reading.info,
        targets.folder,
        blur_faces=targets.blur_faces,
        overwrite=targets.overwrite,
    )
    overlay = VideoOverlay(mirror=is_mirrored)
    try:
        is_kept = keeper is not None
        with (
            _progress(console, reading.info.name, shown=window is None, is_kept=is_kept) as tell,
            recorder,
        ):
            session = Session(reading, recorder, window, overlay, tell, keeper)
            if targets.rows is not None or targets.video is not None:
                recorder.start(targets.rows, targets.video, 0.0)
            # Ctrl-C is how a session without a window ends.
            with suppress(KeyboardInterrupt):
                session.run()
    finally:
        if window is not None:
            window.close()
        for path in recorder.files:
            console.print(f"recorded {path}", markup=False)
    console.print(_summary(session), style="dim", markup=False)
    _tell_of_breaks(reading, console)


@contextmanager
def _progress(
    console: Console, name: str, *, shown: bool, is_kept: bool
) -> Iterator[Callable[[str], None]]:
    """Show a line that is renewed with each frame, where there is a terminal and no window."""
    if not shown or not console.is_terminal:
        yield lambda _: None
        return
    from rich.markup import escape

    what = ("[bold red]● REC[/] " if is_kept else "") + f"reading {escape(name)}"
    with console.status(f"{what}; Ctrl-C ends") as status:
        yield lambda words: status.update(f"{what}   {words}   Ctrl-C ends")


def _summary(session: Session) -> str:
    pace = session.pace
    frames = f"{pace.frames:,} {'frame' if pace.frames == 1 else 'frames'}"
    return f"{frames}   {pace.words(session.reading.dropped)}"


def _tell_of_breaks(reading: VideoReading, console: Console) -> None:
    """Say where the source broke off; of a camera or a stream that is an error.

    Raises:
        VideoSourceError: If it was one of those, and did not come back.
    """
    info, breaks = reading.info, reading.report.breaks
    if not breaks:
        return
    last = breaks[-1]
    if info.kind in ("camera", "stream") and not last.resumed:
        raise VideoSourceError(f"{info.name} {last}")
    console.print(f"{info.name} {last}", style="yellow", markup=False)


def _open_page(context: typer.Context, console: Console, problem: str) -> None:
    """Open the live page in place of a window, if it can do what was asked for.

    Raises:
        MienError: If it cannot.
    """
    from mien.cli.serve import serve

    given = {
        name: value
        for name, value in context.params.items()
        if (where := context.get_parameter_source(name)) and where.name == "COMMANDLINE"
    }
    beyond = sorted(f"--{name.replace('_', '-')}" for name in given if name not in _PAGE_TAKES)
    if beyond:
        raise MienError(
            f"no window: {problem}.\nThe live page, which opens in its place, has no "
            f"{', '.join(beyond)}; give --no-window to record without one, or leave it out"
        )
    console.print("[yellow]note:[/] no window, so the live page opens in the browser: ", end="")
    console.print(problem, markup=False)
    # What was not given is the server's to choose, also by its environment.
    serve(
        host=None, port=None, open_browser=True, **{name: given.get(name) for name in _PAGE_TAKES}
    )


def _list_cameras() -> None:
    from mien.media import list_cameras

    cameras = list_cameras()
    if cameras is None:
        print("this system does not list its cameras; try --source 0, --source 1 and so on")
    elif not cameras:
        print("no camera")
    for camera in cameras or ():
        print(f"{camera.index}  {camera.name}")
