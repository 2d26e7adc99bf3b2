"""A file replaced whole or not at all, in `batch_classify.rewrite`."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_classify.rewrite import rewrite


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    """It holds the bytes as they are, and nothing lies beside it."""
    for contents in (b"one\n", b"\r\n\0\xff", b""):
        rewrite(tmp_path / "file.csv", contents)
        assert (tmp_path / "file.csv").read_bytes() == contents
        assert [path.name for path in tmp_path.iterdir()] == ["file.csv"]


@pytest.mark.parametrize(("by", "name"), [("", ".file.csv.partial"), (".17", ".file.csv.17.partial")])
def test_the_bytes_are_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, name: str
) -> None:
    """What is synced is the partial, all of it, while the file is still the old one."""
    file = tmp_path / "file.csv"
    file.write_bytes(b"old")
    synced: list[tuple[str, bytes, bytes]] = []

    def record(number: int) -> None:
        partial = Path(f"/proc/self/fd/{number}").readlink()
        synced.append((partial.name, partial.read_bytes(), file.read_bytes()))

    monkeypatch.setattr("os.fsync", record)
    rewrite(file, b"new", by)
    assert synced == [(name, b"new", b"old")]
    assert file.read_bytes() == b"new"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_what_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, failure: BaseException
) -> None:
    """A full disk or Ctrl-C, before or at the renaming: no partial stays, and the caller hears of it."""
    file = tmp_path / "file.csv"
    file.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(*(("os.fsync", fail) if name == "fsync" else (Path, name, fail)))
    with pytest.raises(type(failure)) as caught:
        rewrite(file, b"new")
    assert caught.value is failure
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.csv"]


def test_a_folder_in_the_way_stays(tmp_path: Path) -> None:
    """Where the partial cannot be opened, the error is that of the opening."""
    (tmp_path / ".file.csv.partial").mkdir()
    with pytest.raises(IsADirectoryError):
        rewrite(tmp_path / "file.csv", b"new")
    assert [path.name for path in tmp_path.iterdir()] == [".file.csv.partial"]
