"""A PostgreSQL server for tests: found on this machine, started in a folder, stopped after."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def find_programs() -> Path | None:
    """The folder of initdb and pg_ctl; Debian keeps them off the path."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "pg_ctl").is_file():
            return folder
    return None


def _as_somebody() -> dict[str, Any]:
    """How to run a program as a user that PostgreSQL accepts, which root is not."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("this is root, and there is neither a user postgres nor nobody")


@contextmanager
def serving(programs: Path) -> Iterator[str]:
    """Run a server that is reached through a socket in its folder only; give its URL."""
    somebody = _as_somebody()
    # Not in the folder of pytest, which only its own user can enter; and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="mien-pg-"))
    if somebody:
        os.chown(folder, somebody["user"], somebody["group"])
    data, log = folder / "data", folder / "log"

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs / program, *arguments],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
            **somebody,
        )
        if done.returncode:
            said = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{program} failed: {done.stderr}\n{said}")

    try:
        run("initdb", "-D", str(data), "-U", "mien", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", str(data), "-l", str(log), "-w", "-t", "240", "-o", options, "start")
        try:
            yield f"postgresql://mien@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
