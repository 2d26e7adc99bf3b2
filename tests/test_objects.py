"""Scans in an object store, in `batch_classify.objects`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

from batch_classify import objects  # noqa: E402 - fsspec may be missing
from batch_classify.decode import Limits  # noqa: E402
from batch_classify.errors import ExitCode, JobError  # noqa: E402
from batch_classify.objects import ObjectScan, read_objects  # noqa: E402
from batch_classify.row import Reason  # noqa: E402
from batch_classify.scan import Scan, Selection  # noqa: E402
from batch_classify.uri import Uri  # noqa: E402

FILES = [
    "b.png",
    "a/2.png",
    "a/10.PNG",
    "a-1.png",
    "a.png",
    "a/z/deep.tif",
    "drafts/x.png",
    "notes.txt",
    "é.png",
    ".hidden.png",
    ".git/y.png",
    "odd[1]*?.png",
    "list.scan",
]
ROOT = Uri("memory://bucket/scans")


@pytest.fixture
def store() -> Iterator[object]:
    """A store in memory with some objects; it is this process' only one, so it is emptied again."""
    fs = fsspec.filesystem("memory")
    for name in FILES:
        fs.pipe_file(f"/bucket/scans/{name}", name.encode())
    fs.pipe_file("/bucket/scans/empty.png", b"")
    yield fs
    fs.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(include=("*.scan",)),
        Selection(exclude=("drafts", "a/*.png")),
        Selection(recursive=False),
    ],
)
def test_the_candidates_are_those_of_a_folder(store: object, selection: Selection, tmp_path: Path) -> None:
    """The same names in the same order, and as many ignored, as if the objects were files."""
    for name in [*FILES, "empty.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(name.encode())
    files, there = Scan(tmp_path, selection), ObjectScan(ROOT, selection)
    assert list(there) == list(files)
    assert there.ignored == files.ignored
    assert there.count() == len(list(files))


def test_results_among_the_scans_are_not_looked_into(store: object) -> None:
    """What lies below the address of the results is no candidate."""
    names = list(ObjectScan(ROOT, skip=ROOT / "a"))
    assert "a-1.png" in names
    assert not [name for name in names if name.startswith("a/")]


def test_the_mark_tells_whether_an_object_changed(store: object) -> None:
    """It stays while the object does, and another content or another time of writing is another mark."""

    def mark() -> tuple[int, str]:
        scan = ObjectScan(ROOT)
        return next(scan.mark(name) for name in scan if name == "b.png")

    before = mark()
    assert before == mark()
    store.pipe_file("/bucket/scans/b.png", b"other")  # type: ignore[attr-defined]  # fsspec has no types
    assert mark() != before


@pytest.mark.parametrize("address", ["memory://bucket/nowhere", "memory://nowhere/at/all"])
def test_an_address_with_nothing_is_an_input_error(store: object, address: str) -> None:
    """The message names it."""
    with pytest.raises(JobError, match=address) as refusal:
        list(ObjectScan(Uri(address)))
    assert refusal.value.code is ExitCode.INPUT


def test_objects_are_read_in_order(store: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each comes with its hash, whatever it is called and however few may be on their way."""
    monkeypatch.setattr(objects, "_HELD", 8)
    scan = ObjectScan(ROOT)
    files = [(name, scan.mark(name).size) for name in scan]
    assert ("odd[1]*?.png", 12) in files
    read = list(read_objects(ROOT, files))
    assert [name for name, _ in read] == [name for name, _ in files]
    for name, contents in read:
        if name != "empty.png":
            assert contents.data == name.encode()
            assert contents.sha256 == hashlib.sha256(name.encode()).hexdigest()
    empty = dict(read)["empty.png"].problem
    assert empty and empty.reason is Reason.EMPTY_FILE


def test_what_cannot_be_read_says_why(store: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gone, forbidden or lost on the way: the others are read all the same."""

    def cat_file(self: object, path: str) -> bytes:
        if path.endswith("a.png"):
            raise PermissionError(13, "Forbidden")
        if path.endswith("b.png"):
            raise ValueError("the connection broke\nhere")
        return original(self, path)

    original = type(store).cat_file  # type: ignore[attr-defined]  # fsspec has no types
    monkeypatch.setattr(type(store), "cat_file", cat_file)
    names = ["gone.png", "a.png", "b.png", "é.png"]
    found = [contents for _, contents in read_objects(ROOT, [(name, 9) for name in names])]
    assert [one.problem and one.problem.reason for one in found] == [
        Reason.VANISHED,
        Reason.PERMISSION_DENIED,
        Reason.UNREADABLE,
        None,
    ]
    assert found[2].problem and found[2].problem.detail.endswith("(the connection broke)")
    assert [one.sha256 == "" for one in found] == [True, True, True, False]


def test_an_object_over_the_limit_is_hashed_and_not_held(
    store: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file is, and without being fetched in one piece."""
    monkeypatch.setattr(objects, "DEFAULT_LIMITS", Limits(bytes=10))
    monkeypatch.setattr(objects.take, "__defaults__", (Limits(bytes=10),))
    monkeypatch.setattr(type(store), "cat_file", lambda self, path: pytest.fail("fetched whole"))
    ((_, contents),) = read_objects(ROOT, [("a/z/deep.tif", 12)])
    assert contents.data is None
    assert contents.sha256 == hashlib.sha256(b"a/z/deep.tif").hexdigest()
    assert contents.problem and contents.problem.reason is Reason.TOO_LARGE
