"""Which files below a folder belong to the run, one after the other in a stable order.

Knows names, folders and links; opens no file, so it does not know whether one is really an image, and
it writes no row: what it could not list it hands over in `Scan.unlisted`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from batch_classify.errors import ExitCode, JobError

IMAGE_EXTENSIONS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif"}
) | {".pgm", ".ppm", ".pbm", ".pnm"}
_IMAGE_ENDINGS = tuple(IMAGE_EXTENSIONS)


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user chose: which names belong to the run, and how far the scan goes.

    `include` adds files without an image extension; `exclude` removes files, and whole folders with
    all they hold, and wins over `include`. Both are globs as in `fnmatch.fnmatchcase`: case counts,
    `*` and `?` match `/` too. A glob with a `/` must match the whole path below the root, one without
    must match its last part.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    recursive: bool = True
    follow_links: bool = False

    def takes(self, file: str) -> bool:
        """Whether a file of this name belongs to the run."""
        named = file.lower().endswith(_IMAGE_ENDINGS) or _matches(self.include, file)
        return named and not _matches(self.exclude, file)

    def enters(self, folder: str) -> bool:
        """Whether a folder of this name is scanned."""
        return self.recursive and not _matches(self.exclude, folder)


ALL_IMAGES = Selection()


class Unlisted(NamedTuple):
    """A folder that could not be listed: its path below the root, and why."""

    folder: str
    error: OSError


class _Kind(Enum):
    """What an entry of a folder is to the scan; links count as what they lead to."""

    FILE = auto()
    FOLDER = auto()
    STRAY = auto()  # a link out of the root that is not followed
    OTHER = auto()


_Identity = tuple[int, int]


class Scan:
    """The candidate files below `root`, as paths with `/` between the parts (surrogate escapes).

    Entries come in the order of the bytes of their names, files and folders mixed, depth first. Only
    names on the way to the current file are held in memory. Hidden files and folders are never looked
    at, nor are pipes, sockets and devices, nor the folder `skip`, whatever path leads to it, if it is
    there when the iteration begins.

    A link counts as what it leads to, under its own name, except that

    - one that leads out of `root` is ignored, unless `follow_links`;
    - one to a folder inside `root` is not entered: the folder has its own place in the scan;
    - one that leads nowhere is taken for a file, so that one named like an image gets its error row.

    With `follow_links` no folder is entered twice, so that links in a circle do no harm.

    After an iteration, and growing during it:

    - `ignored` counts the files that were not candidates: other names, excluded ones, and links that
      lead out of `root`. Folders that were not entered count for nothing.
    - `unlisted` holds the folders whose files are unknown, since they could not be listed.

    Iterating raises JobError (INPUT) if `root` itself cannot be listed.
    """

    def __init__(self, root: Path, selection: Selection = ALL_IMAGES, skip: Path | None = None) -> None:
        self.path = root
        self.root = root
        self.selection = selection
        self.skip = skip
        self.ignored = 0
        self.unlisted: list[Unlisted] = []
        self._real_root = os.path.realpath(root)

    def __iter__(self) -> Iterator[str]:
        self.ignored = 0
        self.unlisted = []
        closed = _barred(self.skip)
        try:
            waiting = self._list("", closed)
        except OSError as error:
            raise JobError(
                ExitCode.INPUT,
                f"cannot list the folder {self.root}: {error.strerror}. "
                "Name a folder that exists and that you may read.",
            ) from error
        while waiting:
            path = waiting.pop()
            if not path.endswith("/"):
                yield path
                continue
            try:
                waiting += self._list(path, closed)
            except OSError as error:
                self.unlisted.append(Unlisted(path.removesuffix("/"), error))

    def count(self) -> int:
        """Count the candidates, by going through the folder once more than needed."""
        return sum(1 for _ in Scan(self.root, self.selection, self.skip))

    def _list(self, folder: str, closed: set[_Identity]) -> list[str]:
        """Find the candidates and folders in `folder`, last first; folders, as `folder`, end in `/`."""
        location = self.root / folder
        identity = _identity(location)
        if identity in closed:
            return []
        # Without links a folder has one place only, and some network file systems repeat inode numbers.
        if self.selection.follow_links:
            closed.add(identity)
        found = []
        with os.scandir(location) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = folder + entry.name
                match self._kind(entry):
                    case _Kind.FILE if self.selection.takes(path):
                        found.append(path)
                    case _Kind.FILE | _Kind.STRAY:
                        self.ignored += 1
                    case _Kind.FOLDER if self.selection.enters(path):
                        found.append(f"{path}/")
        found.sort(key=lambda path: os.fsencode(path.removesuffix("/")), reverse=True)
        return found

    def _kind(self, entry: os.DirEntry[str]) -> _Kind:
        if not entry.is_symlink():
            if entry.is_file(follow_symlinks=False):
                return _Kind.FILE
            return _Kind.FOLDER if entry.is_dir(follow_symlinks=False) else _Kind.OTHER
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            if error.errno == errno.ELOOP:  # a circle, or a chain so long that realpath would not return
                return _Kind.FILE
            mode = stat.S_IFREG
        inside = Path(os.path.realpath(entry)).is_relative_to(self._real_root)
        if not inside and not self.selection.follow_links:
            return _Kind.STRAY
        if stat.S_ISDIR(mode) and not inside:
            return _Kind.FOLDER
        return _Kind.FILE if stat.S_ISREG(mode) else _Kind.OTHER


class OneFile:
    """A single file as a scan of its own: a candidate whatever its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path.parent
        self.ignored = 0
        self.unlisted: list[Unlisted] = []
        self._name = path.name

    def __iter__(self) -> Iterator[str]:
        yield self._name


def _identity(folder: Path) -> _Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _barred(skip: Path | None) -> set[_Identity]:
    try:
        return {_identity(skip)} if skip else set()
    except OSError:  # what is not there, or not within reach, cannot be entered
        return set()


def _matches(globs: tuple[str, ...], path: str) -> bool:
    if not globs:  # as mostly; what comes is a fifth of the walk
        return False
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in glob else name, glob) for glob in globs)
