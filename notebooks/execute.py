"""Execute the notebooks and keep what they show in them.

    python notebooks/execute.py                        all of them, in place, as they are kept
    python notebooks/execute.py reading-faces.ipynb --out elsewhere.ipynb --set 'PHOTO="me.jpg"'

The values of the cell tagged `parameters` are replaced for the execution alone. What is kept may
be shown to anybody: where a notebook wants a dataset, drawn faces are made for it.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

FOLDER = Path(__file__).resolve().parent
CELL_TIMEOUT_S = 1800
TAG = "parameters"
KEPT_FACES = 1500
# Made by the cells as they are; tests compare it with the cells as they have become.
DIGEST_KEY = "sources_sha256"


def digest_sources(notebook: NotebookNode) -> str:
    """Return the sha256 of all code of a notebook, in hexadecimal."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


def execute(path: Path, parameters: Mapping[str, Any]) -> NotebookNode:
    """Execute a notebook in its own folder.

    Args:
        path: The notebook.
        parameters: Names that the cell tagged `parameters` sets, and other values for them.

    Returns:
        The notebook with its outputs, its cells as they were.

    Raises:
        ValueError: If no cell is tagged `parameters`, or it does not set one of the names.
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    tagged = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", ())]
    if len(tagged) != 1:
        raise ValueError(f"expected one cell tagged {TAG!r} in {path}, found {len(tagged)}")
    unknown = [name for name in parameters if f"{name} = " not in tagged[0].source]
    if unknown:
        raise ValueError(f"{path.name} has no parameter {', '.join(unknown)}")
    own_source = tagged[0].source
    assignments = [f"{name} = {value!r}" for name, value in parameters.items()]
    tagged[0].source = "\n".join([own_source, *assignments])
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        # When each cell ran is nobody's business, and changes at every execution.
        record_timing=False,
    ).execute()
    tagged[0].source = own_source
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # What native libraries say of themselves is no result.
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
            for output in cell.outputs:
                shrink_plot(output)
    notebook.metadata["mien"] = {DIGEST_KEY: digest_sources(notebook)}
    notebook.metadata.pop("widgets", None)
    return notebook


def shrink_plot(output: NotebookNode) -> None:
    """Give a plot, which has few colours, a palette: the same to the eye, a third of the bytes."""
    data = output.get("data", {})
    if "image/png" in data:
        small = BytesIO()
        plot = Image.open(BytesIO(base64.b64decode(data["image/png"])))
        plot.convert("RGB").quantize(256).save(small, "png", optimize=True)
        data["image/png"] = base64.b64encode(small.getvalue()).decode()


def kept_parameters(path: Path, scratch: Path) -> dict[str, Any]:
    """Return the parameters that a notebook of this folder is executed with to be kept.

    Args:
        path: The notebook.
        scratch: An empty folder for what it needs and leaves.
    """
    if path.stem != "from-data-to-model":
        return {}
    from drawn_faces import write_faces

    write_faces(scratch / "drawn-faces", KEPT_FACES, seed=0)
    return {"DATA": str(scratch / "drawn-faces"), "OUT": str(scratch / "runs")}


def main() -> int:
    """Execute and write; return 2 on wrong use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", help="names in this folder; all if none")
    parser.add_argument("--out", type=Path, help="where it goes instead; for one notebook")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=JSON", help="a parameter's value"
    )
    wanted = parser.parse_args()
    names = wanted.notebooks or sorted(path.name for path in FOLDER.glob("*.ipynb"))
    if len(names) != 1 and (wanted.out or wanted.set):
        parser.error("--out and --set are for one notebook; name it")
    given = {
        name: json.loads(value) for name, _, value in (one.partition("=") for one in wanted.set)
    }
    for name in names:
        with tempfile.TemporaryDirectory(prefix="mien-notebook-") as scratch:
            parameters = given or kept_parameters(FOLDER / name, Path(scratch))
            notebook = execute(FOLDER / name, parameters)
        nbformat.write(notebook, wanted.out or FOLDER / name)
        sys.stdout.write(f"{name}: executed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
