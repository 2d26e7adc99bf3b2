"""Which files belong to a run, in which order, and what becomes of the others."""

from __future__ import annotations

import errno
import os
import random
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batch_classify.errors import ExitCode, JobError
from batch_classify.scan import IMAGE_EXTENSIONS, Scan, Selection

FOLLOW = Selection(follow_links=True)


def make(root: Path, *files: str) -> None:
    """Put empty files below `root`, with the folders they need."""
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def link(path: Path, target: Path | str) -> None:
    """Make `path` a link to `target`, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make an empty folder to scan, with room beside it."""
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Make a folder beside `root`, with one image and one note."""
    folder = tmp_path / "outside"
    make(folder, "far.png", "notes.txt")
    return folder


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, OSError], None]:
    """Make the system refuse to list a folder (the tests may run as root, whom no mode stops)."""
    real = os.scandir

    def refuse(folder: Path, error: OSError) -> None:
        def scandir(path: Path) -> Iterator[os.DirEntry[str]]:
            if Path(path) == folder:
                raise error
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return refuse


@pytest.fixture
def nest(root: Path) -> Iterator[Callable[[int], str]]:
    """Nest folders below `root` deeper than a path can say, and take them away again."""
    descriptor = os.open(root, os.O_RDONLY)
    made = 0

    def enter(folder: str) -> None:
        nonlocal descriptor
        descriptor, left = os.open(folder, os.O_RDONLY, dir_fd=descriptor), descriptor
        os.close(left)

    def nest(depth: int) -> str:
        nonlocal made
        for _ in range(depth):
            os.mkdir("d", dir_fd=descriptor)
            made += 1
            enter("d")
        os.close(os.open("deep.png", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        return "d/" * depth + "deep.png"

    yield nest
    os.unlink("deep.png", dir_fd=descriptor)
    for _ in range(made):
        enter("..")
        os.rmdir("d", dir_fd=descriptor)
    os.close(descriptor)


# Names


@pytest.mark.parametrize("extension", sorted(IMAGE_EXTENSIONS))
def test_an_image_extension_makes_a_candidate(root: Path, extension: str) -> None:
    """Each extension counts in any case."""
    make(root, f"lower{extension}", f"upper{extension.upper()}")
    assert list(Scan(root)) == [f"lower{extension}", f"upper{extension.upper()}"]


@pytest.mark.parametrize("name", ["notes.txt", "png", "7.png.bak", "7.png~", "7png", "Thumbs.db"])
def test_another_name_is_counted_as_ignored(root: Path, name: str) -> None:
    """A file without an image extension gets no row, and is counted."""
    make(root, "7.png", name)
    scan = Scan(root)
    assert list(scan) == ["7.png"]
    assert scan.ignored == 1


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), ["a.png", "sub/b.png", "sub/deep/c.png"]),
        (Selection(recursive=False), ["a.png"]),
        (Selection(include=("*.raw",)), ["a.png", "sub/b.png", "sub/d.raw", "sub/deep/c.png"]),
        (Selection(include=("*.RAW",)), ["a.png", "sub/b.png", "sub/deep/c.png"]),
        (Selection(include=("sub/*.txt",)), ["a.png", "sub/b.png", "sub/deep/c.png", "sub/deep/e.txt"]),
        (Selection(include=("deep/*",)), ["a.png", "sub/b.png", "sub/deep/c.png"]),
        (Selection(include=("[a-z].t?t", "*.raw"), exclude=("*.png",)), ["sub/d.raw", "sub/deep/e.txt"]),
        (Selection(include=("*.raw",), exclude=("d.*",)), ["a.png", "sub/b.png", "sub/deep/c.png"]),
        (Selection(exclude=("b.png",)), ["a.png", "sub/deep/c.png"]),
        (Selection(exclude=("B.png",)), ["a.png", "sub/b.png", "sub/deep/c.png"]),
        (Selection(exclude=("deep",)), ["a.png", "sub/b.png"]),
        (Selection(exclude=("sub/deep",)), ["a.png", "sub/b.png"]),
        (Selection(exclude=("sub/?.png",)), ["a.png", "sub/deep/c.png"]),
        (Selection(exclude=("*/*",)), ["a.png"]),
        (Selection(exclude=("*",)), []),
    ],
)
def test_the_selection_decides(root: Path, selection: Selection, taken: list[str]) -> None:
    """Globs add files, remove files and prune folders; with a slash they see the whole path."""
    make(root, "a.png", "sub/b.png", "sub/d.raw", "sub/deep/c.png", "sub/deep/e.txt")
    assert list(Scan(root, selection)) == taken


def test_excluded_files_are_counted_and_pruned_folders_are_not(root: Path) -> None:
    """What the scan sees and leaves out is counted; what lies in a pruned folder it never sees."""
    make(root, "a.png", "drop.png", "old/b.png", "old/c.png")
    scan = Scan(root, Selection(exclude=("drop.*", "old")))
    assert list(scan) == ["a.png"]
    assert scan.ignored == 1


def test_hidden_names_are_not_looked_at(root: Path) -> None:
    """A leading dot hides files and folders, even from --include, and from the count."""
    make(root, ".hidden.png", ".png", ".cache/a.png", "sub/.b.png")
    scan = Scan(root, Selection(include=("*", ".*", ".cache/*")))
    assert list(scan) == []
    assert scan.ignored == 0


def test_pipes_and_sockets_are_not_looked_at(root: Path) -> None:
    """What is no regular file is no candidate whatever its name, and is not counted."""
    os.mkfifo(root / "pipe.png")
    os.mknod(root / "socket.png", stat.S_IFSOCK | 0o600)
    scan = Scan(root, Selection(include=("*",)))
    assert list(scan) == []
    assert scan.ignored == 0


def test_a_name_that_is_not_utf8_is_given_as_the_system_gives_it(root: Path) -> None:
    """A byte that is not UTF-8 comes as a surrogate escape, in folders and in files."""
    make(root, "caf\udce9/\udcff.png")
    assert list(Scan(root)) == ["caf\udce9/\udcff.png"]


# Order


def test_names_are_sorted_by_their_bytes(root: Path) -> None:
    """Case, accents and undecodable bytes sort as bytes, not as the characters that stand for them."""
    names = ["B.png", "a.png", "z.png", "é.png", "\udcff.png", "🙂.png"]
    make(root, *names)
    assert list(Scan(root)) == sorted(names, key=os.fsencode)
    assert list(Scan(root)) != sorted(names)


def test_files_and_folders_are_mixed_depth_first(root: Path) -> None:
    """A folder stands where its own name sorts, with all it holds before its next neighbour."""
    make(root, "a.png", "b/1.png", "b/c/2.png", "b/d.png", "b-.png", "c.png")
    assert list(Scan(root)) == ["a.png", "b/1.png", "b/c/2.png", "b/d.png", "b-.png", "c.png"]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_not_the_file_systems(root: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """However the system lists the folders, the files come in one order."""
    real = os.scandir

    @contextmanager
    def shuffled(path: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with real(path) as listing:
            entries = list(listing)
        random.Random(seed).shuffle(entries)
        yield iter(entries)

    files = [f"{folder}/{file}.png" for folder in "abc" for file in "1234"]
    make(root, *files)
    monkeypatch.setattr(os, "scandir", shuffled)
    assert list(Scan(root)) == files


def test_a_second_iteration_starts_afresh(root: Path, refuse: Callable[[Path, OSError], None]) -> None:
    """Counts belong to the last iteration, and do not add up."""
    make(root, "a.png", "notes.txt", "locked/b.png")
    refuse(root / "locked", PermissionError(errno.EACCES, "Permission denied"))
    scan = Scan(root)
    assert list(scan) == list(scan) == ["a.png"]
    assert (scan.ignored, len(scan.unlisted)) == (1, 1)


# Links


def test_a_link_to_a_file_inside_is_followed(root: Path) -> None:
    """It is a candidate under its own name, even where what it leads to has none."""
    make(root, "sub/scan.dat")
    link(root / "one.png", "sub/scan.dat")
    link(root / "sub" / "two.png", root / "sub" / "scan.dat")
    scan = Scan(root)
    assert list(scan) == ["one.png", "sub/two.png"]
    assert scan.ignored == 1


@pytest.mark.parametrize("name", ["far.png", "notes.txt", "", "gone.png"])
def test_a_link_that_leads_outside_is_ignored(root: Path, outside: Path, name: str) -> None:
    """File, folder or nothing: what is outside is not looked at, and the link is counted."""
    link(root / "link.png", outside / name)
    scan = Scan(root)
    assert list(scan) == []
    assert (scan.ignored, scan.unlisted) == (1, [])


def test_a_folder_whose_name_begins_like_the_root_is_outside(root: Path) -> None:
    """`in-2` beside `in` is another folder."""
    make(root.with_name("in-2"), "a.png")
    link(root / "a.png", root.with_name("in-2") / "a.png")
    assert list(Scan(root)) == []


def test_links_that_lead_outside_are_followed_on_request(root: Path, outside: Path) -> None:
    """Files come under the name of the link, and files in a folder below it."""
    link(root / "file.png", outside / "far.png")
    link(root / "folder", outside)
    scan = Scan(root, FOLLOW)
    assert list(scan) == ["file.png", "folder/far.png"]
    assert scan.ignored == 1


@pytest.mark.parametrize("selection", [Selection(), FOLLOW])
@pytest.mark.parametrize("target", ["sub", ".", "sub/.."])
def test_a_link_to_a_folder_inside_is_not_entered(root: Path, selection: Selection, target: str) -> None:
    """Its files come once, under their own folder, though the link sorts first."""
    make(root, "sub/b.png")
    link(root / "a", target)
    scan = Scan(root, selection)
    assert list(scan) == ["sub/b.png"]
    assert scan.ignored == 0


def test_a_root_that_is_itself_a_link_has_an_inside(root: Path) -> None:
    """Inside is where the root really is."""
    make(root, "a.png")
    link(root / "b.png", "a.png")
    link(root.with_name("alias"), root)
    assert list(Scan(root.with_name("alias"))) == ["a.png", "b.png"]


def test_links_in_a_circle_do_no_harm(root: Path, outside: Path) -> None:
    """Each folder is entered once, though links lead round and round, and back to the root."""
    make(root, "z.png")
    link(root / "a", outside)
    link(root / "b", outside)
    link(outside / "again", outside)
    link(outside / "back", root)
    link(outside / "up", outside.parent)
    assert list(Scan(root, FOLLOW)) == ["a/far.png", "z.png"]


@pytest.mark.parametrize(
    "selection",
    [Selection(recursive=False, follow_links=True), Selection(exclude=("folder",), follow_links=True)],
)
def test_a_link_to_a_folder_is_entered_only_as_a_folder_would_be(
    root: Path, outside: Path, selection: Selection
) -> None:
    """A run that stays at the top or excludes the name does not enter by a link either."""
    link(root / "folder", outside)
    assert list(Scan(root, selection)) == []


@pytest.mark.parametrize(
    ("target", "selection"),
    [("gone.png", Selection()), ("../gone.png", FOLLOW), ("b.png", Selection())],
)
def test_a_broken_link_named_like_an_image_is_a_candidate(
    root: Path, target: str, selection: Selection
) -> None:
    """The reader will miss it and say so; a link to itself is as broken as one to nothing."""
    link(root / "b.png", target)
    link(root / "b.txt", target)
    scan = Scan(root, selection)
    assert list(scan) == ["b.png"]
    assert scan.ignored == 1


def test_a_long_chain_of_links_is_broken(root: Path) -> None:
    """The system gives up after some links; the scan takes each that it gave up on for a candidate."""
    for number in range(1_500):
        link(root / f"{number}.png", f"{number + 1}.png")
    assert len(list(Scan(root))) == 1_500


def test_a_link_to_a_device_is_not_followed(root: Path) -> None:
    """Even where links are followed, what is no regular file is no candidate."""
    link(root / "null.png", "/dev/null")
    scan = Scan(root, FOLLOW)
    assert list(scan) == []
    assert scan.ignored == 0


# Folders that are not entered


def test_the_results_folder_is_skipped_whatever_it_is_called(root: Path, outside: Path) -> None:
    """It is known by what it is: another folder of the same name is scanned."""
    make(root, "a/results/crop.png", "b/results/scan.png")
    link(outside / "alias", root / "a")
    scan = Scan(root, skip=outside / "alias" / "results")
    assert list(scan) == ["b/results/scan.png"]
    assert scan.ignored == 0


def test_the_results_folder_is_skipped_behind_a_link(root: Path, outside: Path) -> None:
    """No link leads into it either."""
    link(root / "a", outside)
    assert list(Scan(root, FOLLOW, skip=outside)) == []


def test_a_results_folder_that_is_not_there_yet_is_no_matter(root: Path) -> None:
    """Nothing is skipped for it."""
    make(root, "a.png")
    assert list(Scan(root, skip=root / "results")) == ["a.png"]


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "Permission denied"), FileNotFoundError(errno.ENOENT, "Gone")]
)
def test_a_folder_that_cannot_be_listed_is_recorded(
    root: Path, refuse: Callable[[Path, OSError], None], error: OSError
) -> None:
    """The scan goes on, and tells which folder it was and why."""
    make(root, "a.png", "sub/locked/b.png", "z.png")
    refuse(root / "sub" / "locked", error)
    scan = Scan(root)
    assert list(scan) == ["a.png", "z.png"]
    assert scan.unlisted == [("sub/locked", error)]


def test_a_folder_that_vanishes_during_the_scan_is_recorded(root: Path) -> None:
    """It was there when its parent was listed, so its files are missed and not passed over."""
    make(root, "a.png", "sub/b.png", "z.png")
    scan = Scan(root)
    files = iter(scan)
    assert next(files) == "a.png"
    (root / "sub").rename(root.with_name("moved"))
    assert list(files) == ["z.png"]
    assert [(folder, type(error)) for folder, error in scan.unlisted] == [("sub", FileNotFoundError)]


def test_a_root_that_is_missing_ends_the_run(root: Path) -> None:
    """The message names the folder and what to do."""
    with pytest.raises(JobError, match="Name a folder that exists") as caught:
        list(Scan(root / "missing"))
    assert caught.value.code == ExitCode.INPUT
    assert str(root / "missing") in str(caught.value)


def test_a_root_that_is_a_file_ends_the_run(root: Path) -> None:
    """One image is no folder of images."""
    make(root, "a.png")
    with pytest.raises(JobError, match="Not a directory"):
        list(Scan(root / "a.png"))


def test_a_root_that_may_not_be_read_ends_the_run(
    root: Path, refuse: Callable[[Path, OSError], None]
) -> None:
    """Not an empty table, but an error."""
    refuse(root, PermissionError(errno.EACCES, "Permission denied"))
    with pytest.raises(JobError, match="Permission denied"):
        list(Scan(root))


# Size


def test_folders_may_be_nested_deeper_than_calls(root: Path, nest: Callable[[int], str]) -> None:
    """The scan reaches a file under more folders than Python lets calls nest."""
    deep = nest(1_500)
    assert list(Scan(root)) == [deep]


def test_a_path_too_long_for_the_system_is_recorded(root: Path, nest: Callable[[int], str]) -> None:
    """Below some depth the system refuses the path; that folder is recorded, and the scan ends."""
    nest(5_000)
    scan = Scan(root)
    assert list(scan) == []
    assert [error.errno for _, error in scan.unlisted] == [errno.ENAMETOOLONG]


def test_memory_does_not_grow_with_the_number_of_files(root: Path) -> None:
    """Ten times the files in ten times the folders need hardly more memory."""
    make(root, *(f"few/{folder}/{file:0>40}.png" for folder in range(10) for file in range(50)))
    make(root, *(f"many/{folder}/{file:0>40}.png" for folder in range(100) for file in range(50)))
    peaks = []
    for folder in ("few", "few", "many"):  # the first scan only fills the caches
        tracemalloc.start()
        for _ in Scan(root / folder):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 2 * peaks[1]
