"""`mien video`: read the faces of videos over time, to tables, a drawn video and a page."""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from mien.cli.keeping import ConsentOption, KeepDaysOption, SessionOption, check_options
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
from mien.cli.times import parse_time
from mien.core.errors import ConfigError

if TYPE_CHECKING:
    from mien.media.images import PictureTimes
    from mien.recognition.rows.files import RowFormat


def video(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Videos, folders (with all below), patterns, addresses of streams, or - for "
            "standard input.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="The table to write, by its suffix .parquet, .csv or .jsonl; a folder; or - to "
            "print rows. [default: NAME.faces.parquet beside the video]"
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="parquet, csv or jsonl, where no suffix says so."),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(help="Draw what was read into a copy, an .mp4; for several videos a folder."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a page, an .html file; for several videos a folder."),
    ] = None,
    session: SessionOption = None,
    consent: ConsentOption = None,
    keep_days: KeepDaysOption = None,
    every_n: Annotated[
        int | None, typer.Option(min=1, help="Read every n-th frame. [default: all]")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.001, help="Read so many frames a second.")
    ] = None,
    every_s: Annotated[
        float | None, typer.Option(min=0.001, help="Read a frame every so many seconds.")
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(parser=parse_time, metavar="TIME", help="Begin there: 90, 1:30 or 1:02:03.5."),
    ] = None,
    end: Annotated[
        float | None, typer.Option(parser=parse_time, metavar="TIME", help="End before that.")
    ] = None,
    detect_every: Annotated[
        str,
        typer.Option(
            metavar="N",
            help="Look for faces in every n-th frame that is read and follow them in between; or "
            "auto, where that is safe.",
        ),
    ] = "1",
    smoothing: Annotated[
        float,
        typer.Option(min=0, help="Seconds over which expressions are smoothed; 0 for none."),
    ] = 0.35,
    picture_times: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="Take each folder or pattern for one video made of pictures: so many a second, "
            "or file-times.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what a run that ended early has left.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what each video came to as JSON, no tables.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only errors, and what is damaged.")
    ] = False,
) -> None:
    """Read faces and their expressions over time, one row a face and frame.

    Rows go to a table that stays whole if the run is stopped, killed or the disk runs full; the
    same command with --resume goes on there. Several videos are one job: each has its own
    table in the folder --out, and summary.csv and summary.json have a row for each, errors
    among them. Exit code 1 if one failed, 130 after Ctrl-C.

    With --session what is read is kept as a session as well, or several, one for each video.

    Example: mien video talk.mp4 --fps 5 --report talk.html

    Example: mien video recordings/ --out rows/ --resume
    """
    from mien.cli.greeting import without_greeting
    from mien.cli.predict import introduction
    from mien.cli.video.choices import KeptSession, VideoChoices, if_there, sampling_step
    from mien.cli.video.job import VideoJob
    from mien.cli.video.outputs import Wanted, plan_outputs
    from mien.cli.video.reader import VideoReader
    from mien.cli.video.tables import job_json
    from mien.cli.video.videos import find_videos
    from mien.recognition.recognizer import Recognizer

    # What it warns of is told below, in its place.
    logging.getLogger("mien.media").addHandler(logging.NullHandler())
    choices = VideoChoices(
        every_n=every_n,
        every_s=sampling_step(every_n, fps, every_s),
        start_s=start,
        end_s=end,
        picture_times=_picture_times(picture_times),
        detect_every=_detect_every(detect_every),
        time_constant_s=smoothing,
        threads=threads,
        if_there=if_there(resume=resume, overwrite=overwrite),
    )
    check_options(session, consent, keep_days)
    if session is not None and resume:
        raise ConfigError("--session keeps a reading from its begin; leave out --resume")
    if as_json and out == "-":
        raise ConfigError("--json and --out - both print; give --out a file")
    of_pictures = picture_times is not None
    videos = find_videos(sources, of_pictures=of_pictures)
    is_job = len(videos) > 1 or (not of_pictures and any(Path(one).is_dir() for one in sources))
    wanted = Wanted(out, _format(format), annotate, report)
    outputs = plan_outputs(videos, wanted, is_job=is_job)
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
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not quiet:
        console.print(introduction(recognizer, detector), style="dim", markup=False)
    settings = choices.settings(recognizer, min_face)
    command = shlex.join(["mien", *sys.argv[1:]])
    kept = None if session is None else KeptSession(session, consent, keep_days, is_job=is_job)
    reader = VideoReader(recognizer, choices, settings, command, kept)
    folder = Path(out) if is_job and out is not None else None
    job = VideoJob(
        reader, console, folder, shows=not (quiet or as_json or out == "-"), is_quiet=quiet
    )
    job.read(list(zip(videos, outputs, strict=True)))
    if as_json:
        print(job_json(job.outcomes), end="")
    if job.exit_code:
        raise typer.Exit(job.exit_code)


def _format(text: str | None) -> RowFormat | None:
    match text:
        case None | "parquet" | "csv" | "jsonl":
            return text
    raise ConfigError(f"--format is parquet, csv or jsonl, got {text!r}")


def _detect_every(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise ConfigError(f"--detect-every is 1 or more frames, or auto; got {text!r}")


def _picture_times(text: str | None) -> PictureTimes | None:
    if text is None:
        return None
    if text == "file-times":
        return "file-times"
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(
            f"--picture-times is pictures a second, or file-times; got {text!r}"
        ) from error
