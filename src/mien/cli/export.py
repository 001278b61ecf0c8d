"""`mien export`: a run folder in, a bundle out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from mien.cli.opening import open_with_progress
from mien.core.errors import BundleError, ConfigError, MissingExtraError

if TYPE_CHECKING:
    from mien.bundle.config import BundleConfig
    from mien.bundle.quantisation import Quantisation
    from mien.core.imaging import CropFrame


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The run folder, as `mien train` left it.")
    ],
    out: Annotated[Path, typer.Option(help="The bundle's folder to make, e.g. bundles/mine.")],
    name: Annotated[
        str | None, typer.Option(help="The bundle's name; the recipe's by default.")
    ] = None,
    figures: Annotated[
        list[Path] | None,
        typer.Option(help="JSON report of `mien evaluate` on this bundle; may be repeated."),
    ] = None,
    robustness: Annotated[
        list[Path] | None,
        typer.Option(help="JSON report of `mien robustness` on this bundle; may be repeated."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="PNG that `mien robustness --picture` drew with this bundle."),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Dataset on whose validation split the temperatures are fitted."),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Make a graph of 8 bits, smaller and quicker, calibrated on training faces of "
            "--calibrate; what that costs is measured on its validation faces.",
        ),
    ] = False,
    storage: Annotated[
        str,
        typer.Option(
            help="How weights are kept: fp16, half the size, widened when they are loaded, or "
            "fp32. What rounding changed is measured; too much is refused."
        ),
    ] = "fp16",
    prior_strength: Annotated[
        str,
        typer.Option(
            help="How far answers go from the training shares of expressions to equal ones by "
            "default: 0 to 1, or auto, the largest balanced accuracy on the validation split of "
            "--calibrate that loses at most --max-accuracy-loss points of accuracy."
        ),
    ] = "0",
    max_accuracy_loss: Annotated[
        float, typer.Option(min=0, max=100, help="Points of accuracy that auto may lose.")
    ] = 0.3,
    votes: Annotated[
        Path | None, typer.Option(help="fer2013new.csv for --calibrate, if not found by itself.")
    ] = None,
    crop_frames: Annotated[
        str | None,
        typer.Option(
            help="How the model's square lies about each detector's boxes: the JSON file that "
            "`mien frames` wrote, or the bundle whose frames fit (mien-s for FER2013's faces)."
        ),
    ] = None,
    label_set: Annotated[
        str | None,
        typer.Option(help="The label set that answers by default; the recipe's first otherwise."),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "not stated",
    checkpoint: Annotated[str, typer.Option(help="best or last.")] = "best",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the bundle that is in --out.")
    ] = False,
) -> None:
    """Make a bundle of a run: ONNX graph with its weights, config and model card.

    The graph is compared with the network over made-up faces and refused where they differ.
    For figures in the card, export, evaluate the bundle, and export again with its reports:
    the graph comes out the same, and figures and pictures of another one are refused.

    Example: mien export runs/mine --out mine --calibrate ../shared/data --crop-frames mien-s
    """
    reports = [_read_json(path) for path in figures or []]
    losses = [_read_json(path) for path in robustness or []]
    drawn = None if picture is None else _read_bytes(picture)
    if checkpoint not in ("best", "last"):
        raise ConfigError(f"--checkpoint is best or last, got {checkpoint!r}")
    strength = _read_strength(prior_strength)
    if int8 and calibrate is None:
        raise ConfigError(
            "--int8 is calibrated on training faces and compared with the float graph on "
            "validation faces; say which with --calibrate DATA"
        )
    try:
        from mien.training.export import export_run
        from mien.training.run import read_run
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"exporting needs {error.name}, which is not installed; pip install 'mien[train]'"
        ) from error
    from mien.bundle.figures import summarise_report
    from mien.bundle.load import check_files
    from mien.bundle.robustness import summarise_robustness

    frames = _crop_frames(crop_frames) if crop_frames else None
    dataset = None
    if calibrate:
        largest = read_run(run).recipe.input.size
        dataset = open_with_progress(calibrate, votes=votes, largest=largest)
    with Console(stderr=True).status("exporting, checking that ONNX agrees with PyTorch"):
        folder = export_run(
            run,
            out,
            name=name,
            crop_frames=frames,
            calibrate_on=dataset,
            figures=[summary for report in reports for summary in summarise_report(report)],
            licence=licence,
            default_label_set=label_set,
            checkpoint=checkpoint,
            overwrite=overwrite,
            prior_strength=strength,
            max_accuracy_loss=max_accuracy_loss / 100,
            int8=int8,
            storage=storage,
            robustness=[each for report in losses for each in summarise_robustness(report)],
            picture=drawn,
        )
    _show(check_files(folder)[0], folder)


def _read_strength(text: str) -> float | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"--prior-strength is 0 to 1 or auto, got {text!r}") from error


def _crop_frames(source: str) -> Mapping[str, CropFrame]:
    """Return the frames that `mien frames` wrote to a JSON file, or those of a bundle."""
    from mien.bundle.find import find_bundle
    from mien.bundle.load import check_files
    from mien.faces.framing import read_frames

    if source.endswith(".json"):
        return read_frames(Path(source))
    return check_files(find_bundle(source))[0].crop_frames


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror or error}") from error


def _read_json(path: Path) -> Any:
    data = _read_bytes(path)
    try:
        return json.loads(data)
    except ValueError as error:
        raise BundleError(f"{path} is not JSON: {error}") from error


def _show(config: BundleConfig, folder: Path) -> None:
    table = Table(title=f"{config.name} in {folder}", title_justify="left")
    table.add_column("file")
    table.add_column("bytes", justify="right")
    table.add_column("sha256")
    for name, entry in config.files.items():
        table.add_row(name, f"{entry.bytes:,}", f"{entry.sha256[:16]}…")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    sets = ", ".join(
        f"{head.label_set} (temperature {head.temperature:.3f}, prior strength "
        f"{head.prior_strength:g})"
        for head in config.heads
    )
    console.print(
        f"{config.architecture.parameters:,} parameters, {config.described_precision}; {sets}"
    )
    rounding = config.training["export"].get("rounding_to_fp16")
    if rounding is not None:
        console.print(
            f"Rounded to fp16: same answer to {rounding['same_answer']:.2%} of "
            f"{rounding['faces']:,} faces ({rounding['of']}), probabilities within "
            f"{rounding['max_probability_difference']:.1g}"
        )
    if config.quantisation is not None:
        _show_quantisation(config.quantisation, config.files["model.onnx"].bytes, console)
    console.print(f"Crop frames: {', '.join(config.crop_frames)}")
    console.print(
        f"Next: mien evaluate {folder} --data ... --out ..., mien predict PHOTO --bundle {folder}"
    )


def _show_quantisation(made: Quantisation, graph_bytes: int, console: Console) -> None:
    """Print what 8 bits gave and took; a loss that is large is a warning on stderr."""
    from mien.bundle.quantisation import describe_warning

    table = Table(
        title=f"8 bits beside float, {made.validation_faces:,} validation faces of {made.data}, "
        "natural prior; largest change of a probability",
        title_justify="left",
    )
    for column in ("head", "same answer", "largest change", "labelled"):
        table.add_column(column, justify="left" if column == "head" else "right")
    for column in ("float accuracy", "int8 accuracy", "points lost"):
        table.add_column(column, justify="right")
    for name, head in made.heads.items():
        cells = [f"{head.agreement:.2%}", f"{head.max_probability_difference:.3f}"]
        cells.append(f"{head.labelled:,}")
        if head.accuracy is not None and head.float_accuracy is not None:
            cells += [f"{head.float_accuracy:.2%}", f"{head.accuracy:.2%}"]
            cells.append(f"{100 * (head.float_accuracy - head.accuracy):+.2f}")
        table.add_row(name, *cells)
    console.print(table)
    console.print(
        f"Graph: {graph_bytes:,} bytes, float {made.float_graph_bytes:,}. One face on one thread: "
        f"{made.ms_per_face:.2f} ms, float {made.float_ms_per_face:.2f} ms (medians of "
        f"{made.speed_runs} runs each, in turns, {made.processor}). Calibrated on "
        f"{made.training_faces:,} training faces, seed {made.seed}."
    )
    for name, head in made.lossy_heads.items():
        Console(stderr=True, soft_wrap=True).print(f"warning: {describe_warning(name, head)}")
