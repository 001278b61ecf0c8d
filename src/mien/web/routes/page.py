"""The built pages and their parts."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from mien.web.errors import ApiError

STATIC = Path(__file__).resolve().parents[1] / "static"
HOW_TO_BUILD = (
    "the live page is not built here; `pip install -e .` or `python hatch_build.py` in the "
    "source folder builds it (an installed mien has it)"
)

# A page's script reads from its address what it is to show.
PAGES = {
    "/": "index.html",
    "/upload": "upload.html",
    "/sessions": "sessions.html",
    "/sessions/{session_id:int}": "session.html",
    "/compare": "compare.html",
    "/models": "models.html",
    "/settings": "settings.html",
    "/about": "about.html",
    "/docs": "docs.html",
}

router = APIRouter(include_in_schema=False)


class _Assets(StaticFiles):
    """Files whose names carry a hash of their contents, so they never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def page_is_built() -> bool:
    """Say whether the page is there."""
    return (STATIC / "index.html").is_file()


def add_page(app: FastAPI) -> None:
    """Serve the page, if it is built; else its address says how to build it."""
    app.include_router(router)
    # Licence texts of what the pages contain.
    licences = StaticFiles(directory=STATIC / "licences", check_dir=False)
    app.mount("/licences", licences, name="licences")
    app.mount("/assets", _Assets(directory=STATIC / "assets", check_dir=False), name="assets")


def _add(address: str, name: str) -> None:
    @router.get(address)
    async def page() -> FileResponse:
        return _file(name)


for _address, _name in PAGES.items():
    _add(_address, _name)


# What stands beside the pages under a name that stays.
for _name in ("icon.svg", "theme.js"):
    _add(f"/{_name}", _name)


def _file(name: str) -> FileResponse:
    if not (STATIC / name).is_file():
        raise ApiError(503, "page_not_built", HOW_TO_BUILD)
    return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})
