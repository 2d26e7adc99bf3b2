"""Scans packed into tar and Parquet, in `batch_classify.packed`."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

import pyarrow.parquet as pq  # noqa: E402 - pyarrow may be missing

from batch_classify.packed import members  # noqa: E402
from batch_classify.row import Reason  # noqa: E402
from batch_classify.scan import ALL_IMAGES, Selection  # noqa: E402

WEBDATASET = ["000.png", "000.cls", "001.png", "001.cls", "sub/002.JPG", ".hidden.png", "./003.png"]


def tar(path: Path, names: Iterable[str]) -> bytes:
    """Write a tar with files of these names, each holding its name, and a folder; return its bytes."""
    with tarfile.open(path, "w") as file:
        folder = tarfile.TarInfo("sub")
        folder.type = tarfile.DIRTYPE
        file.addfile(folder)
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            file.addfile(info, io.BytesIO(name.encode()))
    return path.read_bytes()


def found(
    root: Path, packed: str, selection: Selection = ALL_IMAGES
) -> tuple[list[tuple[str, bytes | None]], int]:
    """Return the names of the scans in a packed file with their bytes, and how many files are none."""
    all_ = list(members(root, packed, selection))
    return [(one[0], one[1].data) for one in all_ if one], all_.count(None)


def test_a_tar_counts_as_a_folder_whose_files_keep_their_order(tmp_path: Path) -> None:
    """What is named like an image is a candidate, what is hidden not looked at, and the rest counted."""
    tar(tmp_path / "shard-0.tar", WEBDATASET)
    names, ignored = found(tmp_path, "shard-0.tar")
    assert names == [
        ("shard-0.tar/000.png", b"000.png"),
        ("shard-0.tar/001.png", b"001.png"),
        ("shard-0.tar/sub/002.JPG", b"sub/002.JPG"),
        ("shard-0.tar/003.png", b"./003.png"),
    ]
    assert ignored == 2


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (
            Selection(include=("*.cls",)),
            ["000.png", "000.cls", "001.png", "001.cls", "sub/002.JPG", "003.png"],
        ),
        (Selection(exclude=("sub",)), ["000.png", "001.png", "003.png"]),
        (Selection(exclude=("shard-0.tar/00[01]*",)), ["sub/002.JPG", "003.png"]),
        (Selection(recursive=False), ["000.png", "001.png", "003.png"]),
    ],
)
def test_the_selection_holds_in_a_tar_as_in_a_folder(
    tmp_path: Path, selection: Selection, names: list[str]
) -> None:
    """Names, folders and depth count as they do outside."""
    tar(tmp_path / "shard-0.tar", WEBDATASET)
    assert [name for name, _ in found(tmp_path, "shard-0.tar", selection)[0]] == [
        f"shard-0.tar/{name}" for name in names
    ]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"bytes": [b"a", b"b"]}, ["00000000", "00000001"]),
        ({"label": [1, 2], "name": ["x.png", "y"], "image": [b"a", b"b"]}, ["x.png", "y"]),
        ({"image": [{"bytes": b"a", "path": "x.png"}, {"bytes": b"b", "path": None}]}, ["x.png", "00000001"]),
        ({"__key__": ["/k/1", "k2"], "png": [b"a", b"b"]}, ["k/1", "k2"]),
    ],
)
def test_parquet_gives_its_column_of_bytes(
    tmp_path: Path, columns: dict[str, list[object]], names: list[str]
) -> None:
    """Every row is a candidate, under its name where there is one and else under its number."""
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    assert found(tmp_path, "p.parquet") == (
        [(f"p.parquet/{names[0]}", b"a"), (f"p.parquet/{names[1]}", b"b")],
        0,
    )


def test_rows_of_parquet_can_be_left_out_by_name(tmp_path: Path) -> None:
    """They are counted as ignored, as files are."""
    pq.write_table(pa.table({"name": ["x", "y"], "png": [b"a", b"b"]}), tmp_path / "p.parquet")
    assert found(tmp_path, "p.parquet", Selection(exclude=("x",))) == ([("p.parquet/y", b"b")], 1)


def test_a_row_without_bytes_is_an_empty_file(tmp_path: Path) -> None:
    """It is a row of the table, too."""
    pq.write_table(pa.table({"png": [b"a", None]}), tmp_path / "p.parquet")
    last = list(members(tmp_path, "p.parquet", ALL_IMAGES))[-1]
    assert last and last[1].problem and last[1].problem.reason is Reason.EMPTY_FILE


@pytest.mark.parametrize(
    ("blocks", "whole_files"), [(0, 0), (0.2, 0), (4, 1), (5, 2), (5.2, 2), (7, 3), (7.5, 3)]
)
def test_a_damaged_tar_stands_for_what_is_lost_with_it(
    tmp_path: Path, blocks: float, whole_files: int
) -> None:
    """What lies before the damage is read, and one row, named like a folder, is for the rest."""
    whole = tar(tmp_path / "t.tar", ["000.png", "001.png", "002.png"])
    (tmp_path / "t.tar").write_bytes(whole[: int(512 * blocks)])
    *read, last = members(tmp_path, "t.tar", ALL_IMAGES)
    assert [one and one[0] for one in read] == [f"t.tar/00{number}.png" for number in range(whole_files)]
    assert last and last[0] == "t.tar/"
    assert last[1].problem and last[1].problem.reason is Reason.UNREADABLE
    assert last[1].sha256 == ""


def test_a_header_that_was_overwritten_is_no_end(tmp_path: Path) -> None:
    """The row for the rest is there, too."""
    whole = bytearray(tar(tmp_path / "t.tar", ["000.png", "001.png"]))
    whole[512 * 3 : 512 * 4] = b"x" * 512
    (tmp_path / "t.tar").write_bytes(whole)
    assert [one and one[0] for one in members(tmp_path, "t.tar", ALL_IMAGES)] == ["t.tar/000.png", "t.tar/"]


@pytest.mark.parametrize("content", [b"", b"no parquet", None])
def test_what_is_no_parquet_is_a_row(tmp_path: Path, content: bytes | None) -> None:
    """So is a table without a column of bytes."""
    if content is None:
        pq.write_table(pa.table({"label": [1]}), tmp_path / "p.parquet")
    else:
        (tmp_path / "p.parquet").write_bytes(content)
    ((name, contents),) = (one for one in members(tmp_path, "p.parquet", ALL_IMAGES) if one)
    assert name == "p.parquet/"
    assert contents.problem and contents.problem.reason is Reason.UNREADABLE
