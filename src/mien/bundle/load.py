"""Loading a bundle: every promise of its config is checked before the first face is read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mien.bundle.bundle import Bundle
from mien.bundle.config import CONFIG_FILE, GRAPH_FILE, GRAPH_INPUT, BundleConfig
from mien.bundle.find import find_bundle
from mien.core.errors import BundleError
from mien.core.session import OnnxSession

_AGAIN = "copy the bundle again or export it anew"


def load_bundle(
    name_or_path: str | Path, *, threads: int = 1, provider: str = "CPUExecutionProvider"
) -> Bundle:
    """Load a model by the name of its bundle or the path of its folder.

    Args:
        name_or_path: As `find_bundle` takes it.
        threads: CPU threads for one call; 1 is best for single faces.
        provider: ONNX Runtime's execution provider; one that is not available is refused.

    Raises:
        BundleError: If it is not found, a file is missing or not the one that was exported,
            or the graph does not fit the config. The text names the file.
    """
    folder = find_bundle(name_or_path)
    config, contents = check_files(folder)
    try:
        # The very bytes whose checksum was taken, not whatever the file holds by now.
        session = OnnxSession(contents[GRAPH_FILE], threads=threads, provider=provider)
    except BundleError as error:
        raise BundleError(f"{folder / GRAPH_FILE}: {error}") from error
    _check_graph(session, config, folder / GRAPH_FILE)
    return Bundle(config=config, path=folder, session=session)


def check_files(folder: Path) -> tuple[BundleConfig, dict[str, bytes]]:
    """Read a bundle's config and files, and check each file against its size and sha256.

    Returns:
        The config, and the bytes of each file by name.

    Raises:
        BundleError: With every file that is missing or differs.
    """
    config_path = folder / CONFIG_FILE
    if not config_path.is_file():
        raise BundleError(
            f"{folder} is no bundle: it has no {CONFIG_FILE}; `mien export RUN --out DIR` makes one"
        )
    config = BundleConfig.read(config_path)
    contents: dict[str, bytes] = {}
    problems: list[str] = []
    for name, entry in config.files.items():
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            problems.append(f"{name}: cannot be read: {error.strerror or error}")
            continue
        found = hashlib.sha256(data).hexdigest()
        if len(data) != entry.bytes:
            problems.append(f"{name}: expected {entry.bytes} bytes, got {len(data)}")
        elif found != entry.sha256:
            problems.append(f"{name}: expected sha256 {entry.sha256}, got {found}")
        contents[name] = data
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise BundleError(f"the bundle in {folder} is damaged; {_AGAIN}:{listed}")
    return config, contents


def _check_graph(session: OnnxSession, config: BundleConfig, path: Path) -> None:
    """Refuse a graph whose input or outputs are not those of the config."""
    problems: list[str] = []
    size, channels = config.input.size, config.input.channels
    if session.input_names != (GRAPH_INPUT,):
        problems.append(f"expected the one input {GRAPH_INPUT!r}, got {list(session.input_names)}")
    elif not _fits(session.input_shape, (channels, size, size)):
        problems.append(
            f"expected input shape (n, {channels}, {size}, {size}) with n free, "
            f"got {session.input_shape}"
        )
    promised = {head.output: len(head.labels) for head in config.heads}
    if set(session.output_names) != set(promised):
        problems.append(
            f"expected the outputs {sorted(promised)}, got {sorted(session.output_names)}"
        )
    for name, shape in session.output_shapes.items():
        if name in promised and not _fits(shape, (promised[name],)):
            problems.append(
                f"expected output {name} of shape (n, {promised[name]}) with n free, got {shape}"
            )
    if problems:
        raise BundleError(f"{path} does not fit {CONFIG_FILE}; {_AGAIN}: {'; '.join(problems)}")


def _fits(shape: tuple[int | str | None, ...], tail: tuple[int, ...]) -> bool:
    """Tell whether a graph's shape is (free, *tail)."""
    return len(shape) == len(tail) + 1 and not isinstance(shape[0], int) and shape[1:] == tail
