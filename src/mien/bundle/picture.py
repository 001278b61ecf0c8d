"""Pictures of a model's answers: a PNG that says of which graph they are."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile, PngInfo

from mien.core.errors import BundleError

# The PNG's own text field that names the graph.
_FIELD = "mien-graph-sha256"


def encode_picture(picture: Image.Image, graph_sha256: str) -> bytes:
    """Return a picture as PNG, with the graph whose answers it shows."""
    info = PngInfo()
    info.add_text(_FIELD, graph_sha256)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True, pnginfo=info)
    return out.getvalue()


def check_picture(png: bytes, graph_sha256: str) -> None:
    """Refuse a picture that does not show the answers of a graph.

    Raises:
        BundleError: If it is no such PNG, or of another graph.
    """
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            found = picture.text.get(_FIELD) if isinstance(picture, PngImageFile) else None
    except UnidentifiedImageError as error:
        raise BundleError("the picture for the card is no PNG") from error
    if found != graph_sha256:
        raise BundleError(
            f"expected a picture with the answers of graph {graph_sha256}, got one of "
            f"{found or 'no graph'}; draw it again with `mien robustness BUNDLE --picture PHOTO`"
        )
