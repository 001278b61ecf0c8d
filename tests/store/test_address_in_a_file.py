"""The address of a database, with its password, can be in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.core.errors import ConfigError
from mien.store import open_store
from mien.store.engine import ENVIRONMENT, ENVIRONMENT_FILE, read_address
from mien.web.settings import load_settings

ADDRESS = "postgresql://anna:geheim@db.example/mien"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "database_url"
    path.write_text(f"{ADDRESS}\n", encoding="utf-8")
    return path


def test_settings_read_it_and_do_not_show_it(file: Path) -> None:
    settings = load_settings(database_url_file=file)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == ADDRESS
    assert "geheim" not in repr(settings)


def test_the_store_opens_what_the_file_of_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "named.db"
    (tmp_path / "database_url").write_text(f"sqlite:///{database}")
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setenv(ENVIRONMENT_FILE, str(tmp_path / "database_url"))
    open_store().close()
    assert database.is_file()
    # An address that is given as it is counts more.
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "other.db"))
    open_store().close()
    assert (tmp_path / "other.db").is_file()


def test_settings_refuse_both(file: Path) -> None:
    with pytest.raises(ConfigError, match="not both") as refused:
        load_settings(database_url_file=file, database_url=ADDRESS)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe"])
def test_a_file_without_one_is_refused_by_its_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "database_url"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="database_url"):
        read_address(path)
    with pytest.raises(ConfigError, match="database_url"):
        load_settings(database_url_file=path)
