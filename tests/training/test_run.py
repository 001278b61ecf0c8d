"""What a run folder says about the code that made it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mien.core.errors import ConfigError
from mien.training import run
from mien.training.run import describe_environment, read_report


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a package `mien` in it that is taken for the one that runs."""
    if shutil.which("git") is None:
        pytest.skip("no git here")
    package = tmp_path / "src" / "mien"
    for name in ("__init__.py", "models/net.py", "training/run.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    _git(tmp_path, "init", "-q")
    monkeypatch.setattr(run, "__file__", str(package / "training" / "run.py"))
    return tmp_path


def _git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def _commit_said() -> object:
    return describe_environment(precision="fp32", devices=1, command="")["git_commit"]


def test_commit_is_that_of_the_package_and_dirty_wherever_it_was_changed(checkout: Path) -> None:
    _git(checkout, "add", "src")
    _git(checkout, "commit", "-qm", "all")
    commit = _git(checkout, "rev-parse", "HEAD")
    assert _commit_said() == commit
    (checkout / "notes.txt").write_text("not code")
    assert _commit_said() == commit
    (checkout / "src/mien/models/net.py").write_text("changed = True")
    assert _commit_said() == f"{commit}-dirty"


def test_commit_of_a_repository_that_only_holds_the_environment_is_not_taken(
    checkout: Path,
) -> None:
    (checkout / "README").write_text("somebody else's project")
    _git(checkout, "add", "README")
    _git(checkout, "commit", "-qm", "theirs")
    assert _commit_said() is None


def test_a_run_that_has_not_ended_has_an_empty_report(tmp_path: Path) -> None:
    assert read_report(tmp_path) == {}


@pytest.mark.parametrize("content", ["{", "[1]", "\x00"])
def test_a_damaged_report_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(ConfigError, match=r"report\.json"):
        read_report(tmp_path)
