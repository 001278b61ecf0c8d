"""Fetching a published file: only the right one is kept, and nothing of a wrong one is left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.core.errors import FetchError
from mien.core.fetch import fetch_file, install_file, is_installed
from mien.core.weights import FETCHABLE, YUNET
from publisher import CONTENT, published_at, publishing


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def address() -> Iterator[str]:
    with publishing() as url:
        yield url


def test_the_right_file_is_installed_with_progress(address: str, tmp_path: Path) -> None:
    thing = published_at(f"{address}/good")
    seen: list[int] = []
    path = fetch_file(thing, tmp_path / "deep" / "detectors", on_progress=seen.append)
    assert path == tmp_path / "deep" / "detectors" / "thing.onnx"
    assert path.read_bytes() == CONTENT
    assert seen == sorted(seen) and len(seen) > 1 and seen[-1] == len(CONTENT)
    assert [p.name for p in path.parent.iterdir()] == ["thing.onnx"]
    assert path.stat().st_mode & 0o777 == 0o644
    assert is_installed(thing, path.parent)


def test_a_redirect_is_followed(address: str, tmp_path: Path) -> None:
    assert fetch_file(published_at(f"{address}/moved"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("other", "expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}"),
        ("larger", f"expected {len(CONTENT)} bytes, got more"),
        ("endless", f"expected {len(CONTENT)} bytes, got more"),
        ("cut", f"expected {len(CONTENT)} bytes, got only {len(CONTENT) // 2}: it was cut off"),
        ("short", f"expected {len(CONTENT)} bytes, got only 1000: it was cut off"),
        ("missing", "answered 404 Not Found"),
    ],
)
def test_a_wrong_answer_leaves_nothing_and_says_what_to_do(
    address: str, tmp_path: Path, path: str, told: str
) -> None:
    thing = published_at(f"{address}/{path}")
    with pytest.raises(FetchError, match=told) as caught:
        fetch_file(thing, tmp_path)
    assert "mien models fetch thing --from FILE" in str(caught.value)
    assert thing.url in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_after_a_failure_trying_again_works(address: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetch_file(published_at(f"{address}/cut"), tmp_path)
    assert fetch_file(published_at(f"{address}/good"), tmp_path).read_bytes() == CONTENT


def test_a_download_that_is_too_large_is_not_read_to_its_end(address: str, tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(FetchError):
        fetch_file(published_at(f"{address}/endless"), tmp_path, on_progress=seen.append)
    assert max(seen) <= len(CONTENT)


def test_without_a_net_the_error_says_how_to_do_it_by_hand(tmp_path: Path) -> None:
    with publishing() as url:
        gone = published_at(f"{url}/good")
    with pytest.raises(FetchError, match=r"cannot download http://127.*Connection refused") as c:
        fetch_file(gone, tmp_path)
    assert "by other means and install it with `mien models fetch thing --from" in str(c.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_installed_is_not_fetched_again(address: str, tmp_path: Path) -> None:
    fetch_file(published_at(f"{address}/good"), tmp_path)
    assert fetch_file(published_at(f"{address}/missing"), tmp_path).read_bytes() == CONTENT


def test_a_damaged_installed_file_is_replaced(address: str, tmp_path: Path) -> None:
    thing = published_at(f"{address}/good")
    (tmp_path / thing.file).write_bytes(CONTENT[:-1] + b"?")
    assert not is_installed(thing, tmp_path)
    assert fetch_file(thing, tmp_path).read_bytes() == CONTENT


def test_a_failed_download_keeps_what_was_there(address: str, tmp_path: Path) -> None:
    (tmp_path / "thing.onnx").write_bytes(b"old")
    with pytest.raises(FetchError):
        fetch_file(published_at(f"{address}/other"), tmp_path)
    assert (tmp_path / "thing.onnx").read_bytes() == b"old"


def test_a_stop_by_the_user_leaves_nothing(address: str, tmp_path: Path) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_file(published_at(f"{address}/good"), tmp_path, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(address: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(FetchError, match=r"cannot write .*file/thing\.onnx: "):
        fetch_file(published_at(f"{address}/good"), tmp_path / "file")


class TestByHand:
    def test_the_right_file_is_copied(self, tmp_path: Path) -> None:
        (tmp_path / "downloaded").write_bytes(CONTENT)
        path = install_file(published_at("x"), tmp_path / "downloaded", tmp_path / "detectors")
        assert path.read_bytes() == CONTENT
        assert (tmp_path / "downloaded").exists()

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (CONTENT[::-1], "expected sha256"),
            (CONTENT[:-1], "got only"),
            (CONTENT + b"x", "got more"),
            (b"", "got only 0"),
        ],
    )
    def test_another_file_is_refused(self, tmp_path: Path, content: bytes, told: str) -> None:
        (tmp_path / "downloaded").write_bytes(content)
        with pytest.raises(FetchError, match=told):
            install_file(published_at("x"), tmp_path / "downloaded", tmp_path / "detectors")
        assert not (tmp_path / "detectors").exists()

    @pytest.mark.parametrize("name", ["missing", "."])
    def test_what_cannot_be_read_is_named(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(FetchError, match="cannot read"):
            install_file(published_at("x"), tmp_path / name, tmp_path / "detectors")


def test_what_can_be_fetched_is_stated_in_full() -> None:
    assert dict(FETCHABLE) == {"yunet": YUNET}
    assert YUNET.bytes == 229_738
    assert YUNET.sha256 == "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
    assert YUNET.url.startswith("https://github.com/opencv/opencv_zoo/raw/main/")
    assert YUNET.url.endswith(YUNET.file)


@pytest.mark.dataset
def test_the_yunet_beside_the_data_is_the_published_one(shared_data: Path) -> None:
    path = shared_data.parent / "models" / YUNET.file
    if not path.is_file():
        pytest.skip(f"no {path}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == YUNET.sha256
