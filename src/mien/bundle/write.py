"""Writing a bundle: all of it or nothing, and only what can be loaded again."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mien.bundle.bundle import Bundle
from mien.bundle.card import render_card
from mien.bundle.config import (
    CARD_FILE,
    CONFIG_FILE,
    GRAPH_FILE,
    PICTURE_FILE,
    WEIGHTS_FILE,
    BundleConfig,
    FileEntry,
)
from mien.bundle.load import load_bundle
from mien.bundle.picture import check_picture
from mien.core.errors import BundleError


def write_bundle(
    out: Path,
    config: BundleConfig,
    *,
    graph: bytes,
    weights: bytes | None = None,
    picture: bytes | None = None,
    check: Callable[[Bundle], None] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a bundle's folder.

    It is written beside `out`, loaded with all checks, and only then takes its place, so
    whoever looks sees the old folder, the new one, or none: never half of one.

    Args:
        out: The folder to make.
        config: All but `files`, which is filled in here.
        graph: The content of `model.onnx`.
        weights: The content of `model.safetensors`; None where the graph has them.
        picture: The content of `failures.png`, which the card then shows.
        check: Called with the loaded bundle; what it raises keeps the bundle from being kept.
        overwrite: Whether `out` may be a bundle already, which is then replaced.

    Returns:
        `out`.

    Raises:
        BundleError: If `out` is in the way, cannot be written, or the parts do not fit.
    """
    check_place(out, overwrite=overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
            fresh = Path(temporary) / out.name
            fresh.mkdir()
            _write_files(fresh, config, graph=graph, weights=weights, picture=picture)
            bundle = load_bundle(fresh)
            if picture is not None:
                check_picture(picture, bundle.config.files[GRAPH_FILE].sha256)
            if check is not None:
                check(bundle)
            if out.exists():
                out.rename(Path(temporary) / "replaced")
            fresh.rename(out)
    except OSError as error:
        raise BundleError(f"cannot write the bundle {out}: {error.strerror or error}") from error
    return out


def check_place(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that a bundle cannot be written to; worth asking before long work.

    Raises:
        BundleError: If `out` is something else, or a bundle and `overwrite` is not set.
    """
    if not out.exists():
        return
    if not (out / CONFIG_FILE).is_file():
        if out.is_dir() and not any(out.iterdir()):
            return
        raise BundleError(f"{out} exists and is no bundle; choose another folder")
    if not overwrite:
        raise BundleError(f"{out} is a bundle already; choose another folder, or say overwrite")


def _write_files(
    folder: Path,
    config: BundleConfig,
    *,
    graph: bytes,
    weights: bytes | None,
    picture: bytes | None,
) -> None:
    given = {
        GRAPH_FILE: graph,
        WEIGHTS_FILE: weights,
        PICTURE_FILE: picture,
        CARD_FILE: render_card(config, with_picture=picture is not None).encode(),
    }
    contents = {name: data for name, data in given.items() if data is not None}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    files = {
        name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
        for name, data in contents.items()
    }
    text = replace(config, files=files).to_json()
    # Said here, it names no temporary folder.
    BundleConfig.from_dict(json.loads(text))
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
