"""The processor's name: what the system says, in a line."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from mien.core import machine
from mien.core.machine import cpu_name


def test_processor_is_named_as_the_system_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nmodel name\t: Some CPU: 3 GHz\nmodel name\t: Another\n")
    monkeypatch.setattr(machine, "Path", lambda _: told)
    assert cpu_name() == "Some CPU: 3 GHz"


def test_system_that_does_not_say_gives_the_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "Path", lambda _: tmp_path / "missing")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert cpu_name() == "riscv64"
